// Retrieval through the real process: a PDF in, its pages cited, a re-ranker on a real socket, and
// what every surface says when the documents hold nothing on a question.

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import WebSocket from "ws";
import { pdfOf } from "../support/documents.ts";
import { type FakeReranker, startFakeReranker } from "../support/fake-reranker.ts";
import { CHAT, chunksOf, type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const collections = "/v2/knowledge/collections";
let reranker: FakeReranker;
let product: Product;
let collection = "";
let path = "";
let agent = "";
/** Answered by no model. */
let plain = "";

const pages = [
  ["The tariff of the northern lines", "A ticket of the northern lines costs four crowns."],
  ["Luggage", "Bicycles travel in the last carriage for two crowns."],
  ["Refunds", "A lost ticket is not refunded, but a late train is."],
];

async function makeAgent(model: string): Promise<string> {
  const { body } = await product.call("POST", "/v2/agents", {
    ...{ name: "Railway", system_message: "You know trains.", model_name: model },
    ...{ requires_collection: true, collection_ids: [collection] },
  });
  return body.id;
}

beforeAll(async () => {
  reranker = await startFakeReranker();
  product = await startProduct({
    env: { RERANK_KEY: "rerank-key" },
    config: [
      "providers:",
      `  - { name: judge, base_url: "${reranker.url}", api_key: "\${RERANK_KEY}", models: [none-], attempts_max: 1 }`,
      "rerankers:",
      "  - { name: judge, kind: provider, provider: judge, model: judge-1, timeout_ms: 2000 }",
      "default_provider: openai",
      "",
    ].join("\n"),
  });
  const made = await product.call("POST", collections, { name: "Railway" });
  collection = made.body.id;
  path = `${collections}/${collection}`;
  const form = new FormData();
  const file = pdfOf(
    pages.map(([title = "", text = ""]) => [
      { text: title, y: 760, size: 18 },
      { text, y: 700 },
    ]),
  );
  form.append("file", new File([new Uint8Array(file)], "railway.pdf"));
  const response = await fetch(`${product.url}${path}/documents?wait=true`, {
    method: "POST",
    headers: { "X-API-Key": product.adminKey },
    body: form,
  });
  expect(response.status).toBe(201);
  agent = await makeAgent("gpt-4o-mini");
  plain = await makeAgent("builtin");
}, 180_000);
beforeEach(() => {
  product.provider.reset();
  reranker.calls.length = 0;
  reranker.troubles.length = 0;
});
afterAll(async () => {
  await product.end();
  await reranker.close();
});

const search = async (body: object): Promise<Json> =>
  (await product.call("POST", `${path}/search`, body)).body;
const outside = "Which planets have rings of ice?";

test("a passage names its page in the search, in the answer and where it is shown whole", async () => {
  const found = await search({ query: "Where do bicycles travel?", top_k: 1 });
  const [hit] = found.data;
  const shown = await product.call(
    "GET",
    `${path}/documents/${hit.document_id}/chunks/${hit.chunk_id}`,
  );
  const chat = await product.call("POST", CHAT, {
    ...{ agent_key: agent, message: "Where do bicycles travel in the train?" },
  });

  expect(hit).toMatchObject({ page: 2, headings: ["Luggage"] });
  expect(shown.body).toMatchObject({ page: 2, text: hit.text });
  expect(shown.body.text).toContain("last carriage");
  expect(chat.body.data.sources[0]).toMatchObject({
    ...{ page: 2, chunk_id: hit.chunk_id, collection_key: collection },
    relevance: expect.any(Number),
  });
  expect(chat.body.data).not.toHaveProperty("nothing_relevant");
});

test("sources come before the text of a stream, on every surface", async () => {
  const ask = { message: "Where do bicycles travel in the train?", stream: true };
  const proxy = await (await product.events("POST", CHAT, { agent_key: agent, ...ask })).rest();
  const openai = await (
    await product.events("POST", "/v1/chat/completions", {
      ...{ model: `agent:${agent}`, stream: true },
      messages: [{ role: "user", content: ask.message }],
    })
  ).rest();

  for (const events of [proxy, openai]) {
    const chunks = chunksOf(events);
    const at = chunks.findIndex(({ sources }) => sources !== undefined);
    const text = chunks.findIndex(({ choices }) => Boolean(choices?.[0]?.delta?.content));
    expect(chunks[at].sources[0]).toMatchObject({ page: 2 });
    expect(at).toBeGreaterThanOrEqual(0);
    expect(at).toBeLessThan(text);
    const last = chunks.findLast(({ sources }) => sources !== undefined);
    expect(last.choices[0].finish_reason).toBe("stop");
    expect(last.sources).toEqual(chunks[at].sources);
  }
});

test("a question about something else: nothing in the search, no sources, and the model is told", async () => {
  const found = await search({ query: outside });
  const whole = await product.call("POST", CHAT, { agent_key: agent, message: outside });
  const completion = await product.call("POST", "/v1/chat/completions", {
    ...{ model: `agent:${agent}`, messages: [{ role: "user", content: outside }] },
  });
  const streamed = await product.events("POST", CHAT, {
    ...{ agent_key: agent, message: outside, stream: true },
  });
  const chunks = chunksOf(await streamed.rest());
  const { body: run } = await product.call("GET", `/v2/runs/${whole.body.data.run_id}`);

  expect(found).toMatchObject({ data: [], nothing_relevant: true });
  expect(whole.body.data).toMatchObject({ sources: [], nothing_relevant: true });
  expect(completion.body).toMatchObject({ sources: [], nothing_relevant: true });
  expect(chunks.filter((chunk) => chunk.nothing_relevant === true)).toHaveLength(2);
  expect(run.result).toMatchObject({ sources: [], nothing_relevant: true });
  const [call] = product.provider.calls(outside);
  expect(call?.system).toContain("holds nothing on it");
});

test("a short question of its own does not rest on what was asked before it, a follow-up does", async () => {
  const first = await product.call("POST", CHAT, {
    ...{ agent_key: agent, message: "Where do bicycles travel in the train?" },
  });
  const { conversation_key } = first.body.data;
  const ask = (message: string) =>
    product.call("POST", CHAT, { agent_key: agent, message, conversation_key });
  const followed = await ask("And for how much?");
  const other = await ask("What is the capital of Peru?");

  expect(followed.body.data.sources[0]).toMatchObject({ page: 2 });
  expect(other.body.data).toMatchObject({ sources: [], nothing_relevant: true });
});

test("without a model the answer says that there is nothing, and invents nothing", async () => {
  const inside = await product.call("POST", CHAT, {
    ...{ agent_key: plain, message: "What does a ticket of the northern lines cost?" },
  });
  const answer = await product.call("POST", CHAT, { agent_key: plain, message: outside });
  const conversation = answer.body.data.conversation_key;
  const messages = await product.call("GET", `/v2/conversations/${conversation}/messages`);

  expect(inside.body.data.response).toContain("four crowns");
  expect(inside.body.data.sources[0]).toMatchObject({ page: 1 });
  expect(answer.body.data).toMatchObject({ sources: [], nothing_relevant: true, builtin: true });
  expect(answer.body.data.response).not.toMatch(/crown|ticket|carriage|planet/i);
  expect(messages.body.data.at(-1)).toMatchObject({ role: "assistant", nothing_relevant: true });
});

test("a socket is told of sources and of nothing relevant before the text", async () => {
  for (const [message, nothing] of [
    ["Where do bicycles travel in the train?", false],
    [outside, true],
  ] as const) {
    const frames = await socketChat({ agent_key: agent, message });
    const told = frames.findIndex((one) => JSON.stringify(one).includes('"type":"sources"'));
    const said = JSON.stringify(frames[told]);

    expect(told, message).toBeGreaterThanOrEqual(0);
    expect(said.includes('"nothing_relevant":true')).toBe(nothing);
    expect(said.includes('"page":2')).toBe(!nothing);
    expect(told).toBeLessThan(frames.findIndex((one) => one.event === "text"));
  }
});

test("a re-ranker orders what is found; when it fails the answer is the order that was there", async () => {
  await product.call("PATCH", path, { retrieval: { reranker: "judge", top_k: 2 } });
  const query = "Is a ticket of a late train refunded?";

  const judged = await search({ query });
  const [call] = reranker.calls;
  reranker.troubles.push({ status: 500 });
  const failed = await search({ query });
  const without = await search({ query, reranker: null });
  reranker.troubles.push({ isSilent: true });
  const chat = await product.call("POST", CHAT, { agent_key: agent, message: query });
  await product.call("PATCH", path, { retrieval: { reranker: null, top_k: null } });

  expect(call).toMatchObject({
    authorization: "Bearer rerank-key",
    body: { model: "judge-1", query, documents: expect.any(Array) },
  });
  expect(judged.search.reranker).toEqual({ name: "judge", status: "used" });
  expect(judged.data[0]).toMatchObject({ page: 3, scores: { rerank: judged.data[0].score } });
  expect(failed.search.reranker).toMatchObject({ name: "judge", status: "failed" });
  expect(failed.search.reranker.error.code).toBe("PROVIDER_UNAVAILABLE");
  expect(failed.data).toEqual(without.data);
  expect([chat.status, chat.body.data.sources.length]).toEqual([200, without.data.length]);
});

/** One turn over a WebSocket: its frames up to the end. */
async function socketChat(params: object): Promise<readonly Json[]> {
  const socket = new WebSocket(`${product.url.replace("http", "ws")}/ws`);
  const frames: Json[] = [];
  const send = (id: string, method: string, of: object): void =>
    socket.send(JSON.stringify({ type: "req", id, method, params: of }));
  const ended = new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () => send("r1", "hello", { token: product.adminKey }));
    socket.on("message", (bytes) => {
      const frame: Json = JSON.parse(String(bytes));
      frames.push(frame);
      if (frame.id === "r1") send("r2", "chat", params);
      if (frame.id === "r2" && frame.ok === false) reject(new Error(JSON.stringify(frame)));
      if (frame.event === "end") resolve();
    });
  });
  await ended;
  socket.close();
  return frames;
}
