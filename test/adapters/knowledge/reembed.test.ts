// Embedding a collection anew dies at every one of its commits, before it is stored or after; begun
// again, it ends with what a collection has that was made with the new embedder, and until the switch
// nothing of what is searched has changed.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Embedders } from "../../../actors/ports.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { beginEdition, dropEdition } from "../../../adapters/knowledge/edition-changes.ts";
import { currentPlace, readEditions } from "../../../adapters/knowledge/editions.ts";
import { type Place, preparedOf } from "../../../adapters/knowledge/rows.ts";
import { createKnowledgeWriter } from "../../../adapters/knowledge/writer.ts";
import type { Bulk } from "../../../runtime/store/bulk.ts";
import { encode } from "../../../runtime/store/codec.ts";
import { keys, prefixRange } from "../../../runtime/store/keys.ts";
import type { Reader } from "../../../runtime/store/store.ts";
import { type KnowledgeRows, startKnowledgeRows } from "../../support/knowledge-rows.ts";
import { embeddersWith, otherEmbedder } from "../../support/other-embedder.ts";
import { reembedOver, takeIn } from "../../support/take-in.ts";

/** Steps are begun again so often before a test gives up. */
const LIVES_MAX = 200;
const tenant = "t1";
const other = otherEmbedder();
const embedders: Embedders = embeddersWith(createEmbedders(createBuiltinEmbedder()), [other]);
const { signal } = new AbortController();

/** The record of every collection, pinned to nobody. */
const tables: Reader = { get: () => encode({}), range: () => [] };

let rows: KnowledgeRows;
let collections = 0;
beforeAll(async () => {
  rows = await startKnowledgeRows();
});
afterAll(() => rows.close());

const textOf = (name: string, lines: number) => ({
  id: name,
  text: `# ${name}\n\n${Array.from({ length: lines }, (_, at) => `Line ${at} tells of ${name}.`).join(" ")}`,
});

const parts = (bulk: Bulk, using = embedders) => ({ bulk, tables, embedders: using });

async function newCollection(names: readonly string[]): Promise<Place> {
  collections += 1;
  const place = { tenant, collection: `cl_${collections}` };
  const texts = names.map((name, at) => textOf(name, 10 + at * 10));
  await takeIn(parts(rows.bulk), tenant, place.collection, texts);
  return place;
}

class Died extends Error {}

/** A connection whose process dies with its `at`-th commit. */
function dying(bulk: Bulk, at: number, isStored: boolean): Bulk & { commits(): number } {
  let commits = 0;
  const check = (): void => {
    if (commits > at) throw new Died();
  };
  return {
    commits: () => commits,
    get: (key) => {
      check();
      return bulk.get(key);
    },
    range: (range) => {
      check();
      return bulk.range(range);
    },
    async commit(ops, level) {
      commits += 1;
      if (commits === at && isStored) {
        await bulk.commit(ops, level);
        commits += 1;
        throw new Died();
      }
      if (commits >= at) {
        commits = at + 1;
        throw new Died();
      }
      return await bulk.commit(ops, level);
    },
  };
}

/** All steps of a job; `between` is called once the documents have been embedded. */
async function steps(bulk: Bulk, place: Place, job: string, between?: () => Promise<void>) {
  const reembed = reembedOver(parts(bulk));
  const at = { ...place, job };
  const { generation, isCurrent } = await reembed.begin(at);
  if (!isCurrent) {
    for (let after: string | null = null; ; ) {
      const built = await reembed.build(at, after, signal);
      after = built.after;
      if (built.isLast) break;
    }
  }
  await between?.();
  for (let since = generation; ; ) {
    const caught = await reembed.catchUp(at, { since, holdMs: 0 }, signal);
    if (caught.isCurrent) break;
    since = caught.since;
  }
  await reembed.clear(at);
}

/** Documents and chunks of the edition that counts, without what differs between any two takings. */
async function contentOf(place: Place): Promise<readonly unknown[]> {
  const { collection } = await currentPlace(rows.bulk, place);
  const chunks = await rows.bulk.range(prefixRange(keys.chunksIn(tenant, collection), 1_000));
  return chunks.map(({ key, value }) => {
    const [, , , document, , number] = key.split("/");
    const { vector, ...chunk } = preparedOf(value);
    return { document, number, ...chunk, vector: [...vector] };
  });
}

/** Rows of anything but the edition that counts. */
async function leftOf(place: Place): Promise<readonly string[]> {
  const { collection } = await currentPlace(rows.bulk, place);
  const left: string[] = [];
  for (const family of ["q", "p", "w", "u", "h", "v"]) {
    const range = prefixRange(`${family}/${tenant}/${place.collection}`, 1_000);
    for (const { key } of await rows.bulk.range(range)) {
      const [, , own = ""] = key.split("/");
      const isOfIt = own === place.collection || own.startsWith(`${place.collection}.`);
      if (isOfIt && (own !== collection || family === "v")) left.push(key);
    }
  }
  return left;
}

const begin = (place: Place, job: string) =>
  beginEdition(rows.bulk, place, { job, embedder: other }, async () => true);

/** What the collection should hold, by the new embedder. */
async function wanted(texts: readonly { id: string; text: string }[]) {
  collections += 1;
  const place = { tenant, collection: `cl_${collections}` };
  await takeIn(
    parts(rows.bulk, { ...embedders, find: async () => other }),
    tenant,
    place.collection,
    texts,
  );
  return await contentOf(place);
}

