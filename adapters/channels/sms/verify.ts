// Whether a request comes from Twilio: it signs the address that it was told to call and the form's fields.
// The address is the configured one, never what a request says of itself: proxies and callers write that.

import { isSigned } from "../../signature.ts";

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
  if (url === "") return false;
  let signed = url;
  for (const name of [...new Set(form.keys())].sort()) {
    for (const value of [...new Set(form.getAll(name))].sort()) signed += name + value;
  }
  return isSigned({
    ...{ given: header, of: [signed], secrets: tokens },
    ...{ hash: "sha1", encoding: "base64" },
  });
}
