// The nearest of what a filter wants: as good as comparing with each, and found in the way that takes
// less, from the graph or by comparing.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dot } from "../../../actors/knowledge/retrieve.ts";
import type { NearHit, PostingsView, VectorView } from "../../../actors/knowledge/segment.ts";
import type { Wanted } from "../../../adapters/knowledge/directory.ts";
import { nearestWanted, nearLimits } from "../../../adapters/knowledge/near.ts";
import type { DocumentRow } from "../../../adapters/knowledge/rows.ts";
import { createVectorFiles } from "../../../adapters/vector/vector-files.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import { clusteredVectors } from "../../support/vectors.ts";

const TOTAL = 8_000;
const embedder = { id: "test-1", dimension: 64 };
const postings = { has: () => true } as unknown as PostingsView;
const all = clusteredVectors(TOTAL + 30, embedder.dimension);
const [questions, stored] = [all.slice(0, 30), all.slice(30)];
let folder: string;
let vectors: VectorView;
/** How often vectors were compared with what is wanted. */
let comparisons = 0;
let scans = 0;
let scanned: readonly number[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "troupe-near-"));
  const files = createVectorFiles();
  const build = await files.build(folder, embedder, null);
  for (const [slot, vector] of stored.entries()) build.add(slot, vector);
  const view = await files.view(folder, await build.save("a.vectors"), embedder);
  vectors = {
    ...view,
    compare: (...of) => {
      comparisons += 1;
      return view.compare(...of);
    },
  };
}, 60_000);