for (const isStored of [false, true]) {
  test(`it dies at each of its commits, ${isStored ? "stored" : "not stored"}, and is whole in the end`, async () => {
    const names = ["ant", "bee", "cat", "dog"];
    const after = ["ant", "bee", "cow", "dog"];
    const writer = createKnowledgeWriter({ bulk: rows.bulk, nowMs: Date.now });
    const expected = await wanted([
      textOf("ant", 10),
      textOf("bee", 55),
      textOf("cow", 12),
      textOf("dog", 40),
    ]);
    let isThrough = false;
    for (let at = 1; !isThrough; at += 1) {
      expect(at).toBeLessThan(LIVES_MAX);
      const place = await newCollection(names);
      const before = await contentOf(place);
      const job = `jb_${isStored ? "s" : "n"}${at}`;
      await begin(place, job);
      let isChanged = false;
      const change = async (): Promise<void> => {
        if (isChanged) return;
        isChanged = true;
        await writer.removeDocuments(place, ["cat"]);
        const changed = [textOf("bee", 55), textOf("cow", 12)];
        await takeIn(parts(rows.bulk), tenant, place.collection, changed);
      };
      isThrough = await steps(dying(rows.bulk, at, isStored), place, job, change).then(
        () => true,
        (error: unknown) => {
          if (error instanceof Died) return false;
          throw error;
        },
      );
      const { editions } = await readEditions(rows.bulk, place);
      if (editions.next !== null && !isChanged) expect(await contentOf(place)).toEqual(before);
      await steps(rows.bulk, place, job, change);
      // What a crash leaves of a replaced document is seen by nobody, and swept.
      await writer.sweep(await currentPlace(rows.bulk, place), -1_000);

      expect(await contentOf(place), `death ${at}`).toEqual(expected);
      expect(await leftOf(place), `death ${at}`).toEqual([]);
      const documents = await rows.bulk.range(
        prefixRange(
          keys.documentsOf(tenant, (await currentPlace(rows.bulk, place)).collection),
          10,
        ),
      );
      expect(documents.map(({ key }) => key.split("/").at(-1))).toEqual(after);
    }
  }, 60_000);
}

test("given up at any moment, it leaves what was searched as it was, or counts already", async () => {
  for (const stop of [1, 3, 5, 7, 9, 11]) {
    const place = await newCollection(["elk", "fox"]);
    const before = await contentOf(place);
    const job = `jb_g${stop}`;
    await begin(place, job);
    await steps(dying(rows.bulk, stop, true), place, job).catch(() => undefined);
    const removal = {
      bulk: rows.bulk,
      writer: createKnowledgeWriter({ bulk: rows.bulk, nowMs: Date.now }),
      removeFiles: () => Promise.resolve(),
    };
    await dropEdition(removal, place, job);

    const { editions } = await readEditions(rows.bulk, place);
    if (editions.job === job) expect(editions.embedder?.id).toBe("other-1");
    else expect(await contentOf(place)).toEqual(before);
    expect([editions.next, editions.old]).toEqual([null, []]);
    expect(await leftOf(place)).toEqual([]);
  }
}, 30_000);

test("a second one is refused while a job that is known is at it; one that nobody knows is given up", async () => {
  const place = await newCollection(["gnu"]);
  await begin(place, "jb_one");

  await expect(begin(place, "jb_two")).rejects.toMatchObject({ code: "CONFLICT" });
  await beginEdition(rows.bulk, place, { job: "jb_three", embedder: other }, async () => false);
  await expect(steps(rows.bulk, place, "jb_one")).rejects.toMatchObject({ code: "NOT_FOUND" });
  await steps(rows.bulk, place, "jb_three");

  expect((await readEditions(rows.bulk, place)).editions).toMatchObject({
    embedder: { id: "other-1" },
    next: null,
    old: [],
  });
});

test("changes wait while the head is held, and go on when it is let go by time", async () => {
  const place = await newCollection(["hen"]);
  await begin(place, "jb_hold");
  const reembed = reembedOver(parts(rows.bulk));
  const key = keys.collectionHead(tenant, place.collection);
  const at = { ...place, job: "jb_hold" };
  const { generation: since } = await reembed.begin(at);
  // Others have changed it by the time of the switch, so the hold stays.
  const held = { ...rows.bulk, commit: rows.bulk.commit };
  let commits = 0;
  held.commit = async (ops, level) => {
    commits += 1;
    if (ops.some((op) => op.key === keys.editions(tenant, place.collection))) throw new Died();
    return await rows.bulk.commit(ops, level);
  };
  await reembedOver(parts(held)).build(at, null, signal);
  const dead = reembedOver(parts(held)).catchUp(at, { since, holdMs: 400 }, signal);
  await expect(dead).rejects.toThrow(Died);
  const heldHead = await rows.bulk.get(key);
  const writer = createKnowledgeWriter({ bulk: rows.bulk, nowMs: Date.now });
  const beganMs = performance.now();
  await writer.removeDocuments(place, ["hen"]);

  expect(commits).toBeGreaterThan(1);
  expect(heldHead).toBeDefined();
  expect(performance.now() - beganMs).toBeGreaterThan(100);
  await steps(rows.bulk, place, "jb_hold");
  expect(await contentOf(place)).toEqual([]);
});
