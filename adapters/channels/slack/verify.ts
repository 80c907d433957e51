// Whether a request is Slack's: an HMAC over its time and the very bytes of its body
// (docs.slack.dev/authentication/verifying-requests-from-slack).

import { isSigned } from "../../signature.ts";
import type { ChannelRequest } from "../adapter.ts";
import { slackLimits } from "./limits.ts";

const TIME = /^\d{1,12}$/;
const SIGNATURE = /^v0=([0-9a-f]{64})$/;

/**
 * Whether a request was signed with one of the secrets, and lately.
 * @param secrets at least one; several while one is replaced.
 */
export function isFromSlack(
  request: Pick<ChannelRequest, "headers" | "body">,
  secrets: readonly string[],
  nowMs: number,
): boolean {
  const time = request.headers["x-slack-request-timestamp"] ?? "";
  const given = SIGNATURE.exec(request.headers["x-slack-signature"] ?? "")?.[1];
  // A header that came twice is joined by a comma, and is no number any more.
  if (!TIME.test(time)) return false;
  if (Math.abs(Math.floor(nowMs / 1_000) - Number(time)) > slackLimits.toleranceS) return false;
  return isSigned({ given, of: [`v0:${time}:`, request.body], secrets });
}
