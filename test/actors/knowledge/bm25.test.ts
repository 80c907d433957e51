// The search of postings against a plain one that scores every chunk in turn and sorts: the same
// chunks, scores and coverages, to the last bit, whatever is left out and however few are wanted.

import fc from "fast-check";
import { expect, test } from "vitest";
import { Best } from "../../../actors/knowledge/best.ts";
import { type LexicalHit, searchLexical } from "../../../actors/knowledge/bm25.ts";
import { createLexicalIndex } from "../../../actors/knowledge/lexical.ts";
import { countsOf, isPart, queryTermsOf, termsOf } from "../../../actors/knowledge/terms.ts";

const words = ["alpha", "beta", "gamma", "delta", "exporting", "invoices", "退款", "the", "zebra"];
const text = (maxLength: number) =>
  fc
    // The first words are in nearly every text, as frequent words are.
    .array(fc.nat(words.length ** 2 - 1), { maxLength })
    .map((picked) => picked.map((at) => words[Math.floor(Math.sqrt(at))]).join(" "));

/** Of a word that a chunk has in another form. */
const PARTS_COVER = 0.6;

function plain(
  texts: ReadonlyMap<number, string>,
  query: string,
  limit: number,
  isWanted: (slot: number) => boolean,
  added: ReadonlyMap<string, number>,
): LexicalHit[] {
  const chunks = [...texts].map(([slot, body]) => ({ slot, terms: termsOf(body, 1_000) }));
  const length = chunks.reduce((sum, { terms }) => sum + terms.length, 0);
  const mean = length / Math.max(1, chunks.length);
  const rarityOf = (term: string): number => {
    const holders = chunks.filter(({ terms }) => terms.includes(term)).length;
    const rarity = Math.log(1 + (chunks.length - holders + 0.5) / (holders + 0.5));
    return term.endsWith("-") ? rarity * 0.4 : rarity;
  };
  const asked = queryTermsOf(query);
  const weighed = [...countsOf(asked), ...added];
  // A word stands for its parts, which follow it.
  const wordsAsked = new Map<string, string[]>();
  let parts: string[] = [];
  for (const term of asked) {
    if (isPart(term)) parts.push(term);
    else {
      parts = wordsAsked.get(term) ?? [];
      wordsAsked.set(term, parts);
    }
  }
  const mass = [...wordsAsked.keys()].reduce((sum, term) => sum + rarityOf(term), 0) || 1;
  const hits = chunks.map(({ slot, terms }) => {
    let score = 0;
    for (const [term, weight] of weighed) {
      const count = terms.filter((one) => one === term).length;
      if (count === 0) continue;
      const norm = 1.2 * (1 - 0.75) + ((1.2 * 0.75) / mean) * terms.length;
      score += (rarityOf(term) * weight * (1.2 + 1) * count) / (count + norm);
    }
    let covered = 0;
    for (const [whole, own] of wordsAsked) {
      const sum = (some: readonly string[]): number =>
        some.reduce((before, term) => before + rarityOf(term), 0);
      const there = sum(own.filter((term) => terms.includes(term)));
      if (terms.includes(whole)) covered += rarityOf(whole);
      else if (there > 0) covered += (PARTS_COVER * rarityOf(whole) * there) / sum(own);
    }
    return { slot, score, coverage: covered / mass };
  });
  return hits
    .filter(({ slot, score }) => score > 0 && isWanted(slot))
    .sort((a, b) => b.score - a.score || a.slot - b.slot)
    .slice(0, limit);
}

test("finds exactly what scoring every chunk finds", () => {
  let found = 0;
  fc.assert(
    fc.property(
      fc.array(text(14), { maxLength: 60 }),
      fc.nat(60),
      text(8),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 5 }),
      fc.dictionary(
        fc.constantFrom("alpha", "beta", "invoic", "zebra"),
        fc.float({ min: 0, max: 2, noNaN: true }),
      ),
      (bodies, cut, query, limit, every, more) => {
        const parts = [createLexicalIndex(), createLexicalIndex()];
        for (const [slot, body] of bodies.entries()) parts[slot < cut ? 0 : 1]?.add(slot, body);
        const isWanted = (slot: number): boolean => slot % every === 0;
        const added = new Map(Object.entries(more));

        const expected = plain(new Map(bodies.entries()), query, limit, isWanted, added);

        // Twice: the first leaves nothing behind for the second.
        for (let times = 0; times < 2; times += 1) {
          expect(searchLexical(parts, query, limit, isWanted, added)).toEqual(expected);
        }
        found += expected.length;
      },
    ),
    { numRuns: 400 },
  );
  expect(found).toBeGreaterThan(400);
});

test("the best are those of sorting everything, equal ones by slot", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9), { maxLength: 80 }), fc.nat(20), (scores, limit) => {
      const best = new Best(limit);
      for (const [at, score] of scores.entries()) {
        // Slots come in any order.
        const slot = (at * 37) % 101;
        if (score >= best.least) best.take(score, slot, 0, at);
      }

      const sorted = scores
        .map((score, at) => ({ score, slot: (at * 37) % 101, part: 0, ordinal: at }))
        .sort((a, b) => b.score - a.score || a.slot - b.slot);
      expect(best.sorted()).toEqual(sorted.slice(0, limit));
    }),
  );
});
