// Scores smoothed over neighbours: whose they are, by how much, and what stays where it is.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { LexicalHit } from "../../../actors/knowledge/bm25.ts";
import { createLexicalIndex } from "../../../actors/knowledge/lexical.ts";
import {
  bySmoothed,
  smoothedScores,
  smoothingFor,
  smoothingLimits,
} from "../../../actors/knowledge/smoothing.ts";
import { unit } from "../../support/vectors.ts";

const hitsOf = (scores: readonly number[]): LexicalHit[] =>
  scores.map((score, slot) => ({ slot, score, coverage: 1 - slot / 100 }));
/** A vector in one direction of four. */
const towards = (direction: number): Float32Array =>
  Float32Array.from([0, 1, 2, 3], (at) => (at === direction ? 1 : 0));

test("what is like others that score well comes before what is like none of them", () => {
  const hits = hitsOf([10, 9.1, 8, 7.5, 7]);
  const vectors = [0, 1, 0, 2, 0].map(towards);

  const scores = smoothedScores(hits, vectors, 1);

  const { shareMax } = smoothingLimits;
  // Alone in its direction nothing moves it; the others have the mean of one another as a part.
  expect(scores.get(1)).toEqual({ score: 9.1, neighbours: 0 });
  expect(scores.get(3)).toEqual({ score: 7.5, neighbours: 0 });
  expect(scores.get(0)?.neighbours).toBeCloseTo(shareMax * ((8 + 7) / 2 - 10), 10);
  expect(scores.get(4)?.neighbours).toBeCloseTo(shareMax * ((10 + 8) / 2 - 7), 10);
  const sorted = bySmoothed(hits, scores);
  expect(sorted.map(({ slot }) => slot)).toEqual([1, 0, 2, 4, 3]);
  expect(sorted.map(({ slot, coverage }) => [slot, coverage]).sort()).toEqual(
    hits.map(({ slot, coverage }) => [slot, coverage]),
  );
});

test("only the most alike count, by how much they are, and only as far as many answer equally well", () => {
  const { neighbours, shareMax } = smoothingLimits;
  const near = unit(Float32Array.from([1, 0.2, 0, 0]));
  const far = unit(Float32Array.from([1, 0, 3, 0]));
  const rest = Array.from({ length: neighbours }, () => near);
  const scores = [20, ...rest.map((_, at) => 19 - at), 1];
  const vectors = [towards(0), ...rest, far];

  const mean = rest.reduce((sum, _, at) => sum + 19 - at, 0) / neighbours;
  for (const evenness of [0, 0.5, 1]) {
    const first = smoothedScores(hitsOf(scores), vectors, evenness).get(0);
    expect(first?.neighbours).toBeCloseTo(shareMax * evenness * (mean - 20), 4);
  }
});

test("the best stay before the others, parts add up, and a filter changes no score", () => {
  const numbers = fc.array(fc.float({ min: -1, max: 1, noNaN: true }), {
    ...{ minLength: 4, maxLength: 4 },
  });
  const hit = fc.tuple(fc.float({ min: Math.fround(0.1), max: 30, noNaN: true }), numbers);
  fc.assert(
    fc.property(
      fc.array(hit, { minLength: 1, maxLength: 90 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (given, evenness) => {
        const best = [...given].sort(([a], [b]) => b - a);
        const hits = hitsOf(best.map(([score]) => score));
        const { hits: most } = smoothingLimits;
        // One in five was replaced a moment ago.
        const vectors = best
          .slice(0, most)
          .map(([, vector], at) =>
            at % 5 === 4 || !vector.some(Boolean)
              ? new Float32Array(0)
              : unit(new Float32Array(vector)),
          );
        const scores = smoothedScores(hits, vectors, evenness);
        const all = bySmoothed(hits, scores);

        expect(scores.size).toBe(Math.min(most, hits.length));
        for (const { slot, score, neighbours = 0 } of all) {
          expect(score - neighbours).toBeCloseTo(hits[slot]?.score ?? 0, 6);
          expect(Math.abs(neighbours)).toBeLessThanOrEqual(30 * smoothingLimits.shareMax);
        }
        const least = Math.min(...[...scores.values()].map(({ score }) => score));
        for (const { slot, score } of all) {
          if (!scores.has(slot)) expect(score).toBeLessThanOrEqual(least + 1e-9);
        }
        const isWanted = ({ slot }: LexicalHit): boolean => slot % 3 > 0;
        expect(bySmoothed(hits.filter(isWanted), scores)).toEqual(all.filter(isWanted));
      },
    ),
  );
});

test("nothing is smoothed where one stands out, in few hits, and in large collections", () => {
  const index = createLexicalIndex();
  for (let slot = 0; slot < 12; slot += 1) index.add(slot, `engine part${slot}`);
  const hits = index.search("engine", 100);

  expect(smoothingFor([index], hits)).toBe(1);
  expect(smoothingFor([index], hits.slice(0, 5))).toBe(0);
  const outstanding = hits.map((hit, at) => (at === 0 ? { ...hit, score: hit.score * 3 } : hit));
  expect(smoothingFor([index], outstanding)).toBe(0);
  const { totalMax } = smoothingLimits;
  const large = { ...index, lengths: index.lengths, capacity: index.capacity };
  expect(smoothingFor([{ ...large, total: totalMax, read: index.read.bind(index) }], hits)).toBe(1);
  const larger = { ...large, total: totalMax + 1, read: index.read.bind(index) };
  expect(smoothingFor([larger], hits)).toBe(0);
});
