// Whether a request is Discord's: an Ed25519 signature over its time and the very bytes of its body
// (docs.discord.com/developers/interactions/overview). Discord tries now and then whether a wrong one is refused.

import { createPublicKey, type KeyObject, verify } from "node:crypto";
import type { ChannelRequest } from "../adapter.ts";
import { discordLimits } from "./limits.ts";

const TIME = /^\d{1,12}$/;
const SIGNATURE = /^[0-9a-f]{128}$/;
/** What stands before the 32 bytes of an Ed25519 key in its DER form (RFC 8410). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** A public key of 64 hexadecimal digits. */
export function keyOf(hex: string): KeyObject {
  const key = Buffer.concat([SPKI_PREFIX, Buffer.from(hex, "hex")]);
  return createPublicKey({ key, format: "der", type: "spki" });
}

/** Whether a request was signed with one of the keys, and lately. */
export function isSigned(
  request: Pick<ChannelRequest, "headers" | "body">,
  keys: readonly KeyObject[],
  nowMs: number,
): boolean {
  const time = request.headers["x-signature-timestamp"] ?? "";
  const signature = request.headers["x-signature-ed25519"] ?? "";
  // A header that came twice is joined by a comma, and is no number any more.
  if (!TIME.test(time) || !SIGNATURE.test(signature)) return false;
  if (Math.abs(Math.floor(nowMs / 1_000) - Number(time)) > discordLimits.toleranceS) return false;
  const signed = Buffer.concat([Buffer.from(time), request.body]);
  return keys.some((key) => verify(null, signed, key, Buffer.from(signature, "hex")));
}
