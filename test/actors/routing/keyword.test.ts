// The keyword index against a naive reference, and on the forms that people write.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildKeywords } from "../../../actors/routing/keyword.ts";
import { stemLabels } from "../../../actors/text/stem.ts";
import { type Word, wordsOf } from "../../../actors/text/words.ts";

const vocabulary = [
  "bill",
  "bills",
  "billing",
  "card",
  "credit",
  "to",
  "how",
  "ähre",
  "退",
  "款",
  "é",
];
const phrase = fc
  .array(fc.constantFrom(...vocabulary), { minLength: 1, maxLength: 4 })
  .map((words) => words.join(" "));

const agrees = (left: Word | undefined, right: Word | undefined): boolean => {
  if (left === undefined || right === undefined) return false;
  if (left.text === right.text) return true;
  if (left.dense || right.dense) return false;
  const labels = new Set(stemLabels(left.text));
  return stemLabels(right.text).some((label) => labels.has(label));
};

/** Every keyword at every place, without those inside a longer hit. */
function naive(keywords: readonly string[], message: string): string[] {
  const words = wordsOf(message, 1_000);
  const hits: { owner: number; start: number; end: number }[] = [];
  for (const [owner, keyword] of keywords.entries()) {
    const wanted = wordsOf(keyword, 40);
    for (let start = 0; start + wanted.length <= words.length; start += 1) {
      if (wanted.every((word, at) => agrees(word, words[start + at]))) {
        hits.push({ owner, start, end: start + wanted.length });
      }
    }
  }
  const isInside = (hit: (typeof hits)[number]): boolean =>
    hits.some(
      (other) =>
        other.start <= hit.start &&
        other.end >= hit.end &&
        other.end - other.start > hit.end - hit.start,
    );
  return hits
    .filter((hit) => !isInside(hit))
    .map(({ owner, start, end }) => `${owner}@${start}-${end}`)
    .sort();
}

test("one pass finds what a naive search finds", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(phrase, { minLength: 1, maxLength: 8 }),
      fc.array(fc.constantFrom(...vocabulary, "other", "x"), { maxLength: 14 }),
      (keywords, message) => {
        // "how to" alone stands for other phrases; that is tested below.
        const plain = keywords.filter((keyword) => keyword !== "how to");
        const index = buildKeywords(plain.map((keyword, owner) => ({ owner, keyword })));

        const found = index
          .find(wordsOf(message.join(" "), 1_000))
          .map(({ owner, start, end }) => `${owner}@${start}-${end}`)
          .sort();

        expect(found).toEqual(naive(plain, message.join(" ")));
      },
    ),
    { numRuns: 500 },
  );
});

describe("a keyword", () => {
  const hits = (keyword: string, message: string): boolean =>
    buildKeywords([{ owner: 0, keyword }]).find(wordsOf(message, 100)).length > 0;

  test.each([
    ["invoice", "two INVOICES, please"],
    ["invoices", "my invoice"],
    ["car", "all cars"],
    ["bugs", "one bug"],
    ["refund", "I was refunded"],
    ["refund", "refunding takes long"],
    ["crash", "it crashes"],
    ["cancel", "my order was cancelled"],
    ["policy", "all policies"],
    ["shipping", "it has not shipped"],
    ["not working", "it is not   working"],
    ["sign-in", "the sign in page"],
    ["Rechnung", "die Rechnungen vom März"],
    ["Störung", "STÖRUNGEN"],
    ["Straße", "in der strasse"],
    ["facture", "mes factures"],
    ["factura", "las facturas"],
    ["reembolso", "quiero que me reembolsen o un reembolso"],
    ["fattura", "le fatture"],
    ["ошибка", "много ошибок и одна ошибка"],
    ["оплата", "вопрос об оплате"],
    ["café", "CAFE"],
    ["退款", "我要申请退款可以吗"],
    ["ログイン", "昨日からログインできません"],
    ["환불", "환불을 원해요"],
    ["คืนเงิน", "ฉันต้องการคืนเงินค่ะ"],
    ["c++", "I write C++ code"],
    ["ＡＰＩ", "the api"],
    ["how to", "how do I leave"],
    ["how to", "Wie kann ich gehen"],
    ["€", "100 €"],
  ])("%s hits %s", (keyword, message) => {
    expect(hits(keyword, message)).toBe(true);
  });

  test.each([
    ["bill", "the billboard"],
    ["art", "start the party"],
    ["ping", "shopping"],
    ["plan", "an airplane and a platform"],
    ["news", "a new thing"],
    ["c", "C++"],
    ["pro", "approve the product"],
    ["not working", "not now, working"],
    ["如何", "天气怎么样"],
    ["!!!", "hey!!!"],
    ["", "anything"],
  ])("%j does not hit %j", (keyword, message) => {
    expect(hits(keyword, message)).toBe(false);
  });
});
