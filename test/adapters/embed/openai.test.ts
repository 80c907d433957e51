// The OpenAI-compatible embedder against a local server that refuses what the real one refuses. The
// official SDK is asked the same, as the oracle of requests and vectors.

import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Compute, Embedder, EmbedUse } from "../../../actors/ports.ts";
import type { EmbedderConfig } from "../../../adapters/config-embedders.ts";
import { createEgress } from "../../../adapters/egress.ts";
import { cutText } from "../../../adapters/embed/cut-task.ts";
import { createOpenaiEmbedder, openaiLimits } from "../../../adapters/embed/openai.ts";
import { type CalledProvider, callStates } from "../../../adapters/embed/provider-call.ts";
import { createEmbedMemory } from "../../../adapters/embed/tasks.ts";
import type { ProviderState } from "../../../adapters/provider-state.ts";
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

const providerOf = (of: Partial<CalledProvider> = {}): CalledProvider => ({
  ...{ name: "openai", kind: "openai", baseUrl: fake.openaiUrl, apiKey: "key-1", models: [] },
  ...{ transport: "direct", firstByteMs: 5_000, idleMs: 5_000, totalMs: 10_000 },
  ...{ connectionsMax: 16, attemptsMax: 3 },
  ...of,
});

function embedder(
  more: Partial<Remote> = {},
  of: Partial<CalledProvider> = {},
  state?: ProviderState,
): Embedder {
  const entry: Remote = {
    ...{ kind: "openai", name: "small", provider: "openai", model: "text-embedding-3-small" },
    ...{ id: "openai:openai:text-embedding-3-small:64", dimension: 64, sendDimension: true },
    ...{ tokensMax: 8_191, tokenizer: "cl100k_base", queryPrefix: null, documentPrefix: null },
    ...more,
  };
  const provider = providerOf(of);
  const parts = { entry, provider, egress, compute, random: () => 0 };
  return createOpenaiEmbedder({ ...parts, ...(state && { state }) });
}

const keyOf = ({ headers }: { headers: Readonly<Record<string, string>> }) =>
  headers["authorization"]?.replace("Bearer ", "");
const withKey = (key: string) => (call: { headers: Readonly<Record<string, string>> }) =>
  keyOf(call) === key;
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "answered",
    (error: { code: string }) => error.code,
  );

test("keys are taken in turn by all threads, and one that is limited or refused is left aside", async () => {
  const apiKeys = ["key-1", "key-2", "key-3"];
  const providers = [providerOf({ apiKeys })];
  const [provider = providerOf()] = providers;
  const memory = createEmbedMemory(providers);
  const thread = () => embedder({}, provider, callStates(providers, provider, memory).embedding);
  const [one1, two] = [thread(), thread()];

  for (const on of [one1, two, one1]) await on.embed(["refund"], one);
  const inTurn = fake.calls().map(keyOf);
  fake.reset();
  fake.when(withKey("key-1"), { error: { status: 429, retryAfterS: 600 } });
  fake.when(withKey("key-2"), { error: { status: 401 } });
  for (const on of [one1, two, one1, two]) await on.embed(["refund"], one);

  expect(inTurn).toEqual(apiKeys);
  expect(fake.calls().map(keyOf).sort()).toEqual(["key-1", "key-2", ...Array(4).fill("key-3")]);
});

test("a provider that fails is left alone by all threads, then one call tries it", async () => {
  const providers = [providerOf({ attemptsMax: 1, breakerFailures: 2, breakerOpenMs: 150 })];
  const [provider = providerOf()] = providers;
  const memory = createEmbedMemory(providers);
  const states = callStates(providers, provider, memory);
  const one1 = embedder({}, provider, states.embedding);
  const two = embedder({}, provider, callStates(providers, provider, memory).embedding);
  fake.when(() => true, { error: { status: 503 }, times: 2 });

  const failed = [await codeOf(one1.embed(["a"], one)), await codeOf(two.embed(["b"], one))];
  const alone = await one1.embed(["c"], one).catch((error: unknown) => error);
  const asked = fake.calls().length;
  const { reranking } = states;

  expect(failed).toEqual(["PROVIDER_UNAVAILABLE", "PROVIDER_UNAVAILABLE"]);
  expect(alone).toMatchObject({ code: "PROVIDER_UNAVAILABLE", details: { isOpen: true } });
  expect(asked).toBe(2);
  // What fails as an embedder may re-rank.
  expect(reranking.breaker.look().state).toBe("closed");
  await expect.poll(() => codeOf(two.embed(["d"], one)), { timeout: 5_000 }).toBe("answered");
  expect(states.embedding.breaker.look().state).toBe("closed");
});

test("when no key is accepted, calls fail without being sent", async () => {
  fake.when(() => true, { error: { status: 401 } });
  const of = embedder({}, { apiKeys: ["key-1", "key-2"] });

  const codes = [await codeOf(of.embed(["a"], one)), await codeOf(of.embed(["b"], one))];

  expect(codes).toEqual(["PROVIDER_FAILED", "PROVIDER_FAILED"]);
  expect(fake.calls()).toHaveLength(2);
});

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
