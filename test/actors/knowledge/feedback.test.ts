// Searching again with the words of the best: when it is done, and what it finds.

import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { searchLexical } from "../../../actors/knowledge/bm25.ts";
import { feedbackFrom, feedbackLimits, searchAgain } from "../../../actors/knowledge/feedback.ts";
import { createMemoryChunks } from "../../../actors/knowledge/memory-chunks.ts";

function indexOf(texts: readonly string[]) {
  const index = createMemoryChunks();
  for (const [slot, text] of texts.entries()) {
    index.add(slot, {
      ...{ documentId: `d${slot}`, documentTitle: "", chunkId: `d${slot}.0`, text },
      ...{ headings: [], span: [0, 1], metadata: {}, vector: new Float32Array(0) },
    });
  }
  return index;
}

const others = Array.from({ length: 60 }, (_, at) => `something about topic${at} and matter${at}`);
/** Alike for a question about engines, and with the words "turbine" and "blade". */
const alike = Array.from({ length: 12 }, (_, at) => `engine turbine blade part${at}`);

test("where many answer alike, what has their words but not the question's is found too", () => {
  const index = indexOf([...others, ...alike, "wear of a turbine blade"]);
  const parts = [index.lexical];
  const hits = searchLexical(parts, "engine", 100);
  const from = feedbackFrom(parts, hits);

  const found = searchAgain(
    parts,
    "engine",
    hits,
    from.map((slot) => index.get(slot)),
    {
      limit: 100,
    },
  );

  expect(hits).toHaveLength(12);
  expect(from).toHaveLength(feedbackLimits.chunks);
  const more = found?.filter(({ slot }) => !hits.some((hit) => hit.slot === slot));
  expect(more).toMatchObject([{ slot: 72, coverage: 0 }]);
  // The added words are not of the question: it is covered as before, and its own words count most.
  expect(
    found
      ?.slice(0, 12)
      .map(({ slot, coverage }) => [slot, coverage])
      .sort(),
  ).toEqual(hits.map(({ slot, coverage }) => [slot, coverage]).sort());
  // Nothing is left in the parts' memory.
  expect(searchLexical(parts, "engine", 100)).toEqual(hits);
});

test("a second search looks up few words, and none by its start alone", () => {
  const long = Array.from({ length: 30 }, (_, at) => `compressors${at} turbulence${at}`).join(" ");
  const index = indexOf([...others, ...alike.map((text) => `${text} ${long}`)]);
  const parts = [index.lexical];
  const hits = searchLexical(parts, "engine", 100);
  const chunks = feedbackFrom(parts, hits).map((slot) => index.get(slot));
  const read = vi.spyOn(index.lexical, "read");

  searchAgain(parts, "engine", hits, chunks, { limit: 100 });

  // Those that are weighed, those that are taken, and the question's own.
  const { terms } = feedbackLimits;
  expect(read.mock.calls.length).toBeGreaterThan(terms * 2);
  expect(read.mock.calls.length).toBeLessThanOrEqual(terms * 3 + 1);
  expect(read.mock.calls.filter(([term]) => term.endsWith("-"))).toEqual([]);
});

test("of chunks in memory the nearest are those of comparing and sorting all", () => {
  const random = fc.sample(
    fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 6, maxLength: 6 }),
    { numRuns: 300, seed: 7 },
  );
  const index = createMemoryChunks();
  for (const [slot, numbers] of random.entries()) {
    index.add(slot, {
      ...{ documentId: `d${slot}`, documentTitle: "", chunkId: `d${slot}.0`, text: "x" },
      ...{ headings: [], span: [0, 1], metadata: {}, vector: Float32Array.from(numbers) },
    });
  }
  const asked = Float32Array.from([1, -0.5, 0.25, 0.2, 0.3, -0.1]);
  const isWanted = (slot: number): boolean => slot % 3 > 0;

  for (const limit of [1, 7, 50, 400]) {
    const expected = random
      .map((numbers, slot) => ({
        slot,
        similarity: numbers.reduce((sum, one, at) => sum + Math.fround(one) * (asked[at] ?? 0), 0),
      }))
      .filter(({ slot }) => isWanted(slot))
      .sort((a, b) => b.similarity - a.similarity || a.slot - b.slot)
      .slice(0, limit);
    const found = index.nearest(asked, limit, isWanted);
    expect(found.map(({ slot }) => slot)).toEqual(expected.map(({ slot }) => slot));
    for (const [at, hit] of found.entries()) {
      expect(hit.similarity).toBeCloseTo(expected[at]?.similarity ?? Number.NaN, 12);
    }
  }
});

test("a filter holds for what is found so", () => {
  const index = indexOf([...others, ...alike, "wear of a turbine blade"]);
  const parts = [index.lexical];
  const isWanted = (slot: number): boolean => slot !== 72;
  const hits = searchLexical(parts, "engine", 100);
  const chunks = feedbackFrom(parts, hits).map((slot) => index.get(slot));

  const found = searchAgain(parts, "engine", hits, chunks, { limit: 100, isWanted });

  expect(found).toHaveLength(12);
  expect(found?.map(({ slot }) => slot)).not.toContain(72);
});

test("where one stands out, in few hits, and in large collections, nothing is searched again", () => {
  const outstanding = indexOf([...others, ...alike, "engine oil pressure sensor"]).lexical;
  const question = "engine oil pressure sensor";
  expect(feedbackFrom([outstanding], searchLexical([outstanding], question, 100))).toEqual([]);
  const few = indexOf([...others, ...alike.slice(0, 9)]).lexical;
  expect(feedbackFrom([few], searchLexical([few], "engine", 100))).toEqual([]);

  const many = indexOf([...others, ...alike]).lexical;
  const hits = searchLexical([many], "engine", 100);
  expect(feedbackFrom([many], hits)).not.toEqual([]);
  const large = { ...many, total: feedbackLimits.totalMax + 1 };
  expect(feedbackFrom([large], hits)).toEqual([]);
});
