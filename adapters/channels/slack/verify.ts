// Whether a request is Slack's: an HMAC over its time and the very bytes of its body
// (docs.slack.dev/authentication/verifying-requests-from-slack).

import { createHmac, timingSafeEqual } from "node:crypto";
import type { ChannelRequest } from "../adapter.ts";
import { slackLimits } from "./limits.ts";

const TIME = /^\d{1,12}$/;
const SIGNATURE = /^v0=[0-9a-f]{64}$/;

/**
 * Whether a request was signed with one of the secrets, and lately.
 * @param secrets at least one; several while one is replaced.
 */
export function isSigned(
  request: Pick<ChannelRequest, "headers" | "body">,
  secrets: readonly string[],
  nowMs: number,
): boolean {
  const time = request.headers["x-slack-request-timestamp"] ?? "";
  const signature = request.headers["x-slack-signature"] ?? "";
  // A header that came twice is joined by a comma, and is no number any more.
  if (!TIME.test(time) || !SIGNATURE.test(signature)) return false;
  if (Math.abs(Math.floor(nowMs / 1_000) - Number(time)) > slackLimits.toleranceS) return false;
  const given = Buffer.from(signature);
  return secrets.some((secret) => timingSafeEqual(given, signatureOf(secret, time, request.body)));
}

/** What a request with that time and body is signed with. */
function signatureOf(secret: string, time: string, body: Uint8Array): Buffer {
  const hmac = createHmac("sha256", secret).update(`v0:${time}:`).update(body);
  return Buffer.from(`v0=${hmac.digest("hex")}`);
}
