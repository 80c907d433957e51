// Searches with filters find what a search without one finds and a filter lets through: in memory,
// in files, and in both, through changes and merges.

import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileFilter } from "../../../actors/knowledge/filter.ts";
import type { Passage } from "../../../actors/knowledge/search.ts";
import type { Retriever } from "../../../actors/ports.ts";
import type { Filter } from "../../../actors/records/filter.ts";
import { IndexCache } from "../../../adapters/knowledge/index-cache.ts";
import { indexFolder } from "../../../adapters/knowledge/index-folder.ts";
import { nearLimits } from "../../../adapters/knowledge/near.ts";
import type { Place } from "../../../adapters/knowledge/rows.ts";
import { createSegmentFiles } from "../../../adapters/segment-files.ts";
import { expansionLimits } from "../../../adapters/vector/expansion.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import { find as search } from "../../support/find.ts";
import {
  documentsOf,
  type KnowledgeRows,
  startKnowledgeRows,
  type TestDocument,
} from "../../support/knowledge-rows.ts";

let rows: KnowledgeRows;
let collections = 0;

beforeAll(async () => {
  rows = await startKnowledgeRows();
});

afterAll(() => rows.close());

function newPlace(): Place {
  collections += 1;
  return { tenant: "t1", collection: `cl_f${collections}` };
}

type Mode = "hybrid" | "vector" | "lexical";
const TOP = 10;
const modes: readonly Mode[] = ["hybrid", "vector", "lexical"];

/** Documents with what filters ask for, and some with odd metadata. */
function described(count: number, chunksEach: number, seed: number): TestDocument[] {
  const odd = [{}, { number: "7" }, { number: null, tags: [] }, { by: [[{ name: "n1" }]] }];
  return documentsOf(count, chunksEach, seed).map((document, at) => ({
    ...document,
    metadata:
      at % 11 === 10
        ? (odd[at % odd.length] ?? {})
        : {
            ...{ number: at, half: at % 2 === 0, tags: [`t${at % 3}`, `t${at % 5}`] },
            ...{ by: { name: `n${at % 20}` }, at: `2026-01-${10 + (at % 20)}T12:00:00Z` },
          },
  }));
}

const someFilters: readonly Filter[] = [
  {},
  { half: true },
  { tags: { in: ["t4", "t9"] } },
  { "by.name": "n1" },
  { number: { gte: 20, lt: 23 } },
  { number: 7 },
  { not: { number: { exists: true } } },
  { at: { gt: "2026-01-27" }, or: [{ half: false }, { tags: "t0" }] },
  { and: [{ number: { nin: [1, 2, 3] } }, { not: { tags: "t2" } }] },
  { number: "nobody" },
];

/** The same for a seed. */
function randomFilter(random: () => number, depth = 2): Filter {
  const pick = Math.floor(random() * (depth === 0 ? 5 : 8));
  const number = Math.floor(random() * 60);
  const inner = (): Filter => randomFilter(random, depth - 1);
  if (pick === 0) return { number: { gt: number } };
  if (pick === 1) return { tags: `t${number % 6}` };
  if (pick === 2) return { "by.name": { in: [`n${number % 20}`, `n${number % 7}`] } };
  if (pick === 3) return { half: number % 2 === 0, number: { lte: number } };
  if (pick === 4) return { at: { lt: `2026-01-${10 + (number % 20)}` } };
  if (pick === 5) return { and: [inner(), inner()] };
  return pick === 6 ? { or: [inner(), inner()] } : { not: inner() };
}

const find = (by: Retriever, place: Place, query: string, mode: Mode, filter?: Filter) =>
  search(by, { ...place, query, topK: TOP, mode, ...(filter && { filter }) });
/** Without the mark of the version. */
const ids = (passages: readonly Passage[]) =>
  passages.map(({ chunkId }) => chunkId.replace(/-[0-9a-z]+$/, ""));

/** What is there, and a collection of what a filter wants of it alone: its vectors are the answer. */
class Model {
  readonly documents = new Map<string, TestDocument>();

  put(documents: readonly TestDocument[]): void {
    for (const document of documents) this.documents.set(document.id, document);
  }

  wanted(filter: Filter): TestDocument[] {
    const isWanted = compileFilter(filter);
    const given = { title: "", created_at: "", updated_at: "" };
    return [...this.documents.values()].filter(({ id, metadata = {} }) =>
      isWanted({ ...given, id, metadata }),
    );
  }

  /** Cosines of the wanted chunks, largest first. */
  async near(query: string, filter: Filter): Promise<{ id: string; similarity: number }[]> {
    const [vector = new Float32Array(0)] = await rows.embedder.embed([query], { tenant: "t1" });
    const all = this.wanted(filter).flatMap(({ id, chunks }) =>
      chunks.map((chunk, at) => ({
        id: `${id}.${at}`,
        similarity: chunk.vector.reduce((sum, one, place) => sum + one * (vector[place] ?? 0), 0),
      })),
    );
    return all
      .sort((a, b) => b.similarity - a.similarity)
      .filter(({ similarity }) => similarity > 0.2);
  }

