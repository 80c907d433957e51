// Re-rankers: a real ONNX cross-encoder, run by the real library in threads of the real pool, and a
// server with `/rerank` on a real socket that refuses what the real ones refuse.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Reranker } from "../../../actors/ports.ts";
import { createEgress } from "../../../adapters/egress.ts";
import { readModelFolder } from "../../../adapters/embed/model-folder.ts";
import type { CalledProvider } from "../../../adapters/embed/provider-call.ts";
import { createLocalReranker } from "../../../adapters/embed/rerank-local.ts";
import {
  createProviderReranker,
  rerankProviderLimits,
} from "../../../adapters/embed/rerank-provider.ts";
import { createRerankers } from "../../../adapters/embed/rerankers.ts";
import { embedTasks } from "../../../adapters/embed/tasks.ts";
import { createComputePool } from "../../../runtime/threads/compute.ts";
import type { ComputePool } from "../../../runtime/threads/compute-port.ts";
import { type FakeReranker, startFakeReranker } from "../../support/fake-reranker.ts";
import { type SmallModel, writeSmallModel } from "../../support/small-model.ts";

const root = mkdtempSync(join(tmpdir(), "troupe-rerank-"));
const egress = createEgress({ allowedHosts: ["127.0.0.1"] });
const one = { tenant: "tn_1" };
const query = "How do I export my data?";
const texts = [
  "refund",
  "export data",
  "the weather in paris and in berlin is an answer to the question of the search",
  // Of an empty one the library makes no pair.
  " ",
  "Ein Text mit Umlauten: äöü, 発注 and 🙂 at the end",
];
let pool: ComputePool;
let fake: FakeReranker;

beforeAll(async () => {
  const limits = { threads: 1, batchTexts: 8, waitMs: 2, queueMax: 4_096, cacheMib: 0 };
  pool = createComputePool({ tasks: embedTasks(limits), threads: 1, queueMax: 10, heapMib: 512 });
  fake = await startFakeReranker();
});
beforeEach(() => {
  fake.calls.length = 0;
  fake.troubles.length = 0;
});
afterAll(async () => {
  await Promise.all([pool.close(), fake.close()]);
  egress.close();
  rmSync(root, { recursive: true, force: true });
});

describe("a local cross-encoder", () => {
  const folderOf = (model: SmallModel): string => {
    const folder = join(root, `${model.labels}-${model.seed ?? 1}`);
    writeSmallModel(folder, { isBare: true, positions: 64, ...model });
    return folder;
  };
  const local = async (model: SmallModel): Promise<Reranker> => {
    const folder = folderOf(model);
    return createLocalReranker("r", await readModelFolder("r", folder, "fp32"), 60_000, pool);
  };

  test.each([1, 2])(
    "with %i labels scores each pair as the library's own tokenizer and model do",
    async (labels) => {
      const library = await import("@huggingface/transformers");
      library.env.allowRemoteModels = false;
      const folder = folderOf({ labels });
      const tokenizer = await library.AutoTokenizer.from_pretrained(folder);
      const model = await library.AutoModelForSequenceClassification.from_pretrained(folder, {
        ...{ dtype: "fp32", device: "cpu" },
      });

      const scores = await (await local({ labels })).rerank(query, texts, one);

      for (const [at, text] of texts.entries()) {
        const inputs = tokenizer(query, { text_pair: text });
        const { logits } = (await model(inputs)) as { logits: { data: Float32Array } };
        const [no = 0, yes = 0] = logits.data;
        const logit = labels === 1 ? no : yes - no;
        expect(scores[at]).toBeCloseTo(1 / (1 + Math.exp(-logit)), 5);
      }
      expect(new Set(scores.map((score) => score.toFixed(6))).size).toBe(texts.length);
      await model.dispose();
    },
  );

  test("reads the question too, and texts together as one by one", async () => {
    const reranker = await local({ labels: 1 });

    const [together, again, other] = await Promise.all([
      reranker.rerank(query, texts, one),
      Promise.all(texts.map(async (text) => (await reranker.rerank(query, [text], one))[0])),
      reranker.rerank("weather", texts, one),
    ]);

    expect(together).toEqual(again.map((score) => expect.closeTo(score ?? 0, 5)));
    expect(other[0]).not.toBeCloseTo(together[0] ?? 0, 4);
  });

  test("cuts what is too long, and half of the room is the text's", async () => {
    const reranker = await local({ labels: 1 });
    const long = "export data ".repeat(500);

    const [cut, short] = await reranker.rerank(long, [long, "refund"], one);

    expect(cut).toBeGreaterThan(0);
    expect(short).not.toBeCloseTo(cut ?? 0, 6);
  });

  test("that is not there says which files are missing, under its own name", async () => {
    const folder = join(root, "none");
    const rerankers = createRerankers({
      compute: pool,
      config: {
        providers: [],
        rerankers: [
          {
            ...{ kind: "local", name: "mine", id: "local:none:q8", model: "none", folder },
            ...{ dtype: "q8", tokensMax: 0, timeoutMs: 1_000 },
          },
        ],
      },
    });

    await expect(rerankers.find("mine")).rejects.toMatchObject({
      code: "RERANKER_UNAVAILABLE",
      message: expect.stringContaining(join(folder, "onnx/model_quantized.onnx")),
    });
    await expect(rerankers.find("yours")).rejects.toMatchObject({ code: "INVALID" });
    // A model of vectors is no cross-encoder.
    writeSmallModel(folder, {});
    const reranker = await rerankers.find("mine");
    await expect(reranker.rerank(query, texts, one)).rejects.toMatchObject({
      code: "RERANKER_UNAVAILABLE",
    });
  });
});