afterAll(() => {
  vectors.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Documents of `each` chunks: those that `isWanted` of all. */
function wantedOf(each: number, isWanted: (document: number) => boolean, total = TOTAL): Wanted {
  const numbers = Array.from({ length: total / each }, (_, at) => at).filter(isWanted);
  const documents = numbers.map((at) => ({ firstSlot: at * each, chunks: each })) as DocumentRow[];
  const members = new Set(numbers);
  const has = (slot: number): boolean => members.has(Math.floor(slot / each));
  return { chunks: documents.length * each, total, documents, has };
}

async function find(
  question: Float32Array,
  limit: number,
  wanted: Wanted,
  similarityMin = -1,
): Promise<readonly NearHit[]> {
  comparisons = 0;
  const index = { vectors, postings, similarityMin };
  return (await nearestWanted(index, question, limit, wanted, wanted.has)).slice(0, limit);
}

function exactly(question: Float32Array, limit: number, wanted: Wanted): number[] {
  return stored
    .flatMap((vector, slot) => (wanted.has(slot) ? [{ slot, like: dot(vector, question) }] : []))
    .sort((a, b) => b.like - a.like)
    .slice(0, limit)
    .map(({ slot }) => slot);
}

const shares = [0.001, 0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.8, 1];

describe("the nearest that are wanted", () => {
  test.each([1, 8, 100])(
    "are found like by comparing with each, in documents of %i chunks",
    async (each) => {
      for (const [at, share] of shares.entries()) {
        const random = seeded(at + each);
        const wanted = wantedOf(each, (document) => document === 7 || random() < share);
        for (const limit of [10, 100]) {
          let [found, there] = [0, 0];
          for (const question of questions) {
            const exact = exactly(question, 10, wanted);
            const hits = await find(question, limit, wanted);
            const slots = new Set(hits.slice(0, 10).map(({ slot }) => slot));
            expect(hits).toHaveLength(Math.min(limit, wanted.chunks));
            expect(hits.every(({ slot }) => wanted.has(slot))).toBe(true);
            there += exact.length;
            found += exact.filter((slot) => slots.has(slot)).length;
          }
          expect(found / Math.max(1, there), `${share} of all, ${limit}`).toBeGreaterThanOrEqual(
            0.98,
          );
        }
      }
    },
    60_000,
  );

  test("are found where only what is far from the question is wanted", async () => {
    for (const share of [0.1, 0.5, 0.9]) {
      let [found, there] = [0, 0];
      for (const question of questions) {
        const likeness = stored.map((vector) => dot(vector, question));
        const most = [...likeness].sort((a, b) => a - b)[Math.floor(share * TOTAL)] ?? 0;
        const wanted = wantedOf(1, (document) => (likeness[document] ?? 0) < most);
        const exact = exactly(question, 10, wanted);
        const slots = (await find(question, 10, wanted)).map(({ slot }) => slot);
        there += exact.length;
        found += exact.filter((slot) => slots.includes(slot)).length;
      }
      expect(found / there, `${share} of all`).toBeGreaterThanOrEqual(0.98);
    }
  }, 60_000);

  test("are none where nothing is wanted, and not looked for below what is relevant", async () => {
    const [question = new Float32Array(0)] = questions;
    expect(
      await find(
        question,
        10,
        wantedOf(1, () => false),
      ),
    ).toEqual([]);
    expect(comparisons).toBe(0);

    // All are asked for that could be relevant, and none of them is wanted: no other is looked for.
    const far = wantedOf(1, (document) => dot(stored[document] ?? question, question) < 0.3);
    expect(await find(question, 10, far, 0.9)).toEqual([]);
    expect(comparisons).toBe(0);
  });
});

describe("the way that takes less is chosen", () => {
  const MANY = 100_000;
  const every = (each: number, of: number): Wanted => wantedOf(each, (at) => at % of === 0, MANY);

  /** What was asked of a graph of which every slot is as near as any other, and what is wanted lies evenly. */
  async function ways(
    limit: number,
    wanted: Wanted,
    { candidates = 48, isWanted = wanted.has, scanning = Number.POSITIVE_INFINITY } = {},
  ): Promise<{ readonly asked: readonly number[]; readonly comparisons: number }> {
    const asked: number[] = [];
    comparisons = 0;
    scans = 0;
    const even: VectorView = {
      ...{ count: MANY, candidatesLeast: 48, close: () => undefined },
      candidates: () => candidates,
      search: (_, least) => {
        asked.push(least);
        return Array.from({ length: least }, (_, at) => ({
          slot: (at * 7_919) % MANY,
          similarity: 1 - at / MANY,
        }));
      },
      compare: async () => {
        comparisons += 1;
        return [];
      },
      scan: async (_vector, most, counts) => {
        scans += 1;
        scanned = Array.from({ length: MANY }, (_, slot) => slot)
          .filter(counts)
          .slice(0, most);
        return scanned.map((slot) => ({ slot, similarity: 1 }));
      },
      scanTakes: () => scanning,
    };
    const index = { vectors: even, postings, similarityMin: -1 };
    await nearestWanted(index, new Float32Array(0), limit, wanted, isWanted);
    return { asked, comparisons };
  }

  test.each([
    [10, 100, 20],
    [100, 100, 10],
    [100, 100, 100],
    [100, 8, 16],
    [10, 1, 1_000],
  ])("%i of documents of %i chunks, one of %i: they are compared", async (limit, each, of) => {
    expect(await ways(limit, every(each, of))).toEqual({ asked: [], comparisons: 1 });
  });

  test.each([
    [10, 100, 10],
    [100, 100, 2],
    [10, 1, 1],
    [100, 1, 2],
    [100, 1, 10],
  ])("%i of documents of %i chunks, one of %i: the graph is asked", async (limit, each, of) => {
    const { asked, comparisons } = await ways(limit, every(each, of));
    expect([asked.length > 0, comparisons]).toEqual([true, 0]);
    // As many wanted ones are among them as a search without a filter looks at.
    expect(asked[0]).toBeGreaterThanOrEqual(Math.max(limit, 48) * of);
  });

  test.each([
    [10, 100, 20, 4_000],
    [10, 100, 10, 7_000],
    [100, 100, 2, 3_000],
    [10, 1, 1, 700],
  ])(
    "%i of documents of %i chunks, one of %i: all are scanned where that takes %i",
    async (limit, each, of, scanning) => {
      const wanted = every(each, of);
      expect(await ways(limit, wanted, { scanning })).toEqual({ asked: [], comparisons: 0 });
      expect(scans).toBe(1);
      expect(scanned).toHaveLength(limit);
      expect(scanned.every(wanted.has)).toBe(true);
      // What takes longer is not done.
      await ways(limit, wanted, { scanning: 20_000 });
      expect(scans).toBe(0);
    },
  );

  test("a question that needs more candidates is asked for more, or compared", async () => {
    expect(await ways(10, every(100, 10), { candidates: 500 })).toMatchObject({ comparisons: 1 });
    const { asked, comparisons } = await ways(10, every(100, 2), { candidates: 500 });
    expect([asked, comparisons]).toEqual([[1_000], 0]);
  });

  test("where fewer are wanted nearby the graph is asked for as many more, or what is wanted compared", async () => {
    const wanted = every(1, 2);
    const some = new Set(Array.from({ length: 4_096 }, (_, at) => (at * 7_919) % MANY));
    const rare = (of: number) => (slot: number) =>
      wanted.has(slot) && (!some.has(slot) || slot % of === 0);

    const fewer = await ways(100, wanted, { isWanted: rare(8) });
    expect(fewer.comparisons).toBe(0);
    expect(fewer.asked).toHaveLength(2);
    expect(fewer.asked[1]).toBeGreaterThan(100 * 8);
    expect(fewer.asked[1]).toBeLessThan(2 * 100 * 8);

    const { asked, comparisons } = await ways(100, wanted, { isWanted: rare(1_000) });
    expect(comparisons).toBe(1);
    const takes = (wanted.chunks * 2) / nearLimits.comparedPerAsked;
    expect(Math.max(...asked)).toBeLessThanOrEqual(Math.min(takes, nearLimits.askedMax));
  });
});