  /** Wanted chunks that have one of the query's words. */
  withWords(query: string, filter: Filter): string[] {
    const words = query.split(" ").filter((word) => word.startsWith("q"));
    return this.wanted(filter).flatMap(({ id, chunks }) =>
      chunks.flatMap(({ text }, at) =>
        text.split(" ").some((word) => words.includes(word)) ? [`${id}.${at}`] : [],
      ),
    );
  }
}

async function expectFiltered(
  by: Retriever,
  place: Place,
  model: Model,
  filters: readonly Filter[],
): Promise<void> {
  let near = 0;
  let found = 0;
  for (const [at, filter] of filters.entries()) {
    const query = `q${at * 2}z ${"x".repeat(at)}`;
    const wanted = new Set(model.wanted(filter).map(({ id }) => id));
    for (const mode of modes) {
      const passages = await find(by, place, query, mode, filter);
      expect(passages.filter(({ documentId }) => !wanted.has(documentId))).toEqual([]);
    }
    const byWords = ids(await find(by, place, `q${at * 2}z`, "lexical", filter));
    const sharing = model.withWords(query, filter);
    expect(byWords).toHaveLength(Math.min(TOP, sharing.length));
    expect(sharing).toEqual(expect.arrayContaining(byWords));

    const best = (await model.near(query, filter)).slice(0, TOP).map(({ id }) => id);
    const got = ids(await find(by, place, query, "vector", filter));
    expect(got, JSON.stringify(filter)).toHaveLength(best.length);
    near += best.length;
    found += best.filter((id) => got.includes(id)).length;
  }
  expect(found / Math.max(1, near)).toBeGreaterThanOrEqual(0.97);
}

