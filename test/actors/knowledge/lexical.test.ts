// BM25 against a naive computation of its formula, after additions and removals in any order.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLexicalIndex } from "../../../actors/knowledge/lexical.ts";
import { isPart, termsOf } from "../../../actors/knowledge/terms.ts";

const word = fc.constantFrom("alpha", "beta", "gamma", "delta", "退款", "export", "exports", "the");
const text = fc.array(word, { minLength: 1, maxLength: 12 }).map((words) => words.join(" "));

function naive(texts: ReadonlyMap<number, string>, query: string): [number, number][] {
  const documents = [...texts].map(([slot, body]) => ({ slot, terms: termsOf(body, 1_000) }));
  const mean = documents.reduce((sum, { terms }) => sum + terms.length, 0) / documents.length;
  return documents
    .map(({ slot, terms }): [number, number] => {
      let score = 0;
      for (const term of termsOf(query, 1_000)) {
        const holders = documents.filter((other) => other.terms.includes(term)).length;
        // The start of a long word counts for less than the word.
        const share = term.endsWith("-") ? 0.4 : 1;
        const idf = share * Math.log(1 + (documents.length - holders + 0.5) / (holders + 0.5));
        const count = terms.filter((other) => other === term).length;
        score += (idf * count * 2.2) / (count + 1.2 * (0.25 + (0.75 * terms.length) / mean));
      }
      return [slot, score];
    })
    .filter(([, score]) => score > 0)
    .sort((a, b) => b[1] - a[1] || a[0] - b[0]);
}

test("scores are those of the formula, whatever was added and removed before", () => {
  fc.assert(
    fc.property(
      fc.array(text, { minLength: 1, maxLength: 12 }),
      fc.array(fc.nat(11), { maxLength: 6 }),
      text,
      (bodies, gone, query) => {
        const index = createLexicalIndex();
        const left = new Map(bodies.entries());
        for (const [slot, body] of bodies.entries()) index.add(slot, body);
        for (const slot of gone) {
          index.remove(slot, bodies[slot] ?? "");
          left.delete(slot);
        }

        const found = index.search(query, 100);

        const expected = left.size === 0 ? [] : naive(left, query);
        expect(found.map(({ slot }) => slot).sort()).toEqual(expected.map(([slot]) => slot).sort());
        for (const [slot, score] of expected) {
          expect(found.find((hit) => hit.slot === slot)?.score).toBeCloseTo(score, 8);
        }
        expect(found.every(({ coverage }) => coverage > 0 && coverage <= 1 + 1e-9)).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});

describe("terms", () => {
  test("of scripts without spaces are pairs of characters", () => {
    const whole = termsOf("申请退款", 100).filter((term) => !isPart(term));
    expect(whole).toEqual(["申请", "请退", "退款"]);
    expect(termsOf("退", 100)).toEqual(["退"]);
  });

  test("are stems without stop words, unless there is nothing else", () => {
    expect(termsOf("How do I export the invoices?", 100)).toEqual(["export", "invoic", "invoi-"]);
    expect(termsOf("to be or not to be", 100).length).toBeGreaterThan(0);
  });
});

test("a word that many names of a text share does not make the text about it", () => {
  const counted = ["rows", "bytes", "batches", "refusals", "threads", "merges"];
  const metrics = counted.map((name) => `| \`acme_store_${name}_total\` | counter |`).join("\n");
  const index = createLexicalIndex();
  index.add(1, metrics);
  index.add(2, "Acme is a shop for anvils. Acme opens at nine, and anvils are sold by the dozen.");

  expect(index.search("What is Acme?", 2).map(({ slot }) => slot)).toEqual([2, 1]);
  expect(index.search("acme_store_bytes_total", 1).map(({ slot }) => slot)).toEqual([1]);
  expect(index.search("store threads", 1)[0]).toMatchObject({ slot: 1, coverage: 1 });
});

test("words of names count in the first name of each, and with it as often as it comes", () => {
  expect(termsOf("max_rows, max_bulk; MAX__ROWS _max_ max", 100)).toEqual([
    "max",
    "row",
    "bulk",
    "max",
    "row",
    "max",
    "max",
  ]);
});
