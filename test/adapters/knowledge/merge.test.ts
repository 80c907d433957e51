// A large collection: files and memory together find what memory alone finds, through merges,
// changes, damage and deaths.

import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Passage } from "../../../actors/knowledge/search.ts";
import type { SegmentFiles } from "../../../actors/knowledge/segment.ts";
import type { Retriever } from "../../../actors/ports.ts";
import { indexFolder } from "../../../adapters/knowledge/index-folder.ts";
import { mergeLimits } from "../../../adapters/knowledge/merge-due.ts";
import { type Place, segmentOf } from "../../../adapters/knowledge/rows.ts";
import { createSegmentFiles } from "../../../adapters/segment-files.ts";
import { keys } from "../../../runtime/store/keys.ts";
import type { Reader, StoreOp } from "../../../runtime/store/store.ts";
import { find as search } from "../../support/find.ts";
import {
  documentsOf,
  type KnowledgeRows,
  startKnowledgeRows,
} from "../../support/knowledge-rows.ts";

let rows: KnowledgeRows;
let collections = 0;
/** Everything in memory: what the others are compared with. */
let exact: Retriever | undefined;

beforeAll(async () => {
  rows = await startKnowledgeRows();
});

afterAll(() => rows.close());

function newPlace(): Place {
  collections += 1;
  return { tenant: "t1", collection: `cl_${collections}` };
}

/** More than a collection without files may have. */
const large = documentsOf(110, 40, 1);
/** Less, for files that are made all the same. */
const some = documentsOf(15, 40, 1);

async function segmentAt({ tenant, collection }: Place) {
  const stored = await rows.bulk.get(keys.segment(tenant, collection));
  return stored && segmentOf(stored);
}

const find = (
  by: Retriever,
  place: Place,
  query: string,
  mode: "hybrid" | "vector" | "lexical" = "hybrid",
  topK = 10,
): Promise<readonly Passage[]> => search(by, { ...place, query, topK, mode });

const queries = Array.from({ length: 12 }, (_, at) => `q${at * 3}z q${at + 7}z ${"x".repeat(at)}`);

/** The same as an index in memory: words with equal scores, vectors nearly all. */
async function expectSame(by: Retriever, place: Place): Promise<void> {
  exact ??= rows.retriever({ files: null });
  let near = 0;
  let found = 0;
  for (const query of queries) {
    expect(await find(by, place, query, "lexical")).toEqual(
      await find(exact, place, query, "lexical"),
    );
    const ids = (passages: readonly Passage[]) => passages.map(({ chunkId }) => chunkId);
    const wanted = ids(await find(exact, place, query, "vector"));
    const got = new Set(ids(await find(by, place, query, "vector")));
    near += wanted.length;
    found += wanted.filter((id) => got.has(id)).length;
    expect(got.size).toBe(wanted.length);
  }
  expect(found / near).toBeGreaterThanOrEqual(0.98);
}

/** What was asked of the files. */
function counted(): { files: SegmentFiles; views: string[] } {
  const { vectors, postings } = createSegmentFiles();
  const views: string[] = [];
  const files: SegmentFiles = {
    postings,
    vectors: {
      ...vectors,
      view: async (folder, header, embedder) => {
        const view = await vectors.view(folder, header, embedder);
        views.push(header.name);
        return view;
      },
    },
  };
  return { files, views };
}

test("files and memory together find what memory alone finds, through changes and merges", async () => {
  const place = newPlace();
  const { files, views } = counted();
  const by = rows.retriever({ files });
  await rows.put(place, large);
  expect(await rows.merger.isDue(place)).toBe(true);
  await expectSame(by, place);
  expect(views).toEqual([]);

  expect(await rows.merger.merge(place)).toBe(true);
  expect(await rows.merger.isDue(place)).toBe(false);
  expect(await segmentAt(place)).toMatchObject({ nextSlot: 4_400, vectors: { count: 4_400 } });
  await find(by, place, "q1z");
  await expect.poll(() => views).toHaveLength(1);
  await expectSame(by, place);

  // Replaced, removed and new documents, beside the files.
  await rows.put(place, documentsOf(30, 10, 2));
  const [, other] = [large[0], documentsOf(1, 55, 3)[0]];
  await rows.put(place, [{ id: "d1.5", chunks: other?.chunks ?? [] }]);
  await rows.writer.removeDocuments(place, ["d1.7", "d2.3"]);
  await expectSame(by, place);
  await expectSame(rows.retriever(), place);

  expect(await rows.merger.merge(place)).toBe(false);
  expect(await rows.merger.merge(place, { isForced: true })).toBe(true);
  const second = await segmentAt(place);
  // Continued: what is gone is still in the postings.
  expect(second?.postings).toMatchObject({ alive: 4_665, chunks: 4_745 });
  await expectSame(rows.retriever(), place);

  await rows.writer.removeDocuments(
    place,
    large.slice(20, 50).map(({ id }) => id),
  );
  await rows.merger.merge(place, { isForced: true });
  const third = await segmentAt(place);
  expect(third?.postings.chunks).toBe(third?.postings.alive);
  await expectSame(by, place);
  await expectSame(rows.retriever(), place);
  const folder = indexFolder(rows.path, place);
  expect(readdirSync(folder).sort()).toEqual([third?.postings.name, third?.vectors.name].sort());
}, 60_000);

