// How much of a question a chunk has: what decides whether anything is relevant.

import { expect, test } from "vitest";
import { createLexicalIndex } from "../../../actors/knowledge/lexical.ts";
import { queryTermsOf } from "../../../actors/knowledge/terms.ts";

function coverageOf(texts: readonly string[], question: string): number {
  const index = createLexicalIndex();
  for (const [slot, text] of texts.entries()) index.add(slot, text);
  return index.search(question, 10).find(({ slot }) => slot === 0)?.coverage ?? 0;
}

const others = ["eine andere Sache", "noch etwas ganz anderes", "drittens das Wetter"];

test("words that ask are no part of a question: a collection need not have them", () => {
  const text = "Die Rechnung liegt im Portal bereit.";

  expect(
    coverageOf([text, ...others], "In welchem Portal liegt während dessen wessen Rechnung?"),
  ).toBe(1);
  expect(coverageOf([text, ...others], "Portal Rechnung")).toBe(1);
  expect(queryTermsOf("Welches? Wieviele?").length).toBeGreaterThan(0);
  expect(queryTermsOf("退款需要多长时间?")).toEqual(queryTermsOf("退款需要"));
  expect(queryTermsOf("どこで払い戻しできますか")).not.toContain("どこ");
});

test("a word in another form is there in part, and less than in its own", () => {
  const texts = ["Der Versicherungsschein wird zugesandt.", ...others];
  const own = coverageOf(texts, "Versicherungsschein zugesandt");
  const other = coverageOf(texts, "Versicherungspolice zugesandt");
  const none = coverageOf(texts, "Geburtsurkunde zugesandt");

  expect(own).toBe(1);
  expect(other).toBeGreaterThan(0.7);
  expect(other).toBeLessThan(0.9);
  expect(none).toBeLessThan(0.5);
});

test("a part that is rare, as of a word that nobody has, does not outweigh whole words", () => {
  // Nine runs of letters that nowhere occur beside one word that does.
  const texts = ["Возврат билета в кассе", "Погода на завтра", "Рецепт борща"];

  expect(coverageOf(texts, "возврат билета")).toBe(1);
  expect(coverageOf(texts, "возврат достопримечательностей")).toBeGreaterThan(0.3);
});

test("repeating a word does not make it count twice", () => {
  const texts = ["alpha beta", "gamma", "delta"];

  expect(coverageOf(texts, "alpha alpha alpha omega")).toBeCloseTo(
    coverageOf(texts, "alpha omega"),
    10,
  );
});
