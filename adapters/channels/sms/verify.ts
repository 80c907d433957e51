// Whether a request comes from Twilio: it signs the address that it was told to call and the form's fields.
// The address is the configured one, never what a request says of itself: proxies and callers write that.

import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * Whether one of the tokens has signed: base64 of HMAC-SHA1 over the address and each field's name and value,
 * fields in the order of their names, each value once.
 */
export function isFromTwilio(
  url: string,
  form: URLSearchParams,
  header: string | undefined,
  tokens: readonly string[],
): boolean {
  if (url === "" || header === undefined) return false;
  const given = Buffer.from(header, "base64");
  if (given.toString("base64") !== header) return false;
  let signed = url;
  for (const name of [...new Set(form.keys())].sort()) {
    for (const value of [...new Set(form.getAll(name))].sort()) signed += name + value;
  }
  let isRight = false;
  for (const token of tokens) {
    const right = createHmac("sha1", token).update(signed, "utf8").digest();
    if (given.length === right.length && timingSafeEqual(given, right)) isRight = true;
  }
  return isRight;
}