test("a change is seen by every connection's next search, with files and without", async () => {
  const place = newPlace();
  await rows.put(place, some);
  await rows.merger.merge(place, { isForced: true });
  const threads = [rows.retriever(), rows.retriever(), rows.retriever({ files: null })];
  for (const by of threads) await find(by, place, "q1z");

  for (let round = 0; round < 5; round += 1) {
    const word = `w${round}q`;
    const [document] = documentsOf(1, 3, 50 + round);
    const chunks = (document?.chunks ?? []).map((chunk) => ({ ...chunk, text: word }));
    await rows.put(place, [{ id: "one", chunks }]);

    for (const by of threads) {
      const found = await find(by, place, word, "lexical");
      expect(found.map(({ chunkId }) => chunkId.split("-")[0])).toEqual([
        "one.0",
        "one.1",
        "one.2",
      ]);
      if (round > 0) expect(await find(by, place, `w${round - 1}q`, "lexical")).toEqual([]);
    }
  }
}, 30_000);

test("searches during merges and changes see all of a document or what was there before", async () => {
  const place = newPlace();
  await rows.put(place, some);
  const by = rows.retriever();
  const [document] = documentsOf(1, 8, 60);
  const version = (number: number) => ({
    id: "one",
    chunks: (document?.chunks ?? []).map((chunk) => ({
      ...chunk,
      text: `marker version${number}`,
    })),
  });
  await rows.put(place, [version(0)]);
  let isOver = false;
  const seen = new Set<string>();
  const searching = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const texts = (await find(by, place, "marker", "lexical", 20)).map(({ text }) => text);
      expect([texts.length, new Set(texts).size]).toEqual([8, 1]);
      seen.add(texts[0] ?? "");
      // Searches come from outside: between two of them there is always a turn of the event loop.
      await nextTurn();
    }
  });

  for (let number = 1; number <= 12; number += 1) {
    const merging = number % 3 === 0 ? rows.merger.merge(place, { isForced: true }) : undefined;
    await rows.put(place, [version(number)]);
    await merging;
  }
  isOver = true;
  await Promise.all(searching);

  expect(seen.size).toBeGreaterThan(3);
  expect((await find(by, place, "marker", "lexical"))[0]?.text).toBe("marker version12");
}, 60_000);

describe("files that are not what was written", () => {
  test("are not opened: rows answer until there are others", async () => {
    const place = newPlace();
    await rows.put(place, some);
    const folder = indexFolder(rows.path, place);
    const damages: ((path: string) => void)[] = [
      (path) => writeFileSync(path, "garbage"),
      (path) => truncateSync(path, 1_000),
      (path) => rmSync(path),
    ];

    for (const [at, damage] of damages.entries()) {
      await rows.merger.merge(place, { isForced: true });
      const segment = await segmentAt(place);
      const { name = "" } = (at === 1 ? segment?.postings : segment?.vectors) ?? {};
      damage(join(folder, name));
      const told: Place[] = [];
      const { files, views } = counted();
      const by = rows.retriever({ files, damaged: (where) => told.push(where) });

      await expectSame(by, place);
      expect(told).toEqual([place]);

      expect(await rows.merger.merge(place, { isForced: true })).toBe(true);
      await find(by, place, "q1z");
      await expect.poll(() => views.at(-1)).toBe((await segmentAt(place))?.vectors.name);
      await expectSame(by, place);
      expect(told).toHaveLength(1);
    }
  }, 60_000);

  test("are not used when the row says another embedder, and a removed folder is made again", async () => {
    const place = newPlace();
    await rows.put(place, some);
    await rows.merger.merge(place, { isForced: true });
    rmSync(join(rows.path, "index"), { recursive: true });

    await expectSame(rows.retriever(), place);
    expect(await rows.merger.merge(place, { isForced: true })).toBe(true);
    await expectSame(rows.retriever(), place);
  }, 30_000);
});

