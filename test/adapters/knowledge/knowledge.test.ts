// Documents in and passages out, over the real LMDB store and its storage threads.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Retriever } from "../../../actors/ports.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { createRetriever } from "../../../adapters/knowledge/retriever.ts";
import { settingsFrom } from "../../../adapters/knowledge/settings.ts";
import { keepSources, readSource, sweepSources } from "../../../adapters/knowledge/sources.ts";
import { createKnowledgeStore, type KnowledgeStore } from "../../../adapters/knowledge/store.ts";
import { encode } from "../../../runtime/store/codec.ts";
import { keys } from "../../../runtime/store/keys.ts";
import type { Store, StoreOp } from "../../../runtime/store/store.ts";
import type { System } from "../../../runtime/system.ts";
import { find as search } from "../../support/find.ts";
import { type OpenData, openData } from "../../support/open-data.ts";
import { ingestOver, type Text, takeIn } from "../../support/take-in.ts";

const embedder = createBuiltinEmbedder();
const embedders = createEmbedders(embedder);
let path: string;
let data: OpenData;
let hot: Store;
let reader: Store;
let door: System["bulk"];
let knowledge: KnowledgeStore;
let retriever: Retriever;

beforeAll(async () => {
  path = mkdtempSync(join(tmpdir(), "troupe-knowledge-"));
  data = await openData(path);
  hot = data.connect("hot");
  reader = data.connect("bulk");
  door = data.connectBulk();
  knowledge = createKnowledgeStore({ bulk: door });
  retriever = createRetriever({ reader, settingsOf: settingsFrom(hot), embedder });
});

afterAll(async () => {
  await data.close();
  rmSync(path, { recursive: true });
});

let collections = 0;

async function newCollection(tenant: string): Promise<string> {
  collections += 1;
  const id = `cl_${collections}`;
  const key = keys.table(tenant, "collections", id);
  await hot.commit({ ops: [{ op: "put", key, value: encode({ id }) }] }).committed;
  return id;
}

const ingest = (tenant: string, collection: string, texts: readonly Text[], more = {}) =>
  takeIn({ bulk: door, tables: hot, embedders, ...more }, tenant, collection, texts);

const find = (tenant: string, collection: string, query: string, topK = 5) =>
  search(retriever, { tenant, collection, query, topK });

const guide = {
  id: "guide",
  title: "User guide",
  text: "# Export\n\nYou can export from Settings → Data → Export as JSON.\n\n# Refunds\n\nRefunds are paid within ten days.",
  metadata: { lang: "en" },
};