describe("a provider", () => {
  const remote = (more: Partial<CalledProvider> = {}, timeoutMs = 5_000): Reranker =>
    createProviderReranker({
      entry: {
        ...{ kind: "provider", name: "jina", provider: "jina", model: "jina-reranker-v2" },
        ...{ id: "provider:jina:jina-reranker-v2", timeoutMs },
      },
      provider: {
        ...{ name: "jina", kind: "openai", baseUrl: fake.url, apiKey: "rerank-key", models: [] },
        ...{ transport: "direct", firstByteMs: 5_000, idleMs: 5_000, totalMs: 10_000 },
        ...{ connectionsMax: 16, attemptsMax: 3 },
        ...more,
      },
      egress,
      random: () => 0,
    });

  test("is sent one request, and its scores come in the order of the texts", async () => {
    const scores = await remote().rerank("export data", ["refund", "export data", ""], one);

    expect(scores[1]).toBeGreaterThan(0.9);
    expect(scores[0]).toBeLessThan(0.1);
    expect(fake.calls).toEqual([
      {
        authorization: "Bearer rerank-key",
        body: {
          ...{ model: "jina-reranker-v2", query: "export data", top_n: 3 },
          documents: ["refund", "export data", " "],
        },
      },
    ]);
    expect(await remote().rerank("x", [], one)).toEqual([]);
  });

  test("may name its results as Voyage does, and give what the model gives", async () => {
    fake.troubles.push({
      answer: () => ({
        data: [
          { index: 1, relevance_score: -2 },
          { index: 0, relevance_score: 3 },
        ],
      }),
    });

    const [first, second] = await remote().rerank("q", ["a", "b"], one);

    expect(first).toBeCloseTo(1 / (1 + Math.exp(-3)), 10);
    expect(second).toBeCloseTo(1 / (1 + Math.exp(2)), 10);
  });

  test.each([
    ["another number of results", { answer: () => ({ results: [] }) }],
    ["an index twice", { answer: () => both({ index: 0, relevance_score: 0.5 }) }],
    ["a place that is none", { answer: () => both({ index: 2, relevance_score: 0.5 }) }],
    ["a score that is none", { answer: () => both({ index: 1, relevance_score: null }) }],
    ["no results", { answer: () => ({ ok: true }) }],
    ["a refusal", { status: 422 }],
  ])("that sends %s has failed", async (_, trouble) => {
    fake.troubles.push(trouble);
    await expect(remote().rerank("q", ["a", "b"], one)).rejects.toMatchObject({
      code: "PROVIDER_FAILED",
    });
  });
  const both = (second: object) => ({ results: [{ index: 0, relevance_score: 0.1 }, second] });

  test("is asked again after 429 and after an answer that is cut, so many times", async () => {
    const cut = { text: '{"results":[{"ind' };
    fake.troubles.push({ status: 429, headers: { "retry-after-ms": "1" } }, cut);
    expect(await remote().rerank("q", ["q", "b"], one)).toHaveLength(2);
    expect(fake.calls).toHaveLength(3);

    fake.troubles.push({ status: 503 }, cut);
    await expect(remote({ attemptsMax: 2 }).rerank("q", ["a", "b"], one)).rejects.toMatchObject({
      code: "PROVIDER_UNAVAILABLE",
    });
    expect(fake.calls).toHaveLength(5);
  });

  test("that does not answer is waited for no longer than is set; who gives up is not kept", async () => {
    fake.troubles.push({ isSilent: true });
    const begunMs = performance.now();
    await expect(remote({ attemptsMax: 1 }, 150).rerank("q", ["a"], one)).rejects.toMatchObject({
      code: expect.stringMatching(/^(DEADLINE|PROVIDER_UNAVAILABLE)$/),
    });
    expect(performance.now() - begunMs).toBeLessThan(4_000);
    fake.troubles.push({ isSilent: true });
    const gone = new AbortController();
    const asked = remote().rerank("q", ["a"], { ...one, signal: gone.signal });
    await expect.poll(() => fake.calls.length, { timeout: 5_000 }).toBe(2);
    gone.abort();
    await expect(asked).rejects.toMatchObject({ code: "CANCELLED" });
  });

  test("gets no more of a text than its limit", async () => {
    const { textChars } = rerankProviderLimits;
    await remote().rerank("q".repeat(9_000), ["x".repeat(9_000)], one);
    const [call] = fake.calls;
    expect(String(call?.body["query"])).toHaveLength(textChars);
    expect(call?.body["documents"]).toEqual(["x".repeat(textChars)]);
  });
});
