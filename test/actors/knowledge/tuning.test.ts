// How a search is done: which setting counts, what relevance means, when nothing is relevant, and how
// passages are chosen for diversity.

import { expect, test } from "vitest";
import { diversified } from "../../../actors/knowledge/diversity.ts";
import { withPages } from "../../../actors/knowledge/pages.ts";
import {
  type Candidate,
  type ChunkQuery,
  choose,
  type IndexedChunk,
  rank,
  relevanceOf,
} from "../../../actors/knowledge/retrieve.ts";
import type { Passage } from "../../../actors/knowledge/search.ts";
import { tuningOf } from "../../../actors/knowledge/tuning.ts";
import { patchedRetrieval } from "../../../actors/records/retrieval.ts";
import { noScores } from "../../support/find.ts";

const words = { mode: "hybrid", kind: "words" } as const;

test("what a search says counts before the collection's settings, and those before the defaults", () => {
  const own = { top_k: 7, diversity: 0.3, weights: { vector: 0.5 }, reranker: "mine" };

  expect(tuningOf({}, {}, words)).toEqual({
    ...{ mode: "hybrid", weights: { vector: 0.05, lexical: 1 }, topK: 5, diversity: 0 },
    ...{ threshold: { best: 0.42, each: 0.25 }, reranker: null, rerankThreshold: null },
  });
  expect(tuningOf(own, {}, words)).toMatchObject({
    ...{ weights: { vector: 0.5, lexical: 1 }, topK: 7, diversity: 0.3, reranker: "mine" },
  });
  const asked = { weights: { lexical: 0.2 }, top_k: 2, reranker: null, score_threshold: 0.6 };
  expect(tuningOf(own, asked, words)).toMatchObject({
    ...{ weights: { vector: 0.5, lexical: 0.2 }, topK: 2, diversity: 0.3, reranker: null },
    threshold: { best: 0.6, each: 0.6 },
  });
  expect(tuningOf(own, { weights: null }, words).weights).toEqual({ vector: 0.05, lexical: 1 });
  expect(tuningOf({}, {}, { mode: "hybrid", kind: "meaning" }).weights.vector).toBe(1);
});

test("a ranking without weight is not made, and one of the two must have some", () => {
  expect(tuningOf({ weights: { vector: 0 } }, {}, words).mode).toBe("lexical");
  expect(tuningOf({ weights: { lexical: 0 } }, {}, words)).toMatchObject({
    ...{ mode: "vector", weights: { vector: 1, lexical: 0 } },
  });
  expect(() => tuningOf({ weights: { lexical: 0 } }, { weights: { vector: 0 } }, words)).toThrow(
    "One of the weights",
  );
});

test("a merge patch of settings sets, keeps and takes away", () => {
  const before = { top_k: 3, weights: { vector: 0.5, lexical: 1 }, diversity: 0.2 };

  expect(patchedRetrieval(before, { diversity: null, weights: { vector: 0.1 } })).toEqual({
    ...{ top_k: 3, weights: { vector: 0.1, lexical: 1 } },
  });
  expect(patchedRetrieval(before, { weights: null })).toEqual({ top_k: 3, diversity: 0.2 });
});

test("relevance is what both ways say together, and of one way what it says", () => {
  expect(relevanceOf(0.5, 0.4, "hybrid")).toBeCloseTo(0.7, 10);
  expect(relevanceOf(0.5, -0.9, "hybrid")).toBe(0.5);
  expect(relevanceOf(0.5, 0.4, "lexical")).toBe(0.5);
  expect(relevanceOf(0.5, 0.4, "vector")).toBe(0.4);
});

test("places are joined by the weights of their rankings", () => {
  const byWords = [1, 2].map((slot) => ({ slot, score: 9 - slot, coverage: 1 }));
  const byVectors = [2, 3].map((slot) => ({ slot, similarity: 0.5 }));
  const order = (vector: number, lexical: number) =>
    rank(byWords, byVectors, { weights: { vector, lexical } }).map(({ slot }) => slot);

  expect(order(1, 1)).toEqual([2, 1, 3]);
  expect(order(0.01, 1)).toEqual([1, 2, 3]);
  expect(order(1, 0.001)).toEqual([2, 3, 1]);
  const [first] = rank(byWords, byVectors, { weights: { vector: 0.5, lexical: 1 } });
  expect(first).toMatchObject({ slot: 2, word: { rank: 2 }, near: { rank: 1 } });
  expect(first?.fused).toBeCloseTo(1 / 62 + 0.5 / 61, 12);
});

