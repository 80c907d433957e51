// The OpenAI-compatible embedder against a local server that refuses what the real one refuses. The
// official SDK is asked the same, as the oracle of requests and vectors.

import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Compute, Embedder, EmbedUse } from "../../../actors/ports.ts";
import type { EmbedderConfig } from "../../../adapters/config-embedders.ts";
import { createEgress } from "../../../adapters/egress.ts";
import { cutText } from "../../../adapters/embed/cut-task.ts";
import { createOpenaiEmbedder, openaiLimits } from "../../../adapters/embed/openai.ts";
import type { CalledProvider } from "../../../adapters/embed/provider-call.ts";
import { createFakeProvider, type FakeProvider } from "../../support/fake-provider.ts";
import { inputsOf } from "../../support/fake-provider-extras.ts";

type Remote = Extract<EmbedderConfig, { kind: "openai" }>;

let fake: FakeProvider;
const egress = createEgress({ allowedHosts: ["127.0.0.1"] });
const compute: Compute = { run: async (_, input) => await cutText(input) };
const one = { tenant: "tn_1" };

beforeAll(async () => {
  fake = await createFakeProvider();
});
beforeEach(() => fake.reset());
afterAll(async () => {
  egress.close();
  await fake.close();
});

function embedder(more: Partial<Remote> = {}, of: Partial<CalledProvider> = {}): Embedder {
  const entry: Remote = {
    ...{ kind: "openai", name: "small", provider: "openai", model: "text-embedding-3-small" },
    ...{ id: "openai:openai:text-embedding-3-small:64", dimension: 64, sendDimension: true },
    ...{ tokensMax: 8_191, tokenizer: "cl100k_base", queryPrefix: null, documentPrefix: null },
    ...more,
  };
  const provider: CalledProvider = {
    ...{ name: "openai", kind: "openai", baseUrl: fake.openaiUrl, apiKey: "key-1", models: [] },
    ...{ transport: "direct", firstByteMs: 5_000, idleMs: 5_000, totalMs: 10_000 },
    ...{ connectionsMax: 16, attemptsMax: 3 },
    ...of,
  };
  return createOpenaiEmbedder({ entry, provider, egress, compute, random: () => 0 });
}

test("the request and the vectors are those of the official SDK", async () => {
  const sdk = new OpenAI({ baseURL: fake.openaiUrl, apiKey: "key-1" });
  const texts = ["How do I export my data?", "refund my order"];
  const oracle = await sdk.embeddings.create({
    ...{ model: "text-embedding-3-small", input: texts, dimensions: 64 },
  });
  const uses: EmbedUse[] = [];

  const vectors = await embedder().embed(texts, { ...one, onUse: (use) => uses.push(use) });

  for (const [at, vector] of vectors.entries()) {
    const expected = oracle.data[at]?.embedding ?? [];
    expect([...vector]).toEqual(expected.map((value) => expect.closeTo(value, 6)));
  }
  expect(uses).toEqual([{ tokens: oracle.usage.prompt_tokens, estimated: false, truncated: [] }]);
  const [theirs, ours] = fake.calls();
  expect(ours?.body).toEqual(theirs?.body);
  expect(ours?.headers["authorization"]).toBe(theirs?.headers["authorization"]);
});

test("vectors come in the order of the texts whatever order they are sent in, as numbers too", async () => {
  const texts = ["refund", "invoice", "weather"];
  const [refund] = await embedder().embed(["refund"], one);
  fake.when(() => true, {
    embeddings: (answer) => ({
      ...answer,
      usage: undefined,
      data: answer.data
        .map(({ index, embedding }) => {
          const bytes = Buffer.from(String(embedding), "base64");
          const numbers = Array.from({ length: 64 }, (_, at) => bytes.readFloatLE(at * 4) * 3);
          return { object: "embedding", index, embedding: numbers };
        })
        .reverse(),
    }),
  });
  const uses: EmbedUse[] = [];

  const vectors = await embedder().embed(texts, { ...one, onUse: (use) => uses.push(use) });

  // Three times as long as a unit vector when it came.
  expect([...(vectors[0] ?? [])]).toEqual(
    [...(refund ?? [])].map((value) => expect.closeTo(value, 6)),
  );
  expect(uses).toMatchObject([{ estimated: true }]);
  expect(uses[0]?.tokens).toBeGreaterThan(0);
});

