// What is found of personal data and secrets, and what only looks like it.

import { beforeAll, expect, test } from "vitest";
import { loadGuardLibraries } from "../../../actors/guard/libraries.ts";
import { piiScanner } from "../../../actors/guard/pii-scanner.ts";
import { createPlaceholders, redacted } from "../../../actors/guard/placeholders.ts";

beforeAll(() => loadGuardLibraries());

const scanner = piiScanner();
const left = (text: string, by = scanner): string =>
  redacted(text, by.scan(text, 0), createPlaceholders());

test.each([
  ["Write to Ana.Lee+x@mail.example.co.uk, please.", "Write to [EMAIL_1], please."],
  ["<müller@bücher.example>", "<[EMAIL_1]>"],
  ["a@b.de, c@d.fr and a@b.de", "[EMAIL_1], [EMAIL_2] and [EMAIL_1]"],
  ["card 4111 1111 1111 1111 exp 12/29", "card [CARD_1] exp 12/29"],
  ["5500-0000-0000-0004", "[CARD_1]"],
  ["IBAN DE89 3704 0044 0532 0130 00.", "IBAN [IBAN_1]."],
  ["gb29nwbk60161331926819", "[IBAN_1]"],
  ["FR14 2004 1010 0505 0001 3M02 606", "[IBAN_1]"],
  ["SSN 536-90-4399", "SSN [SSN_1]"],
  ["call +49 30 901820 or +1 (415) 555-2671", "call [PHONE_1] or [PHONE_2]"],
  ["0033 1 42 68 53 00", "[PHONE_1]"],
  ["(415) 555-2671, 415-555-2671", "[PHONE_1], [PHONE_1]"],
  ["from 203.0.113.77 and 2001:db8:85a3::8a2e:370:7334", "from [IP_1] and [IP_2]"],
  ["OPENAI_API_KEY=sk-proj-abcdefghijklmnopqrstuvwx12", "OPENAI_API_KEY=[SECRET_1]"],
  ["AKIAIOSFODNN7EXAMPLE", "[SECRET_1]"],
  ["password: hunter2-Xq9!", "password: [SECRET_1]"],
  ["Das Passwort lautet Geh31m-Wort7", "Das Passwort lautet [SECRET_1]"],
  ["postgres://app:s3cret@db.example/x", "postgres://app:[SECRET_1]@db.example/x"],
  [`key troupe_${"01m84680js".repeat(3).slice(4)}_${"k3q9".repeat(13)}.`, "key [SECRET_1]."],
  ["4111\u00A01111\u202F1111\u20071111, 5500\u20110000\u20110000\u20130004", "[CARD_1], [CARD_2]"],
  ["SSN 536\u201390\u20134399, ＳＳＮ ５３６－９０－４３９９", "SSN [SSN_1], ＳＳＮ [SSN_2]"],
  ["ａｎａ＠ｅｘａｍｐｌｅ．ｃｏｍ, ana＠example.com，谢谢", "[EMAIL_1], [EMAIL_2]，谢谢"],
  ["٤١١١١١١١١١١١١١١١ and +۴۹ ३० 901820", "[CARD_1] and [PHONE_1]"],
  ["Authorization: Bearer ab12CD34ef56GH78", "Authorization: Bearer [SECRET_1]"],
])("%s", (text, wanted) => {
  expect(left(text)).toBe(wanted);
});

test.each([
  "The order 4111 1111 1111 1112 has a wrong check digit.",
  "DE89 3704 0044 0532 0130 02 is none, as is DE8937040044053201300.",
  "666-12-3456, 900-12-3456 and 123-00-4567 are given to nobody.",
  "Version 1.2.3, chapter 4.5.6.7.8, 999.1.2.3 and 127.0.0.1.",
  "In 2024 we sold 1,234,567 of 12 345 678 units (2023: 99).",
  "RFC 8259, ISO 9001:2015, 12:30:45, 2026-11-23T02:19:07Z, :: and a::b.",
  "password: the user chooses one. token: string, secret: <your secret>, password=$PASSWORD",
  "commit 3f786850e387550fdab836ed7e6dc881de23001b, id 550e8400-e29b-41d4-a716-446655440000",
  "http://user:<password>@host, https://a.example:8080/x and postgres://db:5432/x?a@b",
  "@mention, user@localhost, a @ b.c and foo@bar",
  "415-555-26 and 12345-6789",
])("nothing is found in: %s", (text) => {
  expect(left(text)).toBe(text);
});

test("numbers as they are written in a country count where a rule names it", () => {
  const text = "Tel. 030 901820";

  expect(left(text)).toBe(text);
  expect(left(text, piiScanner(undefined, ["DE"]))).toBe("Tel. [PHONE_1]");
});

test("a private key is taken out to its end", () => {
  const key = `-----BEGIN PRIVATE KEY-----\n${"MIIEvQIBADANBg\n".repeat(30)}-----END PRIVATE KEY-----`;

  expect(left(`before\n${key}\nafter`)).toBe("before\n[SECRET_1]\nafter");
});

test("only what a rule names is looked for", () => {
  expect(left("a@b.de 203.0.113.7", piiScanner(["ip"]))).toBe("a@b.de [IP_1]");
});
