// What a search of a collection says beside its passages: how it was done, why each stands where it
// does, and that nothing is relevant. Over the real store and the built-in embedder.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { SearchResult } from "../../../actors/knowledge/search.ts";
import type { Rerankers, Retriever } from "../../../actors/ports.ts";
import type { AskedSettings, RetrievalSettings } from "../../../actors/records/retrieval.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { createRetriever } from "../../../adapters/knowledge/retriever.ts";
import { settingsFrom } from "../../../adapters/knowledge/settings.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { encode } from "../../../runtime/store/codec.ts";
import { keys } from "../../../runtime/store/keys.ts";
import type { Store } from "../../../runtime/store/store.ts";
import { type OpenData, openData } from "../../support/open-data.ts";
import { takeIn } from "../../support/take-in.ts";

const tenant = "t1";
const collection = "cl_1";
/** Many of its texts answer a question about invoices equally well. */
const alike = "cl_2";
const things = ["paper", "letter", "ledger", "folder"];
const alikeTexts = Array.from({ length: 40 }, (_, at) => ({
  id: `i${at}`,
  text: `Invoices number ${at} ${at % 3 > 0 ? "lie in the archive beside every" : "leave with a courier and no"} ${things[at % 4]}.`,
  metadata: { third: at % 3 },
}));
const embedder = createBuiltinEmbedder();
let path: string;
let data: OpenData;
let hot: Store;
let bulk: Store;
let retriever: Retriever;
/** What the re-ranker gives the passages, in their order. */
let judge: (texts: readonly string[]) => readonly number[];

const rerankers: Rerankers = {
  names: ["judge"],
  find: async () => ({ id: "judge", rerank: async (_, texts) => judge(texts) }),
};

const set = async (retrieval: RetrievalSettings | undefined): Promise<void> => {
  const key = keys.table(tenant, "collections", collection);
  const value = encode({ id: collection, ...(retrieval && { retrieval }) });
  await hot.commit({ ops: [{ op: "put", key, value }] }).committed;
};

beforeAll(async () => {
  path = mkdtempSync(join(tmpdir(), "troupe-search-"));
  data = await openData(path);
  hot = data.connect("hot");
  bulk = data.connect("bulk");
  await set(undefined);
  const door = data.connectBulk(bulk);
  const embedders = createEmbedders(embedder);
  await takeIn({ bulk: door, tables: hot, embedders }, tenant, collection, [
    { id: "export", text: "You can export all invoices as a table from the settings page." },
    { id: "again", text: "You can export all invoices as a table from the settings page, too." },
    { id: "refund", text: "Invoices of a refund are sent by post within ten days." },
    { id: "otter", text: "Otters hold hands while they sleep on the water." },
  ]);
  await hot.commit({
    ops: [
      { op: "put", key: keys.table(tenant, "collections", alike), value: encode({ id: alike }) },
    ],
  }).committed;
  await takeIn({ bulk: door, tables: hot, embedders }, tenant, alike, alikeTexts);
  retriever = createRetriever({
    ...{ reader: bulk, settingsOf: settingsFrom(hot), embedder, rerankers },
  });
});
beforeEach(async () => {
  await set(undefined);
  judge = () => [];
});
afterAll(async () => {
  await data.close();
  rmSync(path, { recursive: true });
});

const search = (query: string, settings: AskedSettings = {}, more = {}): Promise<SearchResult> =>
  retriever.search({ tenant, collection, query, settings, ...more });
const ids = ({ passages }: SearchResult): string[] => passages.map(({ documentId }) => documentId);

test("each passage says both scores and ranks, the words it has, and what came of them", async () => {
  const found = await search("Which invoices can I export?", {}, { explain: true });
  const [first] = found.passages;
  const { vector, lexical, fused } = first?.scores ?? {};

  expect(first?.documentId).toBe("export");
  expect(vector).toEqual({ score: expect.any(Number), rank: 1 });
  expect(lexical).toMatchObject({ rank: 1, coverage: 1, terms: ["invoices", "export"] });
  expect(lexical?.score).toBeGreaterThan(0);
  expect(fused).toBeCloseTo(1.05 / 61, 5);
  expect(first?.score).toBe(1);
  expect(first?.relevance).toBe(1);
  const refund = found.passages.find(({ documentId }) => documentId === "refund");
  expect(refund?.scores.lexical.terms).toEqual(["invoices"]);
  const { coverage } = refund?.scores.lexical ?? { coverage: 0 };
  const near = refund?.scores.vector.score ?? 0;
  expect(refund?.relevance).toBeCloseTo(1 - (1 - coverage) * (1 - near), 4);
  expect(found).toMatchObject({
    tuning: { mode: "hybrid", weights: { vector: 0.05, lexical: 1 }, topK: 5 },
    ...{ bestRelevance: 1, reranked: null },
  });
});

