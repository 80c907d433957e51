// Rows of documents over the real LMDB store: what is written twice, by several threads, in part, or
// while it is taken away.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findDocument, readDocument } from "../../../adapters/knowledge/library.ts";
import { changesKept } from "../../../adapters/knowledge/publish.ts";
import {
  changesOf,
  documentOf,
  headOf,
  type PreparedChunk,
  preparedOf,
  rowBytes,
  slotOf,
} from "../../../adapters/knowledge/rows.ts";
import { createKnowledgeWriter, type KnowledgeWriter } from "../../../adapters/knowledge/writer.ts";
import type { Bulk } from "../../../runtime/store/bulk.ts";
import { keys, prefixRange } from "../../../runtime/store/keys.ts";
import type { StoreOp } from "../../../runtime/store/store.ts";
import { type OpenData, openData } from "../../support/open-data.ts";

const embedder = { id: "test-1", dimension: 4 };
const nowMs = (): number => Date.parse("2026-01-01T00:00:00Z");
let path: string;
let data: OpenData;
let bulk: Bulk;
let writer: KnowledgeWriter;
let collections = 0;

beforeAll(async () => {
  path = mkdtempSync(join(tmpdir(), "troupe-writer-"));
  data = await openData(path);
  bulk = data.connectBulk();
  writer = createKnowledgeWriter({ bulk, nowMs });
});

afterAll(async () => {
  await data.close();
  rmSync(path, { recursive: true });
});

function newPlace(): { tenant: string; collection: string } {
  collections += 1;
  return { tenant: "t1", collection: `cl_${collections}` };
}

type Place = ReturnType<typeof newPlace>;

function chunksOf(count: number, word = "text"): PreparedChunk[] {
  return Array.from({ length: count }, (_, at) => ({
    text: `${word} ${at}`,
    headings: [],
    span: [at, at + 1] as const,
    vector: new Float32Array([1, 0, 0, 0]),
  }));
}

async function write(
  by: KnowledgeWriter,
  place: Place,
  id: string,
  writeId: string,
  count: number,
): Promise<Parameters<KnowledgeWriter["publish"]>[1][number]> {
  await by.writeText(place, { documentId: id, writeId }, `${writeId}!`);
  await by.writeChunks(place, { documentId: id, writeId }, chunksOf(count, writeId), 0, embedder);
  const shown = { title: "", metadata: {}, bytes: 3, contentHash: writeId };
  return { documentId: id, writeId, chunks: count, ...shown };
}

const head = async (place: Place) =>
  headOf(await bulk.get(keys.collectionHead(place.tenant, place.collection)));

const count = async (prefix: string): Promise<number> =>
  (await bulk.range(prefixRange(prefix, 10_000))).length;