test("many texts go in bounded requests and come back in order", async () => {
  const texts = Array.from({ length: 600 }, (_, at) => `order ${at} ${"weather ".repeat(at % 7)}`);

  const vectors = await embedder().embed(texts, one);

  expect(fake.count()).toBe(3);
  const sizes = fake.calls().map(({ body }) => (body["input"] as string[]).length);
  expect(Math.max(...sizes)).toBe(openaiLimits.batchTexts);
  const [alone] = await embedder().embed([texts[411] ?? ""], one);
  expect(vectors[411]).toEqual(alone);
});

test("a long request is cut by tokens too", async () => {
  const texts = Array.from({ length: 60 }, (_, at) => `${at} ${"weather ".repeat(1_000)}`);

  await embedder().embed(texts, one);

  expect(fake.count()).toBe(2);
});

test("an empty text and one that is too long are sent as the service takes them", async () => {
  const uses: EmbedUse[] = [];
  const long = "weather ".repeat(10_000);

  const vectors = await embedder().embed(["", long, "refund"], {
    ...one,
    onUse: (use) => uses.push(use),
  });

  expect(vectors).toHaveLength(3);
  expect(uses[0]?.truncated).toEqual([1]);
  const [, sent = ""] = (fake.calls()[0]?.body["input"] ?? []) as string[];
  // A word is a token here: " weather".
  expect(sent.trim().split(" ")).toHaveLength(8_191);
});

test("prefixes mark queries and documents, and a model that takes no dimensions is sent none", async () => {
  const of = embedder({
    ...{ model: "text-embedding-ada-002", sendDimension: false },
    ...{ queryPrefix: "query: ", documentPrefix: "passage: " },
  });

  await of.embed(["a"], { ...one, purpose: "query" });
  await of.embed(["b"], one);

  const bodies = fake.calls().map(({ body }) => body);
  expect(bodies.map((body) => body["input"])).toEqual([["query: a"], ["passage: b"]]);
  expect(bodies[0]).not.toHaveProperty("dimensions");
});

test.each([
  ["429 with retry-after", { error: { status: 429, retryAfterMs: 20 }, times: 2 }],
  ["503", { error: { status: 503 }, times: 1 }],
  ["a cut answer", { garbageAfter: 0, times: 1 }],
])("%s passes with time: it is tried again", async (_, behaviour) => {
  fake.when(() => true, behaviour);

  expect(await embedder().embed(["refund"], one)).toHaveLength(1);
  expect(fake.count()).toBe(behaviour.times + 1);
});

test("a server that takes fewer texts, or tokens, than are sent at once gets them in halves", async () => {
  const most = 5;
  fake.when(({ body }) => inputsOf(body).length > most, { error: { status: 413 } });
  const texts = Array.from({ length: 40 }, (_, at) => `text ${at}`);
  const uses: EmbedUse[] = [];

  const vectors = await embedder().embed(texts, { ...one, onUse: (use) => uses.push(use) });
  const alone = await embedder().embed([texts[33] ?? ""], one);

  expect(vectors).toHaveLength(40);
  expect(vectors[33]).toEqual(alone[0]);
  expect(uses[0]?.tokens).toBeGreaterThan(0);
  // 40, 20, 10 and 5, each once.
  expect(fake.calls().filter(({ status }) => status === 413)).toHaveLength(7);
  fake.reset();
  fake.when(({ body }) => inputsOf(body).includes("text 7"), { error: { status: 400 } });
  await expect(embedder().embed(texts, one)).rejects.toMatchObject({ code: "PROVIDER_FAILED" });
});

