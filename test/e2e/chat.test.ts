// The main job over the real process: agents made over document 001's endpoints, asked with the
// official SDK and with curl, routed in all three ways, the history kept over a restart.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  CHAT,
  chunksOf,
  contentOf,
  makeDesk,
  type Product,
  startProduct,
} from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const run = promisify(execFile);
let product: Product;
let agent = "";

beforeAll(async () => {
  product = await startProduct();
  agent = await makeDesk(product);
});
afterAll(() => product.end());

const ask = (message: string, more: object = {}) => ({ agent_key: agent, message, ...more });

async function curl(...args: readonly string[]): Promise<string> {
  const all = ["-sS", "--max-time", "20", "-H", `X-API-Key: ${product.adminKey}`, ...args];
  return (await run("curl", all)).stdout;
}

test("a keyword decides, without a call of the model for it", async () => {
  const { status, body } = await product.call("POST", CHAT, ask("I need a refund, q-keyword"));

  expect(status).toBe(200);
  expect(body.data.routing_info).toMatchObject({
    selected_action: "SUB_AGENT",
    action_name: "Billing",
    method: "keyword",
  });
  expect(body.data.response).toBe("Echo: I need a refund, q-keyword");
  expect(product.provider.count("q-keyword")).toBe(1);
});

test("likeness decides where no keyword stands", async () => {
  const message = "Which prices and payments do you take from a credit card?";

  const { body } = await product.call("POST", CHAT, ask(message));

  expect(body.data.routing_info).toMatchObject({ action_name: "Billing", method: "semantic" });
  expect(product.provider.count(message)).toBe(1);
});

test("in doubt one call of the model decides", async () => {
  const message = "The thing from last week looks odd today, q-doubt";
  product.provider.when((call) => call.wantsJson && call.prompt.includes("q-doubt"), {
    json: { choice: 3, intent: "odd_thing" },
  });

  const { body } = await product.call("POST", CHAT, ask(message));

  expect(body.data.routing_info).toMatchObject({ action_name: "Technical", method: "model" });
  const calls = product.provider.calls().filter((call) => call.prompt.includes("q-doubt"));
  expect(calls.filter((call) => call.wantsJson)).toHaveLength(1);
  expect(calls).toHaveLength(2);
});

test("curl gets the whole answer and the stream", async () => {
  const json = ["-H", "Content-Type: application/json", `${product.url}${CHAT}`];
  const whole = JSON.parse(await curl(...json, "-d", JSON.stringify(ask("How to export?"))));
  const body = JSON.stringify(ask("How to export?", { stream: true }));
  const lines = (await curl("-N", ...json, "-d", body)).split("\n");

  const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
  const chunks: Json[] = data.slice(0, -1).map((text) => JSON.parse(text));
  expect(whole).toMatchObject({
    status: "success",
    data: { response: "Echo: How to export?", routing_info: { action_name: "Docs" } },
    cost: { units: 1, unit_price: 0.001, tokens: 0.001 },
  });
  expect(data.at(-1)).toBe("[DONE]");
  expect(chunks[0].choices[0].delta).toEqual({ role: "assistant" });
  expect(chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join("")).toBe(
    "Echo: How to export?",
  );
  expect(chunks.at(-1)).toMatchObject({ usage: { total_tokens: expect.any(Number) } });
});

test("the official SDK asks an agent as a model, whole and streamed", async () => {
  const options = { apiKey: product.adminKey, baseURL: `${product.url}/v1`, maxRetries: 0 };
  const client = new OpenAI(options);
  const model = `agent:${agent}`;
  const messages = [{ role: "user" as const, content: "How to export?" }];

  const models = await client.models.list();
  const whole = await client.chat.completions.create({ model, messages });
  const stream = client.chat.completions.stream({ model, messages });

  expect(models.data.map(({ id }) => id)).toContain(model);
  expect(whole.choices[0]?.message.content).toBe("Echo: How to export?");
  expect(await stream.finalContent()).toBe("Echo: How to export?");
});

test("the SDK's conversation goes on under metadata.conversation_key", async () => {
  const first = await product.call("POST", CHAT, ask("A refund please"));
  const { conversation_key } = first.body.data;
  const options = { apiKey: product.adminKey, baseURL: `${product.url}/v1`, maxRetries: 0 };

  await new OpenAI(options).chat.completions.create({
    model: `agent:${agent}`,
    messages: [{ role: "user", content: "And another refund" }],
    metadata: { conversation_key },
  });

  expect(await product.history(conversation_key)).toEqual([
    ["user", "A refund please"],
    ["assistant", "Echo: A refund please"],
    ["user", "And another refund"],
    ["assistant", "Echo: And another refund"],
  ]);
});

test("one Idempotency-Key is one turn, also after a restart; another body is refused", async () => {
  const headers = { "Idempotency-Key": "once-1" };
  const body = ask("refund, q-once");
  const before = await product.balance();

  const [one, two] = await Promise.all([
    product.call("POST", CHAT, body, { headers }),
    product.call("POST", CHAT, body, { headers }),
  ]);
  expect(await product.stop()).toBe(0);
  await product.start();
  const three = await product.call("POST", CHAT, body, { headers });
  const other = await product.call("POST", CHAT, ask("refund, other"), { headers });

  expect([one, two, three].map(({ body: { data } }) => data.run_id)).toEqual(
    Array(3).fill(one.body.data.run_id),
  );
  expect(other.status).toBe(422);
  expect(product.provider.count("q-once")).toBe(1);
  expect(await product.history(one.body.data.conversation_key)).toHaveLength(2);
  expect(await product.balance()).toBe(before - 1_000);
});

test("history, lists and agents are there after a restart, and the thread goes on", async () => {
  const first = await product.call("POST", CHAT, ask("refund one"));
  const { conversation_key } = first.body.data;
  const list = `/v1/proxy/core-agent-conversations?agent_key=${agent}`;
  const before = await product.call("GET", list);
  const details = await product.call("GET", `/v1/proxy/core-agent-details/${agent}`);

  expect(await product.stop()).toBe(0);
  await product.start();

  expect((await product.call("GET", list)).body.data).toEqual(before.body.data);
  expect((await product.call("GET", `/v1/proxy/core-agent-details/${agent}`)).body.data).toEqual(
    details.body.data,
  );
  await product.call("POST", CHAT, ask("refund two", { conversation_key }));
  expect((await product.history(conversation_key)).map(([, content]) => content)).toEqual([
    "refund one",
    "Echo: refund one",
    "refund two",
    "Echo: refund two",
  ]);
  expect(product.provider.calls("refund two")[0]?.prompt).toContain("Echo: refund one");
});

test("a streamed turn bills once, after the stream", async () => {
  const before = await product.balance();

  const stream = await product.events("POST", CHAT, ask("refund in a stream", { stream: true }));
  const events = await stream.rest();

  expect(contentOf(events)).toBe("Echo: refund in a stream");
  expect(chunksOf(events).at(-1).cost).toMatchObject({ units: 1, tokens: 0.001 });
  expect(await product.balance()).toBe(before - 1_000);
});
