// "Nothing relevant" with a model whose vectors are all alike: what a search over the real store makes
// of questions about something else.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SearchMode, SearchResult } from "../../../actors/knowledge/search.ts";
import type { Embedders, Retriever } from "../../../actors/ports.ts";
import { createRetriever } from "../../../adapters/knowledge/retriever.ts";
import { encode } from "../../../runtime/store/codec.ts";
import { keys } from "../../../runtime/store/keys.ts";
import { japanese } from "../../support/languages/japanese.ts";
import { leaningEmbedder } from "../../support/leaning-embedder.ts";
import { type OpenData, openData } from "../../support/open-data.ts";
import { takeIn } from "../../support/take-in.ts";

const tenant = "t1";
const collection = "cl_1";
const embedder = leaningEmbedder(1.4);
const lines = japanese
  .trim()
  .split("\n")
  .map((line) => line.split(" | "));
const half = lines.length / 2;
const own = lines.slice(0, half).map(([, question = ""]) => question);
const outside = lines.slice(half).map(([, question = ""]) => question);
let path: string;
let data: OpenData;
let retriever: Retriever;

beforeAll(async () => {
  path = mkdtempSync(join(tmpdir(), "troupe-floor-"));
  data = await openData(path);
  const hot = data.connect("hot");
  const bulk = data.connect("bulk");
  const door = data.connectBulk(bulk);
  const key = keys.table(tenant, "collections", collection);
  await hot.commit({ ops: [{ op: "put", key, value: encode({ id: collection }) }] }).committed;
  const embedders: Embedders = {
    ...{ names: [embedder.id], defaultName: embedder.id },
    find: async () => embedder,
    pinned: async () => embedder,
  };
  const documents = lines.slice(0, half).map(([text = ""], at) => ({ id: `d${at}`, text }));
  await takeIn({ bulk: door, tables: hot, embedders }, tenant, collection, documents);
  retriever = createRetriever({ reader: bulk, settingsOf: () => ({}), embedder });
});
afterAll(async () => {
  await data.close();
  rmSync(path, { recursive: true });
});

const search = (query: string, mode: SearchMode): Promise<SearchResult> =>
  retriever.search({ tenant, collection, query, mode });

test.each(["vector", "hybrid"] as const)(
  "by %s, questions about something else find nothing, its own do",
  async (mode) => {
    const found = await Promise.all(own.map((question) => search(question, mode)));
    const strange = await Promise.all(outside.map((question) => search(question, mode)));

    const answered = found.filter(({ passages }) => passages.length > 0).length;
    const refused = strange.filter(({ passages }) => passages.length === 0).length;
    expect(answered / own.length).toBeGreaterThanOrEqual(0.9);
    expect(refused / outside.length).toBeGreaterThanOrEqual(0.6);
  },
);

test("an explanation says how high the floor is, and its relevance adds up", async () => {
  const { passages } = await search(own[0] ?? "", "hybrid");

  expect(passages.length).toBeGreaterThan(0);
  for (const { relevance, scores } of passages) {
    const { score, floor = 0 } = scores.vector;
    expect(floor).toBeGreaterThan(0.5);
    const near = Math.max(0, ((score ?? 0) - floor) / (1 - floor));
    expect(relevance).toBeCloseTo(1 - (1 - scores.lexical.coverage) * (1 - near), 3);
  }
});
