// How a collection is searched, over HTTP: its settings with their versions, what a search may say
// instead, and what it answers when there is nothing.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

const collections = "/v2/knowledge/collections";
let host: HttpHost;

beforeAll(async () => {
  host = await startHttpHost();
});
afterAll(() => host.stop());

async function make(body: object = {}): Promise<string> {
  const { status, body: made } = await host.call("POST", collections, { name: "x", ...body });
  expect(status).toBe(201);
  return `${collections}/${made.id}`;
}

test("settings are kept with the record, changed by merge patch and counted by its version", async () => {
  const path = await make({
    retrieval: { top_k: 3, weights: { vector: 0.4 } },
    metadata: { a: 1 },
  });

  const one = await host.call("GET", path);
  const two = await host.call("PATCH", path, {
    ...{ name: "y", metadata: { a: null, b: { c: 2 } } },
    retrieval: { top_k: null, diversity: 0.2, weights: { lexical: 0.9 } },
  });
  const stale = await host.call("PATCH", path, { name: "z" }, { headers: { "If-Match": '"1"' } });
  const three = await host.call(
    ...(["PATCH", path, { retrieval: null, metadata: { b: { d: 3 } } }] as const),
    { headers: { "If-Match": '"2"' } },
  );
  const foreign = await host.call("PATCH", path, { name: "q" }, { key: host.otherKey });

  expect(one.body).toMatchObject({ version: 1, retrieval: { top_k: 3, weights: { vector: 0.4 } } });
  expect(one.headers.get("etag")).toBe('"1"');
  expect(two.body).toMatchObject({ name: "y", metadata: { b: { c: 2 } }, version: 2 });
  expect(two.body.metadata).toEqual({ b: { c: 2 } });
  expect(two.body.retrieval).toEqual({ diversity: 0.2, weights: { vector: 0.4, lexical: 0.9 } });
  expect([stale.status, stale.body.code]).toEqual([412, "REVISION_MISMATCH"]);
  expect(three.body).toMatchObject({ version: 3, retrieval: {}, metadata: { b: { c: 2, d: 3 } } });
  expect(three.body.name).toBe("y");
  expect(foreign.status).toBe(404);
  expect((await host.call("GET", path)).body).toEqual(three.body);
});

test("patches that come together are all kept", async () => {
  const path = await make();
  const names = Array.from({ length: 20 }, (_, at) => `n${at}`);

  const answers = await Promise.all(
    names.map((name) => host.call("PATCH", path, { metadata: { [name]: name } })),
  );

  expect(answers.map(({ status }) => status)).toEqual(names.map(() => 200));
  const versions = answers.map(({ body }) => body.version);
  expect(versions.sort((a, b) => a - b)).toEqual(names.map((_, at) => at + 2));
  const { body } = await host.call("GET", path);
  expect(body.metadata).toEqual(Object.fromEntries(names.map((name) => [name, name])));
});

test("another embedder is refused by name, and what is wrong with a setting says where", async () => {
  const path = await make();
  const { body: made } = await host.call("GET", path);
  const patch = (body: object) => host.call("PATCH", path, body);

  const other = await patch({ embedder: "local:Xenova/all-MiniLM-L6-v2:q8" });
  const same = await patch({ embedder: made.embedder.id, name: "same" });

  expect([other.status, other.body.code]).toEqual([409, "EMBEDDER_MISMATCH"]);
  expect(other.body.detail).toContain(made.embedder.id);
  expect(other.body.pointer).toBe("/embedder");
  expect([same.status, same.body.name]).toEqual([200, "same"]);
  const wrong = [
    [{ retrieval: { diversity: 1.1 } }, 400, "/retrieval/diversity"],
    [{ retrieval: { top_k: 51 } }, 400, "/retrieval/top_k"],
    [{ retrieval: { weights: { vector: 0, lexical: 0 } } }, 400, "/retrieval/weights"],
    [{ retrieval: { weights: { words: 1 } } }, 400, "/retrieval/weights/words"],
    [{ retrieval: { reranker: "none" } }, 400, "/retrieval/reranker"],
    [{ documents: 3 }, 400, "/documents"],
    [{}, 400, ""],
  ] as const;
  for (const [body, status, pointer] of wrong) {
    const answer = await patch(body);
    expect([answer.status, answer.body.pointer], JSON.stringify(body)).toEqual([status, pointer]);
  }
  expect((await host.call("GET", path)).body.retrieval).toEqual({});
});

test("a search uses the collection's settings and explains itself; its own count before them", async () => {
  const path = await make({ retrieval: { top_k: 1 } });
  const documents = ["Export data from the settings.", "Export data by mail.", "Otters sleep."];
  await host.call(
    "POST",
    `${path}/documents?wait=true`,
    documents.map((text) => ({ text })),
  );
  const search = async (body: object) =>
    (await host.call("POST", `${path}/search`, { query: "export data", ...body })).body;

  const plain = await search({});
  const more = await search({ top_k: 5, diversity: 0.4, weights: { vector: 0 } });
  const strict = await search({ query: "export of gold to peru", score_threshold: 0.9 });

  expect(plain.data).toHaveLength(1);
  expect(plain).toMatchObject({
    ...{ nothing_relevant: false, best_relevance: 1 },
    search: {
      ...{ mode: "hybrid", weights: { vector: 0.05, lexical: 1 }, top_k: 1, diversity: 0 },
      ...{ score_threshold: { best: 0.42, each: 0.25 }, reranker: null, rerank_threshold: null },
    },
  });
  expect(plain.data[0].scores).toMatchObject({
    vector: { rank: expect.any(Number) },
    lexical: { terms: ["export", "data"], coverage: 1 },
  });
  expect(more.data).toHaveLength(2);
  expect(more.search).toMatchObject({ mode: "lexical", top_k: 5, diversity: 0.4 });
  expect(more.data[1].scores.diversity.penalty).toBeGreaterThan(0);
  expect(strict).toMatchObject({
    ...{ data: [], nothing_relevant: true },
    search: { score_threshold: { best: 0.9, each: 0.9 } },
  });
  expect(strict.best_relevance).toBeGreaterThan(0);
});

test("an empty collection has nothing relevant, and no relevance to show", async () => {
  const path = await make();
  const { body } = await host.call("POST", `${path}/search`, { query: "export" });

  expect(body).toMatchObject({ data: [], nothing_relevant: true, best_relevance: null });
});

test("a re-ranker that is not configured is refused", async () => {
  const path = await make();
  const search = await host.call("POST", `${path}/search`, { query: "x", reranker: "mine" });
  const made = await host.call("POST", collections, { name: "x", retrieval: { reranker: "mine" } });

  expect([search.status, search.body.pointer]).toEqual([400, "/reranker"]);
  expect([made.status, made.body.pointer]).toEqual([400, "/retrieval/reranker"]);
});