const chunk: IndexedChunk = {
  ...{ documentId: "d", documentTitle: "", chunkId: "d.0", text: "x", headings: [] },
  ...{ span: [0, 1], metadata: {}, vector: new Float32Array(0) },
};
const read = (slots: readonly number[]) => slots.map(() => chunk);
const candidate = (slot: number, coverage: number): Candidate => ({
  ...{ slot, word: { slot, score: 1, coverage, rank: slot }, near: undefined },
  fused: 1 / (60 + slot),
});
const asked = (more: Partial<ChunkQuery>): ChunkQuery => ({
  ...{ query: "x", vector: new Float32Array(0), topK: 5, mode: "lexical" },
  ...{ weights: { vector: 0, lexical: 1 }, threshold: { best: 0.5, each: 0.2 } },
  ...more,
});

test("nothing is relevant unless the best of ten reaches its threshold, however few are wanted", async () => {
  const weak = [0.3, 0.4, 0.1, 0.45].map((coverage, at) => candidate(at + 1, coverage));
  const strong = [...weak, candidate(5, 0.7)];

  const nothing = await choose(weak, asked({}), "c", read);
  const some = await choose(strong, asked({ topK: 1 }), "c", read);
  const all = await choose(strong, asked({}), "c", read);

  expect(nothing).toEqual({ passages: [], bestRelevance: 0.45 });
  expect(some.passages.map(({ relevance }) => relevance)).toEqual([0.3]);
  expect(all.passages.map(({ relevance }) => relevance)).toEqual([0.3, 0.4, 0.45, 0.7]);
  expect(all.bestRelevance).toBe(0.7);
});

test("what turns out to be unlike the question when it is read is left out beside what is not", async () => {
  const some = [candidate(1, 0.1), candidate(2, 0.6), candidate(3, 0.15)];

  const found = await choose(some, asked({ mode: "hybrid" }), "c", read);

  expect(found.passages.map(({ relevance }) => relevance)).toEqual([0.6]);
});

test("a threshold that is set is that of every passage", async () => {
  const { threshold } = tuningOf({ score_threshold: 0.4 }, {}, words);
  const some = [0.3, 0.4, 0.7].map((coverage, at) => candidate(at + 1, coverage));

  const { passages } = await choose(some, asked({ threshold }), "c", read);

  expect(passages.map(({ relevance }) => relevance)).toEqual([0.4, 0.7]);
});

const withVector = (score: number, ...vector: number[]) => ({
  passage: { ...noScores, score, documentId: `${score}` } as Passage,
  vector: Float32Array.from(vector),
});

test("with diversity a passage like one before it comes later, and says what that took", () => {
  const found = [withVector(1, 1, 0), withVector(0.9, 1, 0), withVector(0.8, 0, 1)];
  const ids = (diversity: number, limit = 3) =>
    diversified(found, limit, diversity).map(({ score }) => score);

  expect(ids(0)).toEqual([1, 0.9, 0.8]);
  expect(ids(0.5)).toEqual([1, 0.8, 0.9]);
  expect(ids(0.05)).toEqual([1, 0.9, 0.8]);
  expect(ids(0.5, 2)).toEqual([1, 0.8]);
  const [first, , third] = diversified(found, 3, 0.5);
  expect(first?.scores.diversity).toEqual({ likeness: 0, penalty: 0, score: 0.5 });
  expect(third?.scores.diversity).toEqual({ likeness: 1, penalty: 0.5, score: -0.05 });
});

test("a chunk is on the page that it begins on; pages without text are passed over", () => {
  const spans = [0, 9, 10, 24, 25, 99].map((start) => ({
    ...chunk,
    span: [start, start + 1] as const,
  }));
  const pages = (starts: readonly number[] | undefined) =>
    withPages(spans, starts).map(({ page }) => page);

  expect(pages([0, 10, 25, 25])).toEqual([1, 1, 2, 2, 4, 4]);
  expect(pages(undefined)).toEqual(spans.map(() => undefined));
});
