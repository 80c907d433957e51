// Another model under the same name, through the real door: a collection keeps to the weights its first
// vector came from, is refused with others, and is repaired by embedding it anew.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Embedder } from "../../../actors/ports.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createRegistry } from "../../../adapters/embed/registry.ts";
import { weightsOfFiles } from "../../../adapters/embed/weights.ts";
import { headOf, preparedOf, rowBytes } from "../../../adapters/knowledge/rows.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { keys } from "../../../runtime/store/keys.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { jobAs } from "../../support/jobs.ts";
import { otherEmbedder } from "../../support/other-embedder.ts";

const collections = "/v2/knowledge/collections";
const other = otherEmbedder("local:m:q8");
let model = "a";

/** Vectors and their name change together, as with files that are exchanged. */
const embedder: Embedder = {
  ...other,
  embed: async (texts, options) => {
    const vectors = await other.embed(texts, options);
    return model === "a" ? vectors : vectors.map((vector) => vector.slice().reverse());
  },
};

let host: HttpHost;
beforeAll(async () => {
  const builtin = createBuiltinEmbedder();
  const embedders = createRegistry(
    [
      { name: "builtin", id: builtin.id, make: async () => ({ embedder: builtin }) },
      {
        ...{ name: "mine", id: embedder.id },
        make: async () => ({ embedder, weights: async () => weightsOfFiles(model) }),
      },
    ],
    "mine",
  );
  host = await startHttpHost({ embedders });
});
afterAll(() => host.stop());
afterEach(() => {
  model = "a";
  other.before = () => Promise.resolve();
});

async function newCollection(): Promise<{ path: string; id: string }> {
  const { body } = await host.call("POST", collections, { name: "Docs", embedder: "mine" });
  return { path: `${collections}/${body.id}`, id: body.id };
}

const add = (path: string, id: string, text: string) =>
  host.call("POST", `${path}/documents?wait=true`, { id, text });

const search = (path: string, mode = "vector") =>
  host.call("POST", `${path}/search`, { query: "otters", mode, top_k: 5 });

const headKey = (id: string) => keys.collectionHead(host.tenant, id);
const headAt = async (id: string) => headOf(await host.system.bulk.get(headKey(id)));

/** Vectors of the chunks that lie in an edition. */
async function vectorsIn(edition: string): Promise<readonly Float32Array[]> {
  const prefix = keys.chunksIn(host.tenant, edition);
  const rows = await host.system.bulk.range({ from: prefix, to: `${prefix}~`, limit: 1_000 });
  return rows.map(({ value }) => preparedOf(value).vector);
}

test("searches by meaning and additions are refused, words are found, and embedding anew repairs it", async () => {
  const { path } = await newCollection();
  await add(path, "one", "Otters swim.");
  await add(path, "two", "Badgers dig.");
  model = "b";

  const [vector, hybrid, words] = await Promise.all([
    search(path),
    search(path, "hybrid"),
    search(path, "lexical"),
  ]);
  const added = await add(path, "three", "Owls fly.");
  for (const { status, body } of [vector, hybrid, added]) {
    expect([status, body.code]).toEqual([409, "EMBEDDER_MISMATCH"]);
    expect(body.detail).toMatch(/other weights.*\/reembed with \{"embedder": "mine"\}/);
  }
  expect([words.status, words.body.data[0].document_id]).toEqual([200, "one"]);

  const { headers } = await host.call("POST", `${path}/reembed`, { embedder: "mine" });
  const job = await jobAs(host, headers.get("location") ?? "", "completed");
  const after = await search(path);
  const more = await add(path, "four", "Bears sleep.");

  expect(job).toMatchObject({ status: "completed" });
  expect([after.status, after.body.data.length > 0]).toEqual([200, true]);
  expect(more.body.status).toBe("created");
  // And back: it is the new weights' now.
  model = "a";
  expect((await search(path)).status).toBe(409);
});

test("weights exchanged while the first documents are on their way never meet the former ones", async () => {
  const { path, id } = await newCollection();
  const documents = Array.from({ length: 70 }, (_, at) => ({
    id: `d${at}`,
    text: `Otter number ${at} swims in the river.`,
  }));
  let calls = 0;
  other.before = async () => {
    calls += 1;
    // What was embedded until then is stored; nothing of it is visible.
    if (calls === 2) model = "b";
    if (calls >= 2) throw new RuntimeError("PROVIDER_UNAVAILABLE", "It is away.");
  };
  const sent = await host.call("POST", `${path}/documents?wait=false`, documents);
  await expect.poll(() => calls, { timeout: 10_000 }).toBeGreaterThanOrEqual(2);
  other.before = () => Promise.resolve();
  const job = await jobAs(host, sent.headers.get("location") ?? "", "failed");

  expect(job.error).toMatchObject({ code: "EMBEDDER_MISMATCH" });
  model = "a";
  await host.call("POST", `${sent.headers.get("location")}/resume`);
  await jobAs(host, sent.headers.get("location") ?? "", "completed");
  const stored = await vectorsIn(id);
  const expected = await other.embed(
    documents.map(({ text }) => text),
    { tenant: "tn_1" },
  );
  const known = new Set(expected.map((vector) => vector.join()));
  expect(stored).toHaveLength(70);
  expect(stored.filter((vector) => !known.has(vector.join()))).toEqual([]);
});

test.each(["search", "add"])(
  "a collection from before weights were told gets them at its first %s",
  async (use) => {
    const { path, id } = await newCollection();
    await add(path, "one", "Otters swim.");
    const bytes = await host.system.bulk.get(headKey(id));
    const { weights: _, ...pin } = headOf(bytes).embedder ?? { id: "", dimension: 0 };
    const value = rowBytes({ ...headOf(bytes), embedder: pin });
    await host.system.bulk.commit([{ op: "put", key: headKey(id), value }], "flushed");

    if (use === "search") expect((await search(path)).status).toBe(200);
    else expect((await add(path, "two", "Badgers dig.")).body.status).toBe("created");

    expect((await headAt(id)).embedder).toMatchObject({ weights: weightsOfFiles("a") });
    model = "b";
    expect((await search(path)).status).toBe(409);
  },
);

test("the built-in embedder is known by its id alone", async () => {
  const { body } = await host.call("POST", collections, { name: "Plain", embedder: "builtin" });
  const path = `${collections}/${body.id}`;
  await add(path, "one", "Otters swim.");
  model = "b";

  expect((await search(path, "hybrid")).status).toBe(200);
  expect((await headAt(body.id)).embedder).toEqual({ id: "builtin-1", dimension: 512 });
});