test("a question about something else finds nothing without any setting, and says how near it came", async () => {
  for (const query of ["What is the capital of France?", "How do I bake a sourdough bread?", "?"]) {
    const found = await search(query);
    expect(found.passages, query).toEqual([]);
    expect(found.bestRelevance ?? 0, query).toBeLessThan(found.tuning.threshold.best);
  }
  expect(ids(await search("Do otters sleep?"))).toEqual(["otter"]);
});

test("the collection's settings are those of its searches, until a search says otherwise", async () => {
  await set({ top_k: 1, score_threshold: 0.9 });

  expect(ids(await search("export invoices"))).toEqual(["export"]);
  expect(ids(await search("export invoices", { top_k: 2 }))).toEqual(["export", "again"]);
  expect(ids(await search("invoices refund otters", { score_threshold: null }))).toHaveLength(1);
  expect(ids(await search("invoices refund otters"))).toEqual([]);
});

test("without weight for words only likeness counts, and the other way round", async () => {
  const byVectors = await search("invoices", { weights: { lexical: 0 } });
  const byWords = await search("invoices", { weights: { vector: 0 } });

  expect(byVectors.tuning.mode).toBe("vector");
  expect(byVectors.passages[0]?.scores.lexical).toMatchObject({ rank: null, score: 0 });
  expect(byWords.passages[0]?.scores.vector).toEqual({ score: null, rank: null });
});

test("with diversity the second of two alike gives way", async () => {
  const plain = await search("export invoices table", { top_k: 2 });
  const diverse = await search("export invoices table", { top_k: 2, diversity: 0.7 });

  expect(ids(plain)).toEqual(["export", "again"]);
  expect(ids(diverse)).toEqual(["export", "refund"]);
  expect(diverse.passages[1]?.scores.diversity?.penalty).toBeGreaterThan(0);
});

test("a re-ranker orders what was found, more than is wanted, and its score is the score", async () => {
  await set({ reranker: "judge", top_k: 1 });
  let given = 0;
  judge = (texts) => {
    given = texts.length;
    return texts.map((text) => (text.includes("refund") ? 0.9 : 0.1));
  };

  const found = await search("export invoices");

  expect(given).toBe(3);
  expect(ids(found)).toEqual(["refund"]);
  expect(found.passages[0]).toMatchObject({ score: 0.9, scores: { rerank: 0.9 } });
  expect(found.reranked).toEqual({ status: "used" });
  expect(ids(await search("export invoices", { reranker: null }))).toEqual(["export"]);
});

test("with a threshold of its own the re-ranker says what is relevant", async () => {
  const asked = { reranker: "judge", rerank_threshold: 0.5 };
  judge = (texts) => texts.map(() => 0.2);
  expect((await search("export invoices", asked)).passages).toEqual([]);

  // Too little in common for words and vectors alone.
  const vague = "otters and their whereabouts in winter storms abroad";
  expect((await search(vague)).passages).toEqual([]);
  judge = (texts) => texts.map(() => 0.8);
  expect(ids(await search(vague, asked))).toEqual(["otter"]);
});

test("a re-ranker that fails costs the search only its order", async () => {
  judge = () => {
    throw new RuntimeError("PROVIDER_UNAVAILABLE", "The provider is gone.");
  };
  const asked = { reranker: "judge", rerank_threshold: 0.5 };

  const found = await search("export invoices", asked);

  expect(ids(found)).toEqual(ids(await search("export invoices")));
  expect(found.reranked).toEqual({
    status: "failed",
    error: { code: "PROVIDER_UNAVAILABLE", message: "The provider is gone." },
  });
  expect(
    (await search("otters and their whereabouts in winter storms abroad", asked)).passages,
  ).toEqual([]);
});

test("a re-ranker that is not configured is refused to a search, and forgiven to the settings", async () => {
  await expect(search("export", { reranker: "other" })).rejects.toMatchObject({
    code: "INVALID",
    details: { pointer: "/reranker" },
  });
  await set({ reranker: "other" });
  const without = createRetriever({ reader: bulk, settingsOf: settingsFrom(hot), embedder });

  const found = await without.search({ tenant, collection, query: "export invoices" });

  expect(found.passages).not.toEqual([]);
  expect(found.reranked).toMatchObject({ status: "failed" });
});