test("attempts are bounded, and what does not pass is not tried again", async () => {
  fake.otherwise({ error: { status: 429, retryAfterMs: 1 } });
  await expect(embedder().embed(["refund"], one)).rejects.toMatchObject({
    code: "PROVIDER_LIMITED",
  });
  expect(fake.count()).toBe(3);
  fake.reset();
  fake.otherwise({ error: { status: 429, retryAfterS: 3_600 } });
  await expect(embedder().embed(["refund"], one)).rejects.toMatchObject({
    details: { retryAfterMs: 3_600_000 },
  });
  expect(fake.count()).toBe(1);
  fake.reset();
  fake.otherwise({ error: { status: 400, message: "no, key-1" } });
  await expect(embedder().embed(["refund"], one)).rejects.toMatchObject({
    code: "PROVIDER_FAILED",
    message: "openai answered 400: no, ***",
  });
  expect(fake.count()).toBe(1);
});

test.each([
  ["too few vectors", "PROVIDER_FAILED", (data: unknown[]) => data.slice(1)],
  ["an index twice", "PROVIDER_FAILED", ([first]: unknown[]) => [first, first]],
  [
    "an index outside",
    "PROVIDER_FAILED",
    ([first, second]: unknown[]) => [first, { ...(second as object), index: 2 }],
  ],
  ["NaN", "PROVIDER_FAILED", (data: unknown[]) => data.map((item) => withVector(item, Number.NaN))],
  ["null, as JSON has NaN", "PROVIDER_FAILED", (data: unknown[]) => data.map(withNull)],
  ["numbers as text", "PROVIDER_FAILED", (data: unknown[]) => data.map(withText)],
  ["nothing", "PROVIDER_FAILED", () => []],
  ["an entry that is null", "PROVIDER_FAILED", ([first]: unknown[]) => [first, null]],
  ["no list", "PROVIDER_FAILED", () => ({ error: "busy" })],
  ["infinity", "PROVIDER_FAILED", (data: unknown[]) => data.map((item) => withVector(item, 1 / 0))],
  ["zeros", "PROVIDER_FAILED", (data: unknown[]) => data.map((item) => withVector(item, 0))],
  [
    "another dimension",
    "EMBEDDER_MISMATCH",
    (data: unknown[]) => data.map((item) => ({ ...(item as object), embedding: [1, 0] })),
  ],
  [
    "no vector",
    "PROVIDER_FAILED",
    (data: unknown[]) =>
      data.map((item, index) => ({ ...(item as object), embedding: null, index })),
  ],
])("%s in an answer is refused", async (_, code, change) => {
  fake.when(() => true, { embeddings: (answer) => ({ ...answer, data: change(answer.data) }) });

  await expect(embedder().embed(["refund", "order"], one)).rejects.toMatchObject({ code });
});

const withNull = (item: unknown) => ({
  ...(item as object),
  embedding: Array.from({ length: 64 }, (_, at) => (at === 3 ? null : 0.125)),
});
const withText = (item: unknown) => ({
  ...(item as object),
  embedding: Array.from({ length: 64 }, () => "0.125"),
});

function withVector(item: unknown, value: number): unknown {
  const bytes = Buffer.from(new Float32Array(64).fill(value).buffer);
  return { ...(item as object), embedding: bytes.toString("base64") };
}

test("a cancelled call closes its sockets, and its waits end", async () => {
  fake.when("slow", { hang: "at-once" });
  const controller = new AbortController();
  const slow = embedder().embed(["slow"], { ...one, signal: controller.signal });
  await fake.until(({ lastUser }) => lastUser === "slow");
  controller.abort();

  await expect(slow).rejects.toMatchObject({ code: "CANCELLED" });
  expect((await fake.until(({ outcome }) => outcome === "closed")).lastUser).toBe("slow");

  fake.when("limited", { error: { status: 429, retryAfterS: 5 } });
  const second = new AbortController();
  const limited = embedder().embed(["limited"], { ...one, signal: second.signal });
  await fake.until(({ lastUser, status }) => lastUser === "limited" && status === 429);
  second.abort();
  await expect(limited).rejects.toMatchObject({ code: "CANCELLED" });
});

test("a provider that does not answer is a deadline, and one that is not there is said", async () => {
  fake.when("slow", { hang: "at-once" });
  await expect(embedder({}, { totalMs: 200 }).embed(["slow"], one)).rejects.toMatchObject({
    code: "DEADLINE",
  });
  const gone = embedder({}, { baseUrl: "http://127.0.0.1:9/v1", attemptsMax: 1 });
  await expect(gone.embed(["refund"], one)).rejects.toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
});