describe("a document", () => {
  test("is nowhere until it is published, then has growing slots and a change row", async () => {
    const place = newPlace();
    const { tenant, collection } = place;
    const one = await write(writer, place, "one", "w1", 3);
    expect(await findDocument(bulk, place, "one")).toBeUndefined();
    expect(await head(place)).toMatchObject({ generation: 0, chunks: 0 });

    const two = await write(writer, place, "two", "w2", 2);
    const done = await writer.publish(place, [one, two], embedder);

    expect(done).toEqual({
      generation: 1,
      chunks: 5,
      documents: [
        { id: "one", status: "created" },
        { id: "two", status: "created" },
      ],
    });
    expect(await head(place)).toEqual({
      ...{ generation: 1, nextSlot: 5, documents: 2, chunks: 5, embedder },
    });
    const change = await bulk.get(keys.change(tenant, collection, 1));
    expect(change && changesOf(change)).toEqual([
      { id: "one", before: null, after: [0, 3] },
      { id: "two", before: null, after: [3, 2] },
    ]);
    const slot = await bulk.get(keys.slot(tenant, collection, 3));
    expect(slot && slotOf(slot)).toEqual({ id: "two", writeId: "w2", chunks: 2 });
    expect(await count(keys.writesOf(tenant, collection))).toBe(0);
    expect((await readDocument(bulk, place, "one")).text).toBe("w1!");
  });

  test("is replaced by another write of it, whose slots are new, and nothing old is left", async () => {
    const place = newPlace();
    const { tenant, collection } = place;
    await writer.publish(place, [await write(writer, place, "one", "w1", 3)], embedder);

    const done = await writer.publish(
      place,
      [await write(writer, place, "one", "w2", 2)],
      embedder,
    );

    expect(done.documents).toEqual([{ id: "one", status: "updated" }]);
    expect(await head(place)).toMatchObject({ nextSlot: 5, documents: 1, chunks: 2 });
    const change = await bulk.get(keys.change(tenant, collection, 2));
    expect(change && changesOf(change)).toEqual([{ id: "one", before: [0, 3], after: [3, 2] }]);
    expect(await count(keys.chunksIn(tenant, collection))).toBe(2);
    expect(await count(keys.documentTextsOf(tenant, collection))).toBe(1);
    expect(await count(keys.slotsOf(tenant, collection))).toBe(1);
    expect(await count(keys.writesOf(tenant, collection))).toBe(0);
  });

  test("that is written and published again by a repeated step stays as it was", async () => {
    const place = newPlace();
    const one = await write(writer, place, "one", "w1", 2_500);
    await writer.publish(place, [one], embedder);

    const again = await write(writer, place, "one", "w1", 2_500);
    const done = await writer.publish(place, [again], embedder);

    expect(done).toMatchObject({ generation: 1, documents: [{ status: "unchanged" }] });
    expect(await head(place)).toMatchObject({ generation: 1, nextSlot: 2_500, chunks: 2_500 });
    expect(await count(keys.chunksIn(place.tenant, place.collection))).toBe(2_500);
    expect(await count(keys.writesOf(place.tenant, place.collection))).toBe(0);
  });

  test("is not published with a chunk or its text missing, or one too many", async () => {
    const place = newPlace();
    const one = await write(writer, place, "one", "w1", 3);
    const bare = { ...one, documentId: "bare", chunks: 0 };
    await writer.writeChunks(place, { documentId: "bare", writeId: "w1" }, [], 0, embedder);

    for (const wrong of [{ ...one, chunks: 4 }, { ...one, chunks: 2 }, bare]) {
      await expect(writer.publish(place, [wrong], embedder)).rejects.toMatchObject({
        code: "CONFLICT",
      });
    }
    expect(await head(place)).toMatchObject({ generation: 0 });
  });

  test("goes with everything it had, and its removal is a change", async () => {
    const place = newPlace();
    const { tenant, collection } = place;
    await writer.publish(place, [await write(writer, place, "one", "w1", 3)], embedder);

    expect(await writer.removeDocuments(place, ["one", "none"])).toEqual(["one"]);

    expect(await head(place)).toMatchObject({ generation: 2, documents: 0, chunks: 0 });
    const change = await bulk.get(keys.change(tenant, collection, 2));
    expect(change && changesOf(change)).toEqual([{ id: "one", before: [0, 3], after: null }]);
    expect(await count(keys.chunksIn(tenant, collection))).toBe(0);
    expect(await writer.removeDocuments(place, ["one"])).toEqual([]);
    expect(await head(place)).toMatchObject({ generation: 2 });
  });
});