test("whatever is set, the scores of an explanation add up", async () => {
  const settings: AskedSettings[] = [
    {},
    { weights: { vector: 1, lexical: 0.3 } },
    { diversity: 1 },
    { diversity: 0.4 },
    { diversity: 0.5, top_k: 1 },
    { score_threshold: 0 },
    { score_threshold: 0, diversity: 1, top_k: 50 },
  ];
  for (const query of ["export invoices refund", "otters on water", "invoises sent by post"]) {
    for (const mode of ["hybrid", "lexical", "vector"] as const) {
      for (const asked of settings) {
        const { passages, tuning } = await search(query, asked, { mode, explain: true });
        const { vector, lexical } = tuning.weights;
        const novelty = asked.diversity ?? 0;
        for (const { score, relevance, scores } of passages) {
          const part = (weight: number, rank: number | null) =>
            rank === null ? 0 : weight / (60 + rank);
          const fused = part(vector, scores.vector.rank) + part(lexical, scores.lexical.rank);
          expect(scores.fused).toBeCloseTo(fused, 4);
          expect(score).toBeCloseTo((fused * 61) / (vector + lexical), 3);
          const near = mode === "lexical" ? 0 : Math.max(0, scores.vector.score ?? 0);
          const covered = mode === "vector" ? 0 : scores.lexical.coverage;
          expect(relevance).toBeCloseTo(1 - (1 - covered) * (1 - near), 3);
          expect(relevance).toBeGreaterThanOrEqual(tuning.threshold.each);
          const { diversity } = scores;
          expect(diversity === undefined).toBe(novelty === 0);
          if (diversity === undefined) continue;
          expect(diversity.penalty).toBeCloseTo(novelty * diversity.likeness, 3);
          expect(diversity.score).toBeCloseTo((1 - novelty) * score - diversity.penalty, 3);
        }
        expect(passages.length).toBeLessThanOrEqual(tuning.topK);
      }
    }
  }
});

test("a score says what its neighbours have moved it by, and a filter moves none", async () => {
  const ask = async (more: object) =>
    await retriever.search({
      ...{ tenant, collection: alike, query: "invoices by courier", explain: true },
      ...{ settings: { top_k: 50, score_threshold: 0 }, ...more },
    });
  const { passages } = await ask({});
  const lexical = new Map(passages.map(({ documentId, scores }) => [documentId, scores.lexical]));
  const ranked = [...lexical.values()].sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0));

  expect(ranked).toHaveLength(40);
  expect(ranked.some(({ neighbours = 0 }) => neighbours > 0)).toBe(true);
  expect(ranked.some(({ neighbours = 0 }) => neighbours < 0)).toBe(true);
  // The place is that of the whole score.
  const whole = ranked.map(({ score }) => score);
  expect(whole).toEqual([...whole].sort((a, b) => b - a));
  // Without neighbours: the same words in the same places of a text have the same score.
  const own = (id: string): number => {
    const { score = 0, neighbours = 0 } = lexical.get(id) ?? {};
    return score - neighbours;
  };
  expect(own("i12")).toBeCloseTo(own("i24"), 4);
  expect(own("i13")).toBeCloseTo(own("i25"), 4);
  for (const mode of ["hybrid", "lexical"]) {
    const few = await ask({ mode, filter: { third: 1 } });
    expect(few.passages).toHaveLength(13);
    for (const { documentId, scores } of few.passages) {
      const { score, neighbours } = lexical.get(documentId) ?? {};
      expect(scores.lexical).toMatchObject({ score, ...(neighbours && { neighbours }) });
    }
  }
});

test("novelty alone still begins with the best, and takes the likest last", async () => {
  const { passages } = await search("export invoices", { diversity: 1, score_threshold: 0 });

  expect(passages[0]?.scores.diversity).toMatchObject({ likeness: 0, penalty: 0 });
  expect(passages[0]?.scores.vector.rank === 1 || passages[0]?.scores.lexical.rank === 1).toBe(
    true,
  );
  const likeness = passages.map(({ scores }) => scores.diversity?.likeness ?? 0);
  expect(likeness).toEqual([...likeness].sort((a, b) => a - b));
  expect(ids({ passages } as SearchResult).slice(0, 2)).not.toEqual(["export", "again"]);
});

test("a threshold of 0 leaves nothing found out, one of 1 all that is not certain", async () => {
  const all = await search("invoices", { score_threshold: 0, top_k: 50 });
  const none = await search("invoices of the moon", { score_threshold: 1 });

  expect(ids(all)).toEqual(expect.arrayContaining(["export", "again", "refund"]));
  expect(none.passages).toEqual([]);
  expect(none.bestRelevance).toBeLessThan(1);
  expect(ids(await search("export invoices", { score_threshold: 1 }))).toContain("export");
});

test("a filter that matches no document finds nothing, at any threshold", async () => {
  const filter = { lang: "xx" };
  for (const mode of ["hybrid", "lexical", "vector"] as const) {
    const found = await search("export invoices", { score_threshold: 0 }, { mode, filter });
    expect(found).toMatchObject({ passages: [], bestRelevance: null });
  }
});