describe("a collection", () => {
  test("finds a passage with its exact place in the document", async () => {
    const collection = await newCollection("t1");

    const done = await ingest("t1", collection, [guide]);
    const [first] = await find("t1", collection, "How do I export my data?");

    expect(done).toEqual([
      { number: 0, id: "guide", title: "User guide", chunks: 2, status: "created" },
    ]);
    expect(first).toMatchObject({
      documentId: "guide",
      documentTitle: "User guide",
      chunkId: expect.stringMatching(/^guide\.0-[0-9a-z]+$/),
      collection,
      headings: ["Export"],
      metadata: { lang: "en" },
    });
    const bytes = Buffer.from(guide.text);
    expect(bytes.subarray(first?.span[0], first?.span[1]).toString()).toBe(first?.text);
    expect(first?.scores.lexical.score).toBeGreaterThan(0);
  });

  test("with nothing relevant gives nothing, and an empty one too", async () => {
    const collection = await newCollection("t1");
    expect(await find("t1", collection, "export")).toEqual([]);

    await ingest("t1", collection, [guide]);

    expect(await find("t1", collection, "What is the weather in Paris?")).toEqual([]);
    expect(await find("t1", collection, "")).toEqual([]);
  });

  test("takes the same content once, by id or without one", async () => {
    const collection = await newCollection("t1");
    const { id: _, ...nameless } = guide;

    const first = await ingest("t1", collection, [nameless]);
    const again = await ingest("t1", collection, [nameless, nameless]);

    expect(again.map(({ status }) => status)).toEqual(["unchanged", "unchanged"]);
    expect(again[0]?.id).toBe(first[0]?.id);
    expect(await knowledge.documents("t1", collection, { limit: 10 })).toHaveLength(1);
  });

  test("shows an update at once and nothing of what it replaced", async () => {
    const collection = await newCollection("t1");
    await ingest("t1", collection, [guide]);
    expect(await find("t1", collection, "refunds paid")).toHaveLength(1);

    const done = await ingest("t1", collection, [
      { ...guide, text: "# Export\n\nUse the zebra button to export." },
    ]);

    expect(done[0]?.status).toBe("updated");
    expect(await find("t1", collection, "refunds paid")).toEqual([]);
    expect((await find("t1", collection, "zebra"))[0]?.text).toContain("zebra");
    const left = await door.range({ from: "u/", to: "u~", limit: 200 });
    const ofThis = left.filter(({ key }) => key.startsWith(keys.chunksIn("t1", collection)));
    expect(ofThis).toHaveLength(1);
  });

  test("forgets a removed document, and says so when asked for it", async () => {
    const collection = await newCollection("t1");
    await ingest("t1", collection, [guide, { id: "b", text: "Zebras eat grass." }]);
    expect(await find("t1", collection, "zebras grass")).toHaveLength(1);

    await knowledge.removeDocument("t1", collection, "b");

    expect(await find("t1", collection, "zebras grass")).toEqual([]);
    expect(await find("t1", collection, "export")).toHaveLength(1);
    await expect(knowledge.document("t1", collection, "b")).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    await expect(knowledge.removeDocument("t1", collection, "b")).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });

  test("gives a document back as it was sent, and lists in pages", async () => {
    const collection = await newCollection("t1");
    const ids = Array.from({ length: 5 }, (_, at) => `d${at}`);
    await ingest(
      "t1",
      collection,
      ids.map((id) => ({ id, text: `Text of ${id}. 😀 ü` })),
    );

    const page = await knowledge.documents("t1", collection, { after: "d1", limit: 2 });

    expect(page.map(({ id }) => id)).toEqual(["d2", "d3"]);
    expect(await knowledge.document("t1", collection, "d4")).toMatchObject({
      text: "Text of d4. 😀 ü",
      chunks: 1,
      bytes: 19,
    });
  });

  test("is unknown to another tenant, and when it is not there or was removed", async () => {
    const collection = await newCollection("t1");
    await ingest("t1", collection, [guide]);
    expect(await find("t1", collection, "export")).toHaveLength(1);

    for (const [tenant, id] of [
      ["t2", collection],
      ["t1", "cl_none"],
      ["t1", "../t1/cl"],
    ] as const) {
      await expect(find(tenant, id, "export")).rejects.toMatchObject({ code: "NOT_FOUND" });
    }

    await knowledge.removeCollection("t1", collection);
    const key = keys.table("t1", "collections", collection);
    await hot.commit({ ops: [{ op: "remove", key }] }).committed;

    await expect(find("t1", collection, "export")).rejects.toMatchObject({ code: "NOT_FOUND" });
    const rows = await Promise.all(
      ["g", "h", "p", "q", "s", "u", "v", "w"].map((family) =>
        door.range({
          from: `${family}/t1/${collection}`,
          to: `${family}/t1/${collection}~`,
          limit: 9,
        }),
      ),
    );
    // What stays is the mark that the collection was removed.
    expect(rows.flat().map(({ key }) => key)).toEqual([keys.collectionHead("t1", collection)]);
  });
});

