// Whether a request comes from Meta: the handshake when a webhook is set up, and the signature of each
// delivery, over the bytes as they came.

import { isSameWord, isSigned } from "../../signature.ts";
import type { ChannelRequest, ChannelResponse } from "../adapter.ts";
import { whatsappLimits } from "./limits.ts";

const SIGNATURE = /^sha256=([0-9a-f]{64})$/;
const HANDSHAKE = ["hub.mode", "hub.verify_token", "hub.challenge"] as const;

/** Whether one of the secrets has signed the body: `X-Hub-Signature-256: sha256=<hex HMAC-SHA256>`. */
export function isFromMeta(
  body: Uint8Array,
  header: string | undefined,
  secrets: readonly string[],
): boolean {
  return isSigned({ given: SIGNATURE.exec(header ?? "")?.[1], of: [body], secrets });
}

/**
 * Answers the handshake: the challenge as it is, as text that no browser takes for a page. 403 for another
 * token, and for parameters that are missing, given twice or written as a list (`hub.mode[]`).
 */
export function handshake(request: ChannelRequest, verifyToken: string): ChannelResponse {
  const refused = { status: 403, body: "Forbidden" };
  for (const name of request.query.keys()) {
    if (name.startsWith("hub.") && !HANDSHAKE.includes(name as (typeof HANDSHAKE)[number])) {
      return refused;
    }
  }
  const values = HANDSHAKE.map((name) => request.query.getAll(name));
  if (values.some((given) => given.length !== 1)) return refused;
  const [mode = "", token = "", challenge = ""] = values.map(([value]) => value ?? "");
  if (mode !== "subscribe" || !isSameWord(token, verifyToken)) return refused;
  if (challenge === "" || challenge.length > whatsappLimits.challenge) return refused;
  return {
    status: 200,
    contentType: "text/plain; charset=utf-8",
    headers: { "x-content-type-options": "nosniff" },
    body: challenge,
  };
}