describe("a vector", () => {
  test("that is not of the collection's embedder, not finite or zero is refused", async () => {
    const place = newPlace();
    const bad = [
      [1, 0, 0],
      [1, 0, 0, 0, 0],
      [Number.NaN, 0, 0, 1],
      [Number.POSITIVE_INFINITY, 0, 0, 0],
      [0, 0, 0, 0],
      [2, 0, 0, 0],
    ];

    for (const numbers of bad) {
      const chunks = chunksOf(1).map((chunk) => ({ ...chunk, vector: new Float32Array(numbers) }));
      await expect(
        writer.writeChunks(place, { documentId: "d", writeId: "w" }, chunks, 0, embedder),
      ).rejects.toMatchObject({ code: "INVALID" });
    }
    expect(await count(keys.chunksIn(place.tenant, place.collection))).toBe(0);
  });

  test("of another embedder is refused once a document is there", async () => {
    const place = newPlace();
    await writer.publish(place, [await write(writer, place, "one", "w1", 1)], embedder);
    const two = await write(writer, place, "two", "w2", 1);

    for (const other of [
      { id: "test-2", dimension: 4 },
      { id: "test-1", dimension: 8 },
    ]) {
      await expect(writer.publish(place, [two], other)).rejects.toMatchObject({ code: "CONFLICT" });
    }
    await expect(writer.publish(place, [two], embedder)).resolves.toMatchObject({ chunks: 2 });
  });

  test("is read back as it was, from any place in its row", async () => {
    const place = newPlace();
    const vector = new Float32Array([9, 0.5, -0.5, 0.5, 0.5]).subarray(1);
    const chunks = chunksOf(1).map((chunk) => ({ ...chunk, text: "ü".repeat(3), vector }));
    await writer.writeChunks(place, { documentId: "d", writeId: "w" }, chunks, 0, embedder);

    const stored = await bulk.get(keys.chunk(place.tenant, place.collection, "d", "w", 0));

    expect(stored && preparedOf(stored)).toEqual({
      ...chunks[0],
      vector: new Float32Array(vector),
    });
  });
});

test("writers of several connections never lose a document, a slot or a generation", async () => {
  const place = newPlace();
  const writers = Array.from({ length: 4 }, () =>
    createKnowledgeWriter({ bulk: data.connectBulk(), nowMs }),
  );
  const each = Array.from({ length: 12 }, (_, at) => at);

  await Promise.all(
    writers.flatMap((by, thread) =>
      each.map(async (at) => {
        // Every third document is one that all of them write.
        const id = at % 3 === 0 ? `common${at}` : `own${thread}.${at}`;
        const document = await write(by, place, id, `w${thread}.${at}`, 2);
        await by.publish(place, [document], embedder);
      }),
    ),
  );

  const { tenant, collection } = place;
  const now = await head(place);
  const rows = await bulk.range(prefixRange(keys.documentsOf(tenant, collection), 1_000));
  const documents = rows.map(({ value }) => documentOf(value));
  expect(now).toMatchObject({ generation: 48, nextSlot: 96, documents: 36, chunks: 72 });
  expect(documents).toHaveLength(36);
  expect(new Set(documents.map(({ firstSlot }) => firstSlot)).size).toBe(36);
  expect(await count(keys.chunksIn(tenant, collection))).toBe(72);
  expect(await count(keys.slotsOf(tenant, collection))).toBe(36);
  expect(await count(keys.changesOf(tenant, collection))).toBe(48);
});

