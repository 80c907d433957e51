// Whether a request is of somebody who has a secret of the account: Standard Webhooks 1.0
// (https://github.com/standard-webhooks/standard-webhooks), or the older header with the body's HMAC alone.
// The bytes are signed, not the text: the library that makes these signatures decodes them first, so it
// signs what we send and is no judge of what comes.

import type { ChannelRequest } from "../adapter.ts";
import { isSigned } from "../signature.ts";
import { webhookLimits } from "./limits.ts";
import type { WebhookRules } from "./settings.ts";

/** A verified request: the id of its delivery and when it was signed, where that is signed too. */
export type Verified =
  | { readonly ok: true; readonly id: string | null; readonly atMs: number | null }
  /** Why, for the answer; never what was expected. */
  | { readonly ok: false; readonly reason: string };

const ID = /^[\x21-\x7e]{1,256}$/;
const SECONDS = /^[0-9]{1,12}$/;
const LEGACY = /^sha256=([0-9a-f]{64})$/i;

/** Checks a request's signature. */
export function verify(
  { headers, body }: Pick<ChannelRequest, "headers" | "body">,
  rules: Pick<WebhookRules, "keys" | "legacyHeader" | "legacyKeys">,
  nowMs: number,
): Verified {
  const signatures = headers["webhook-signature"];
  if (signatures !== undefined) return verifyStandard(headers, body, signatures, rules.keys, nowMs);
  const legacy = rules.legacyHeader === null ? undefined : headers[rules.legacyHeader];
  if (legacy === undefined) return refused("It has no webhook-signature.");
  const given = LEGACY.exec(legacy)?.[1]?.toLowerCase();
  const isOurs = isSigned({ given, of: [body], secrets: rules.legacyKeys });
  return isOurs ? { ok: true, id: null, atMs: null } : refused("Its signature is not ours.");
}

function verifyStandard(
  headers: ChannelRequest["headers"],
  body: Uint8Array,
  signatures: string,
  keys: readonly Uint8Array[],
  nowMs: number,
): Verified {
  const { "webhook-id": id = "", "webhook-timestamp": time = "" } = headers;
  if (!ID.test(id)) return refused("webhook-id is missing or no id.");
  if (!SECONDS.test(time)) return refused("webhook-timestamp is missing or no count of seconds.");
  const { toleranceS } = webhookLimits;
  if (Math.abs(nowMs / 1_000 - Number(time)) > toleranceS) {
    return refused(`webhook-timestamp is more than ${toleranceS} s from now.`);
  }
  const of = [`${id}.${time}.`, body];
  const isOurs = signatures
    .split(" ", webhookLimits.signatures)
    .filter((signature) => signature.startsWith("v1,"))
    .map((signature) => signature.slice("v1,".length))
    .some((given) => isSigned({ given, of, secrets: keys, encoding: "base64" }));
  return isOurs
    ? { ok: true, id, atMs: Number(time) * 1_000 }
    : refused("None of its signatures is ours.");
}

function refused(reason: string): Verified {
  return { ok: false, reason };
}
