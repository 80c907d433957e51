// Texts made to be slow for checks that look again at what they have seen, by what they repeat; and the checks.

import type { Guardrail } from "../../actors/records/guardrail.ts";

/** What is repeated. */
export const slowTexts: Readonly<Record<string, string>> = {
  "one letter": "a",
  digits: "4",
  "digits in groups": "4111 ",
  "digits with signs": "(4)-1.",
  "plus signs": "+1 2 ",
  "at signs": "a@",
  "beginnings of addresses": "a@b.",
  "beginnings of IBANs": "DE89 ",
  "beginnings of tokens": "eyJaaaaaaaaaaa.",
  "beginnings of keys": "-----BEGIN PRIVATE KEY-----",
  "names of secrets": "password: ",
  orders: "ignore all ",
  "role marks": "\nuser: ",
  images: "![a](https://b.c/?d=",
  base64: "QUJD",
  "invisible characters": "a\u200b",
  tags: "\u{E0041}",
  colons: "a:",
  words: "falcon ",
};

/** Each kind of check that asks nobody. */
export const slowChecks: Readonly<Record<string, Guardrail["check"]>> = {
  length: { type: "length", max_tokens: 1 },
  pattern: { type: "pattern", deny: ["(a+)+b", "[0-9 ]*x"] },
  allow: { type: "pattern", allow: ["^(a|a)*$"] },
  words: { type: "words", words: ["falcon", "falcon falcon falcon x", "鹰"] },
  pii: { type: "pii", phone_regions: ["DE", "US"] },
  injection: { type: "injection" },
};

/** A text of so many characters. */
export function repeated(unit: string, chars: number): string {
  return unit.repeat(Math.ceil(chars / unit.length)).slice(0, chars);
}