describe("a crash", () => {
  test("between any two commits leaves no half document, and the repeated step no double", async () => {
    for (let survived = 0; ; survived += 1) {
      const place = newPlace();
      const { tenant, collection } = place;
      await writer.publish(place, [await write(writer, place, "one", "w1", 3)], embedder);
      let commits = 0;
      const dying = createKnowledgeWriter({
        bulk: {
          ...bulk,
          commit: (ops: readonly StoreOp[]) => {
            commits += 1;
            return commits > survived ? Promise.reject(new Error("killed")) : bulk.commit(ops);
          },
        },
        nowMs,
      });
      const step = async (by: KnowledgeWriter): Promise<void> => {
        const document = await write(by, place, "one", "w2", 2_500);
        await by.publish(place, [document], embedder);
      };
      const isDead = await step(dying).then(
        () => false,
        () => true,
      );
      const seen = await findDocument(bulk, place, "one");
      const text = (await readDocument(bulk, place, "one")).text;
      expect([seen?.writeId, seen?.chunks, text]).toEqual(
        seen?.writeId === "w1" ? ["w1", 3, "w1!"] : ["w2", 2_500, "w2!"],
      );

      await step(writer);
      await writer.sweep(place, -1);

      expect(await findDocument(bulk, place, "one")).toMatchObject({ writeId: "w2" });
      expect(await head(place)).toMatchObject({ documents: 1, chunks: 2_500, generation: 2 });
      expect(await count(keys.chunksIn(tenant, collection))).toBe(2_500);
      expect(await count(keys.documentTextsOf(tenant, collection))).toBe(1);
      expect(await count(keys.writesOf(tenant, collection))).toBe(0);
      if (!isDead) return;
    }
  });

  test("leaves rows that a sweep finds, and a discarded write is not published any more", async () => {
    const place = newPlace();
    const { tenant, collection } = place;
    const one = await write(writer, place, "one", "w1", 3);

    expect(await writer.sweep(place, 1_000)).toBe(0);
    expect(await writer.sweep(place, -1)).toBe(1);

    expect(await count(keys.chunksIn(tenant, collection))).toBe(0);
    await expect(writer.publish(place, [one], embedder)).rejects.toMatchObject({
      code: "CONFLICT",
    });
    await write(writer, place, "one", "w1", 3);
    await expect(writer.publish(place, [one], embedder)).resolves.toMatchObject({ chunks: 3 });
    await writer.discard(place, { documentId: "one", writeId: "w1" });
    expect(await count(keys.chunksIn(tenant, collection))).toBe(3);
  });

  test("two that remove the same at once are both content", async () => {
    const place = newPlace();
    const old = { documentId: "one", writeId: "w1" };
    await write(writer, place, "one", "w1", 3);
    let hasMet = false;
    // The first has marked the write and is about to remove its rows when the second does it all.
    const meeting: Bulk = {
      ...bulk,
      async range(range) {
        if (!hasMet) {
          hasMet = true;
          await writer.discard(place, old);
        }
        return await bulk.range(range);
      },
    };

    await createKnowledgeWriter({ bulk: meeting, nowMs }).discard(place, old);

    expect(hasMet).toBe(true);
    expect(await count(keys.writesOf(place.tenant, place.collection))).toBe(0);
    expect(await count(keys.chunksIn(place.tenant, place.collection))).toBe(0);
  });

  test("a write that is being discarded takes no rows and is not published", async () => {
    const place = newPlace();
    const one = await write(writer, place, "one", "w1", 3);
    const key = keys.write(place.tenant, place.collection, "one", "w1");
    const value = rowBytes({ id: "one", writeId: "w1", since: 0 });
    await bulk.commit([{ op: "put", key, value }]);

    await expect(write(writer, place, "one", "w1", 3)).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(writer.publish(place, [one], embedder)).rejects.toMatchObject({
      code: "CONFLICT",
    });
  });
});

test("a removed collection takes no document any more", async () => {
  const place = newPlace();
  const one = await write(writer, place, "one", "w1", 3);
  const two = await write(writer, place, "two", "w2", 3);
  await writer.publish(place, [one], embedder);

  await writer.removeCollection(place);

  await expect(writer.publish(place, [two], embedder)).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect(await head(place)).toMatchObject({ isRemoved: true, chunks: 0 });
  expect(await count(keys.chunksIn(place.tenant, place.collection))).toBe(0);
  await writer.removeCollection(place);
});

test.each([1, 3, 5, 7, 8, 9, 10])("what is written at step %d of a removal goes", async (step) => {
  const place = newPlace();
  await writer.publish(place, [await write(writer, place, "one", "w1", 2)], embedder);
  let steps = 0;
  const range: Bulk["range"] = async (of) => {
    steps += 1;
    if (steps === step) await write(writer, place, "two", "w2", 2);
    return await bulk.range(of);
  };
  await createKnowledgeWriter({ bulk: { ...bulk, range }, nowMs }).removeCollection(place);
  await writer.discard(place, { documentId: "two", writeId: "w2" });
  expect(await count(keys.chunksIn(place.tenant, place.collection))).toBe(0);
});

test("change rows are kept for a while and then go", async () => {
  const place = newPlace();
  const { tenant, collection } = place;
  await writer.publish(place, [await write(writer, place, "one", "w1", 1)], embedder);
  const key = keys.collectionHead(tenant, collection);
  await bulk.commit([
    { op: "put", key, value: rowBytes({ ...(await head(place)), generation: changesKept }) },
  ]);

  await writer.publish(place, [await write(writer, place, "two", "w2", 1)], embedder);

  expect(await bulk.get(keys.change(tenant, collection, 1))).toBeUndefined();
  expect(await bulk.get(keys.change(tenant, collection, changesKept + 1))).toBeDefined();
});