describe("a merge that dies", () => {
  test("at any point leaves what was there, and the next one is whole and tidies up", async () => {
    const place = newPlace();
    await rows.put(place, some);
    await rows.merger.merge(place, { isForced: true });
    const folder = indexFolder(rows.path, place);
    const good = createSegmentFiles();
    const die = (): never => {
      throw new Error("killed");
    };
    const dyingFiles = (at: "add" | "vectors" | "postings"): SegmentFiles => ({
      vectors: {
        ...good.vectors,
        build: async (...of) => {
          const build = await good.vectors.build(...of);
          return {
            ...{ count: 0, remove: (slot: number) => build.remove(slot) },
            add: (...given) => (at === "add" ? die() : build.add(...given)),
            save: async (name) => {
              const saved = await build.save(name);
              return at === "vectors" ? die() : saved;
            },
          };
        },
      },
      postings: {
        ...good.postings,
        build: async (...of) => {
          const build = await good.postings.build(...of);
          return {
            has: (slot) => build.has(slot),
            add: (...given) => build.add(...given),
            remove: (slot) => build.remove(slot),
            save: async (name) => {
              const saved = await build.save(name);
              return at === "postings" ? die() : saved;
            },
          };
        },
      },
    });
    const dyingBulk = {
      ...rows.bulk,
      commit: (_: readonly StoreOp[]) => Promise.reject(new Error("killed")),
    };

    const mergers = [
      ...(["add", "vectors", "postings"] as const).map((at) =>
        rows.mergerWith({ files: dyingFiles(at) }),
      ),
      rows.mergerWith({ bulk: dyingBulk }),
    ];
    for (const [at, dying] of mergers.entries()) {
      await rows.put(place, documentsOf(2, 20, 70 + at));
      const before = await segmentAt(place);
      await expect(dying.merge(place, { isForced: true })).rejects.toThrow("killed");
      expect(await segmentAt(place)).toEqual(before);
      await expectSame(rows.retriever(), place);
    }
    expect(readdirSync(folder).length).toBeGreaterThan(2);

    expect(await rows.merger.merge(place, { isForced: true })).toBe(true);

    await expectSame(rows.retriever(), place);
    expect(readdirSync(folder)).toHaveLength(2);
  }, 60_000);

  test("by the collection's removal leaves neither row nor file", async () => {
    const place = newPlace();
    await rows.put(place, some);
    const merging = rows.merger
      .merge(place, { isForced: true })
      .catch((error: unknown) => expect(error).toMatchObject({ code: "CANCELLED" }));
    await rows.writer.removeCollection(place);
    await rows.merger.removeFiles(place);
    await merging;

    expect(await segmentAt(place)).toBeUndefined();
    expect(existsSync(indexFolder(rows.path, place))).toBe(false);
    expect(await find(rows.retriever(), place, "q1z")).toEqual([]);
  }, 30_000);

  test("by a removal that is over before the merge has a folder leaves none", async () => {
    const place = newPlace();
    await rows.put(place, some);
    let isRemoved = false;
    const reader: Reader = {
      ...rows.reader,
      get: async (key) => {
        const value = await rows.reader.get(key);
        if (key === keys.segment(place.tenant, place.collection) && !isRemoved) {
          isRemoved = true;
          await rows.writer.removeCollection(place);
          await rows.merger.removeFiles(place);
        }
        return value;
      },
    };

    const merging = rows.mergerWith({ reader }).merge(place, { isForced: true });

    await expect(merging).rejects.toMatchObject({ code: "CANCELLED" });
    expect(isRemoved).toBe(true);
    expect(existsSync(indexFolder(rows.path, place))).toBe(false);
  }, 30_000);

  test("two at once: one counts, the other's files go", async () => {
    const place = newPlace();
    await rows.put(place, some);

    const done = await Promise.all([
      rows.merger.merge(place, { isForced: true }),
      rows.merger.merge(place, { isForced: true }),
    ]);

    expect(done.filter((isNew) => isNew)).toHaveLength(1);
    expect(readdirSync(indexFolder(rows.path, place))).toHaveLength(2);
    await expectSame(rows.retriever(), place);
  }, 30_000);
});

test("collections and tenants share neither rows, memory nor files", async () => {
  const places = [
    { tenant: "t1", collection: "cl_same" },
    { tenant: "t2", collection: "cl_same" },
    { tenant: "t1", collection: "cl_same2" },
    { tenant: "..", collection: ".." },
  ];
  for (const [at, place] of places.entries()) {
    await rows.put(place, documentsOf(15, 40, 200 + at));
    await rows.merger.merge(place, { isForced: true });
  }
  const by = rows.retriever({ cacheBytesMax: 1 });

  for (const [at, place] of places.entries()) {
    const found = await find(by, place, "q1z q2z q3z", "hybrid", 50);
    expect(found).toHaveLength(50);
    expect(found.every(({ documentId }) => documentId.startsWith(`d${200 + at}.`))).toBe(true);
  }
  const folders = new Set(places.map((place) => indexFolder(rows.path, place)));
  expect(folders.size).toBe(4);
  for (const folder of folders) {
    expect(folder.startsWith(`${join(rows.path, "index")}/`)).toBe(true);
    expect(readdirSync(folder)).toHaveLength(2);
  }
}, 60_000);

test("limits of what waits in memory are as promised", () => {
  expect(mergeLimits.deltaMax).toBeLessThanOrEqual(4_096);
  expect(mergeLimits.smallMax).toBe(4_096);
});
