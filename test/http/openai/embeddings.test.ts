// Vectors through the official openai SDK, LangChain.js and the Vercel AI SDK, unchanged.

import { createOpenAI } from "@ai-sdk/openai";
import { OpenAIEmbeddings } from "@langchain/openai";
import { embedMany } from "ai";
import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Embedder, Embedders, EmbedOptions } from "../../../actors/ports.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createRegistry } from "../../../adapters/embed/registry.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
let client: OpenAI;
const texts = ["How do I export my data?", "Exporting data", "The weather in Rome"];
const asked: EmbedOptions[] = [];

/** Three numbers a text, a token a word, ten words at most. */
const small: Embedder = {
  ...{ id: "lab/small-3", dimension: 3, tokensMax: 10 },
  tokenizer: { kind: "bpe", encoding: "cl100k_base" },
  async embed(given, options) {
    asked.push(options);
    const words = given.map((text) => text.split(" ").length);
    const truncated = words.flatMap((count, at) => (count > 10 ? [at] : []));
    const tokens = words.reduce((sum, count) => sum + count, 0);
    options.onUse?.({ tokens, estimated: false, truncated });
    return given.map((text) => new Float32Array([1, text.length / 8, -0.5]));
  },
};

beforeAll(async () => {
  const builtin = createBuiltinEmbedder();
  const entry = (name: string, embedder: Embedder) => ({
    ...{ name, id: embedder.id, make: async () => ({ embedder }) },
  });
  const embedders: Embedders = createRegistry(
    [entry("builtin", builtin), entry("small", small)],
    "builtin",
  );
  host = await startHttpHost({ embedders });
  client = new OpenAI({ apiKey: host.key, baseURL: `${host.url}/v1`, maxRetries: 0 });
});
afterAll(() => host.stop());

async function refused(more: object): Promise<readonly unknown[]> {
  const call = client.embeddings.create({ model: "small", input: "one", ...more });
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof APIError) return [error.status, error.param];
  throw new Error("It did not fail with an error of the API.");
}

const dot = (left: readonly number[], right: readonly number[]): number =>
  left.reduce((sum, value, at) => sum + value * (right[at] ?? 0), 0);

test("vectors come in the order of the texts, as base64 and as numbers alike", async () => {
  const model = "embedder:small";
  const base64 = await client.embeddings.create({ model, input: texts });
  const float = await client.embeddings.create({ model, input: texts, encoding_format: "float" });
  const vectors = texts.map((text) => [1, text.length / 8, -0.5]);
  expect(base64.data.map(({ embedding }) => embedding)).toEqual(vectors);
  expect(float.data.map(({ embedding }) => embedding)).toEqual(vectors);
  expect(float.data.map(({ index }) => index)).toEqual([0, 1, 2]);
  expect(float.usage).toEqual({ prompt_tokens: 12, total_tokens: 12 });
  const raw = await host.call("POST", "/v1/embeddings", {
    ...{ model, input: "one", encoding_format: "base64" },
  });
  expect(Buffer.from(raw.body.data[0].embedding, "base64").readFloatLE(4)).toBe(3 / 8);
});

test("the built-in embedder is a model: what says the same is near, and nothing is charged", async () => {
  const before = await host.balance();
  const { data } = await client.embeddings.create({ model: "embedder:builtin", input: texts });
  const [export1 = [], export2 = [], weather = []] = data.map(({ embedding }) => embedding);
  expect(dot(export1, export2)).toBeGreaterThan(dot(export1, weather));
  expect(await host.balance()).toBe(before);
});

test("a question may be marked as one, and tenants are told apart", async () => {
  const body = { model: "small", input: "one", input_type: "query" };
  await host.call("POST", "/v1/embeddings", body);
  expect(asked.at(-1)).toMatchObject({ purpose: "query", tenant: host.tenant });
  await client.embeddings.create({ model: "small", input: "one" });
  expect(asked.at(-1)).toMatchObject({ purpose: "document" });
});

test("what would not be the vector of the text is refused", async () => {
  const long = "word ".repeat(11).trim();
  expect(await refused({ model: "text-embedding-3-small" })).toEqual([404, "model"]);
  expect(await refused({ input: ["one", long] })).toEqual([400, "input[1]"]);
  expect(await refused({ model: "builtin", input: ["x".repeat(100_000)] })).toEqual([
    ...[400, "input[0]"],
  ]);
  expect(await refused({ dimensions: 2 })).toEqual([400, "dimensions"]);
  expect(await refused({ input: [1, 2, 3] })).toEqual([400, "input"]);
  expect(await refused({ input: [[1], [2]] })).toEqual([400, "input"]);
  expect((await refused({ input: "" }))[0]).toBe(400);
  expect((await refused({ input: [] }))[0]).toBe(400);
  expect((await refused({ input: Array.from({ length: 2_049 }, () => "x") }))[0]).toBe(400);
  expect(await refused({ encoding_format: "hex" })).toEqual([400, "encoding_format"]);
  const same = await client.embeddings.create({ model: "small", input: "one", dimensions: 3 });
  expect(same.data[0]?.embedding).toHaveLength(3);
});

test("embedders are listed and found as models, and can be kept from a key", async () => {
  const listed: string[] = [];
  for await (const { id } of client.models.list()) listed.push(id);
  expect(listed).toEqual(["embedder:builtin", "embedder:small"]);
  expect(await client.models.retrieve("embedder:small")).toMatchObject({ name: "small" });
  await expect(client.models.retrieve("embedder:none")).rejects.toMatchObject({ status: 404 });
  const key = await host.makeKey(["chat-completions"]);
  const other = new OpenAI({ apiKey: key, baseURL: `${host.url}/v1`, maxRetries: 0 });
  const kept = other.embeddings.create({ model: "small", input: "one" });
  await expect(kept).rejects.toMatchObject({ status: 403 });
});

test("LangChain.js embeds documents and questions", async () => {
  const embeddings = new OpenAIEmbeddings({
    ...{ model: "embedder:small", apiKey: host.key },
    configuration: { baseURL: `${host.url}/v1` },
  });
  expect(await embeddings.embedDocuments(texts)).toHaveLength(3);
  expect(await embeddings.embedQuery("one")).toEqual([1, 3 / 8, -0.5]);
});

test("the AI SDK embeds many texts", async () => {
  const openai = createOpenAI({ apiKey: host.key, baseURL: `${host.url}/v1` });
  const model = openai.embeddingModel("embedder:small");
  const { embeddings, usage } = await embedMany({ model, values: texts });
  expect(embeddings[2]).toEqual([1, 19 / 8, -0.5]);
  expect(usage.tokens).toBe(12);
});