test("two calls at once on one collection both arrive", async () => {
  const collection = await newCollection("t1");

  await Promise.all(
    ["one", "two", "three"].map((id) =>
      ingest("t1", collection, [{ id, text: `Only ${id} speaks of ${id}ness.` }]),
    ),
  );

  expect((await find("t1", collection, "twoness"))[0]?.documentId).toBe("two");
  expect(await knowledge.documents("t1", collection, { limit: 10 })).toHaveLength(3);
});

test("a crash before the last row shows nothing, and the next try is complete", async () => {
  const collection = await newCollection("t1");
  let commits = 0;
  const dying: System["bulk"] = {
    ...door,
    commit: (ops: readonly StoreOp[]) => {
      commits += 1;
      return commits === 2 ? Promise.reject(new Error("killed")) : door.commit(ops);
    },
  };

  await expect(ingest("t1", collection, [guide], { bulk: dying })).rejects.toThrow("killed");
  expect(await find("t1", collection, "export")).toEqual([]);

  await ingest("t1", collection, [guide]);
  expect(await find("t1", collection, "export")).toHaveLength(1);
});

test("a cache too small for two collections still answers from both", async () => {
  const small = createRetriever({
    ...{ reader, settingsOf: settingsFrom(hot), embedder },
    cacheBytesMax: 1,
  });
  const names = [await newCollection("t1"), await newCollection("t1")];
  for (const name of names) await ingest("t1", name, [guide]);

  for (const collection of [...names, ...names]) {
    const found = await search(small, { tenant: "t1", collection, query: "export", topK: 3 });
    expect(found).toHaveLength(1);
  }
});

test("a document over a limit fails alone", async () => {
  const collection = await newCollection("t1");
  const large = { id: "large", text: "x".repeat(8_000_001) };
  const wide = { id: "wide", text: "x", metadata: { note: "n".repeat(20_000) } };

  const done = await ingest("t1", collection, [{ id: "fine", text: "fine" }, large, wide]);

  expect(done.map(({ status, error }) => [status, error?.code])).toEqual([
    ["created", undefined],
    ["failed", "BODY_TOO_LARGE"],
    ["failed", "INVALID"],
  ]);
  expect(await knowledge.documents("t1", collection, { limit: 10 })).toHaveLength(1);
});

test("documents of a job that was never started are swept, those of others stay", async () => {
  const source = { kind: "text" as const, bytes: Buffer.from("left") };
  const places = ["jb_lost", "jb_known", "jb_lost2"].map((job) => ({ tenant: "t1", job }));
  for (const place of places) await keepSources(door, place, [source, source]);

  await sweepSources(door, async ({ job }) => job === "jb_known");

  const [lost, known, other] = await Promise.all(places.map((place) => readSource(door, place, 1)));
  expect([lost, other]).toEqual([undefined, undefined]);
  expect(Buffer.from(known?.bytes ?? []).toString()).toBe("left");
});

test("what publishing came to is what it said itself, when it is asked again after others' changes too", async () => {
  const tenant = "told";
  const collection = await newCollection(tenant);
  const ingests = ingestOver({ bulk: door, tables: hot, embedders });
  const place = { tenant, collection, job: "jb_told" };
  const texts = ["The first text.", "The second text."];
  await keepSources(
    door,
    place,
    texts.map((text) => ({ kind: "text", id: "one", bytes: Buffer.from(text) })),
  );
  const unit = await ingests.prepare(place, [0, 1], new AbortController().signal);
  const statuses = async () =>
    (await ingests.publish(place, unit, new Map())).documents.map(({ status }) => status);

  const first = await statuses();
  await ingest(tenant, collection, [{ id: "one", text: "Changed by another." }]);

  expect(first).toEqual(["created", "updated"]);
  expect(await statuses()).toEqual(["created", "updated"]);
  expect((await ingests.visible(place)).map(({ status }) => status)).toEqual([
    "created",
    "updated",
  ]);
  expect((await knowledge.document(tenant, collection, "one"))?.text).toBe("Changed by another.");
});