describe("filters", () => {
  test("find in memory what filtering everything afterwards finds, in its order", async () => {
    const place = newPlace();
    const documents = described(60, 3, 1);
    await rows.put(place, documents);
    const model = new Model();
    model.put(documents);
    const by = rows.retriever();
    const random = seeded(7);
    const filters = [...someFilters, ...Array.from({ length: 40 }, () => randomFilter(random))];

    await expectFiltered(by, place, model, filters);

    for (const filter of filters) {
      const isWanted = new Set(model.wanted(filter).map(({ id }) => id));
      const all = await search(by, { ...place, query: "q0z q1z", topK: 50, mode: "lexical" });
      const few = await search(by, {
        ...place,
        query: "q0z q1z",
        topK: 50,
        mode: "lexical",
        filter,
      });
      // There may be more than 50 without it; scores are the same with it.
      const kept = all.filter(({ documentId }) => isWanted.has(documentId));
      expect(ids(few).slice(0, kept.length)).toEqual(ids(kept));
      expect(few.slice(0, kept.length).map(({ scores }) => scores.lexical.score)).toEqual(
        kept.map(({ scores }) => scores.lexical.score),
      );
    }
  }, 30_000);

  test("find all the same in files and beside them, after updates, removals and merges", async () => {
    const place = newPlace();
    const model = new Model();
    const by = rows.retriever();
    const late = rows.retriever();
    const random = seeded(8);
    const filters = [...someFilters, ...Array.from({ length: 8 }, () => randomFilter(random))];
    const put = async (documents: readonly TestDocument[]): Promise<void> => {
      await rows.put(place, documents);
      model.put(documents);
    };
    const [first, each] = [110, 24];
    await put(described(first, each, 1));
    await rows.merger.merge(place, { isForced: true });
    // Some go by the graph, some are compared.
    const sizes = filters.map((filter) => model.wanted(filter).length * each);
    const even = Math.sqrt(nearLimits.comparedPerAsked * expansionLimits.smallLeast * first * each);
    expect(Math.max(...sizes)).toBeGreaterThan(even);
    expect(Math.min(...sizes.filter((size) => size > 0))).toBeLessThan(even / 2);
    await expectFiltered(by, place, model, filters);

    // Other metadata, other chunks, no document, new documents.
    const changed = described(40, 12, 1).map(({ metadata, ...document }, at) => ({
      ...document,
      metadata: { ...metadata, number: at + 20, half: at % 2 === 1 },
    }));
    await put(changed);
    await put(described(20, 5, 2));
    const gone = ["d1.1", "d1.21", "d1.60", "d2.7"];
    await rows.writer.removeDocuments(place, gone);
    for (const id of gone) model.documents.delete(id);
    await expectFiltered(by, place, model, filters);
    await expectFiltered(late, place, model, filters);

    await rows.merger.merge(place, { isForced: true });
    await put(described(10, 12, 1));
    await expectFiltered(by, place, model, filters);
    await expectFiltered(rows.retriever(), place, model, filters);
  }, 60_000);

  test("always fill top_k, however far from the question and however few their documents are", async () => {
    const place = newPlace();
    const crowd = documentsOf(40, 40, 5);
    const words = { text: "crowd needle", headings: [], span: [0, 1] as const };
    const [vector = new Float32Array(0)] = await rows.embedder.embed([""], { tenant: "t1" });
    // Similar, but less so than everything else is: beside the question's own vector.
    const close = (share: number): Float32Array => {
      const off = vector.map((value, at) => value * (at % 2 === 0 ? 1 : share));
      const length = Math.hypot(...off);
      return off.map((value) => value / length);
    };
    const near = crowd.map(({ id, chunks }, at) => ({
      ...{ id, metadata: { kind: "near" } },
      chunks: chunks.map(() => ({ ...words, vector: close(0.9 + (at % 9) / 100) })),
    }));
    const far = Array.from({ length: 20 }, (_, at) => ({
      ...{ id: `far${at}`, metadata: { kind: "far" } },
      chunks: Array.from({ length: 20 }, () => ({ ...words, vector: close(0) })),
    }));
    await rows.put(place, [...near, ...far]);
    await rows.merger.merge(place, { isForced: true });
    const by = rows.retriever();

    for (const filter of [{ kind: "far" }, { document_id: "far3" }]) {
      const settings = { score_threshold: 0 };
      const asked = { ...place, query: "", topK: 20, settings, filter };
      const found = await search(by, { ...asked, mode: "vector" });
      expect(found).toHaveLength(20);
      expect(found.every(({ documentId }) => documentId.startsWith("far"))).toBe(true);
    }
  }, 30_000);

  test("see a document before or after its change, never neither nor both, at every search", async () => {
    const place = newPlace();
    const version = (number: number): TestDocument => ({
      id: "one",
      metadata: { kind: "wanted", number },
      chunks: (documentsOf(1, 4, 60)[0]?.chunks ?? []).map((chunk) => ({
        ...chunk,
        text: `marker version${number}`,
      })),
    });
    await rows.put(place, described(60, 3, 3));
    await rows.put(place, [version(0)]);
    await rows.merger.merge(place, { isForced: true });
    const by = rows.retriever();
    let isOver = false;
    let searches = 0;
    const asked: readonly (readonly [Mode, Filter])[] = [
      ["lexical", { kind: "wanted" }],
      ["lexical", { number: { gte: 0 } }],
      ["hybrid", { kind: "wanted" }],
    ];
    const searching = asked.map(async ([mode, filter]) => {
      while (!isOver) {
        const found = await search(by, {
          ...place,
          query: "marker",
          topK: 20,
          mode,
          filter,
        });
        expect([found.length, new Set(found.map(({ text }) => text)).size]).toEqual([4, 1]);
        searches += 1;
        await nextTurn();
      }
    });

    try {
      for (let number = 1; number <= 9; number += 1) {
        const merging = number % 3 === 0 ? rows.merger.merge(place, { isForced: true }) : undefined;
        await rows.put(place, [version(number)]);
        await merging;
        for (let other = 0; other <= number; other += 1) {
          const [first] = await find(by, place, "marker", "lexical", {
            number: other,
            kind: "wanted",
          });
          expect(first?.text).toBe(other === number ? `marker version${number}` : undefined);
        }
      }
    } finally {
      isOver = true;
    }
    await Promise.all(searching);
    expect(searches).toBeGreaterThan(9);
  }, 30_000);

  test("keep the files of a search open until it ends, whatever is merged meanwhile", async () => {
    const place = newPlace();
    await rows.put(place, described(20, 10, 41));
    await rows.merger.merge(place, { isForced: true });
    const folderOf = (): string => indexFolder(rows.path, place);
    const segments = { files: createSegmentFiles(), folderOf, damaged: () => undefined };
    const cache = new IndexCache({ reader: rows.bulk, segments }, Number.MAX_SAFE_INTEGER);

    await cache.use(place, async (held) => {
      const before = held.byWords("q0z q1z", TOP);
      expect(before).toHaveLength(TOP);
      await rows.merger.merge(place, { isForced: true });
      await expect.poll(() => cache.use(place, async (index) => index !== held)).toBe(true);
      // The turn in which it is closed when nobody holds it.
      await nextTurn();
      await nextTurn();
      expect(held.byWords("q0z q1z", TOP)).toEqual(before);
    });
  });

  test("do not let a search out of its collection", async () => {
    const [here, there] = [newPlace(), newPlace()];
    const documents = described(5, 2, 31);
    const query = documents.map(({ chunks }) => chunks[0]?.text).join(" ");
    await rows.put(here, documents);
    await rows.put(there, described(5, 2, 32));
    const by = rows.retriever();

    const filter = { or: [{ document_id: { in: ["d32.0", "d32.1"] } }, { number: { gte: 3 } }] };
    const passages = await find(by, here, query, "hybrid", filter);
    expect(new Set(passages.map(({ documentId }) => documentId))).toEqual(
      new Set(["d31.3", "d31.4"]),
    );
  });

  test("that are none are refused, also of a collection without documents", async () => {
    const filter = { number: { like: 1 } } as unknown as Filter;
    await expect(find(rows.retriever(), newPlace(), "x", "lexical", filter)).rejects.toMatchObject({
      code: "INVALID",
      details: { pointer: "/filter/number/like" },
    });
  });
});
