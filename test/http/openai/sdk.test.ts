// The official openai SDK, unchanged, is the judge of this surface.

import OpenAI, { APIError } from "openai";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
let client: OpenAI;
let model = "";
const answer = "You can export from Settings.";

beforeAll(async () => {
  host = await startHttpHost();
  client = new OpenAI({ apiKey: host.key, baseURL: `${host.url}/v1`, maxRetries: 0 });
  const { body } = await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" });
  model = `agent:${body.id}`;
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => answer;
});

const messages = [
  { role: "system" as const, content: "Be short." },
  { role: "user" as const, content: "How do I export?" },
];

async function errorOf(call: Promise<unknown>): Promise<APIError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof APIError) return error;
  throw new Error("It did not fail with an error of the API.");
}

test("a completion has choices, usage and the fields the SDK reads", async () => {
  const completion = await client.chat.completions.create({ model, messages, temperature: 0.2 });

  expect(completion).toMatchObject({
    object: "chat.completion",
    model,
    choices: [{ index: 0, message: { role: "assistant", content: answer }, finish_reason: "stop" }],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  });
  expect(host.llm.requests.at(-1)?.messages.at(-1)?.content).toBe("How do I export?");
});

test("it is stateless: no conversation is kept", async () => {
  await client.chat.completions.create({ model, messages });

  const list = await host.call("GET", "/v2/conversations");
  expect(list.body.data).toEqual([]);
});

test("a stream gives the text, and usage in a last chunk only when asked for", async () => {
  const read = async (more: object): Promise<readonly Json[]> => {
    const stream = await client.chat.completions.create({
      model,
      messages,
      stream: true,
      ...more,
    });
    const all: Json[] = [];
    for await (const chunk of stream) all.push(chunk);
    return all;
  };

  const plain = await read({});
  const withUsage = await read({ stream_options: { include_usage: true } });

  const text = plain.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
  expect(text).toBe(answer);
  expect(plain.some((chunk) => chunk.usage)).toBe(false);
  expect(plain[0].choices[0].delta.role).toBe("assistant");
  expect(withUsage.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 15 } });
});

test("the SDK's own stream helper puts the answer together", async () => {
  const runner = client.chat.completions.stream({ model, messages });

  expect(await runner.finalContent()).toBe(answer);
});

test("with metadata.conversation_key only the last user message is appended", async () => {
  const agent = model.slice("agent:".length);
  const started = await host.call("POST", `/v2/agents/${agent}/runs`, { input: "hello" });
  const { conversation_key } = started.body;

  await client.chat.completions.create({ model, messages, metadata: { conversation_key } });

  const list = await host.call("GET", `/v2/conversations/${conversation_key}/messages`);
  expect(list.body.data.map((one: Json) => one.content)).toEqual([
    "hello",
    answer,
    "How do I export?",
    answer,
  ]);
});

test("text parts are taken, unknown fields are left alone", async () => {
  const completion = await client.chat.completions.create({
    model,
    messages: [{ role: "user", content: [{ type: "text", text: "Hi" }] }],
    user: "u",
    seed: 1,
    logit_bias: {},
  });

  expect(completion.choices[0]?.message.content).toBe(answer);
});

test("errors are the SDK's own classes with code and parameter", async () => {
  const wrongKey = new OpenAI({ apiKey: "no", baseURL: `${host.url}/v1`, maxRetries: 0 });
  const create = (more: object) => client.chat.completions.create({ model, messages, ...more });

  const unknown = await errorOf(create({ model: "agent:ag_none" }));
  const notOurs = await errorOf(create({ model: "gpt-5" }));
  const many = await errorOf(create({ n: 2 }));
  const tokens = await errorOf(create({ max_tokens: 0 }));
  const empty = await errorOf(create({ messages: [] }));
  const image = await errorOf(
    create({ messages: [{ role: "user", content: [{ type: "image_url", image_url: {} }] }] }),
  );
  const nobody = await errorOf(wrongKey.models.list());

  expect([unknown, notOurs, many, tokens, empty, image, nobody].map((one) => one.status)).toEqual([
    404, 404, 400, 400, 400, 400, 401,
  ]);
  expect(many.param).toBe("n");
  expect(tokens.param).toBe("max_tokens");
  expect(image.param).toBe("messages[0].content[0].image_url.url");
  expect(nobody).toBeInstanceOf(OpenAI.AuthenticationError);
  expect(unknown).toBeInstanceOf(OpenAI.NotFoundError);
});

test("an empty balance is 402 and another tenant's agent does not exist", async () => {
  const other = new OpenAI({ apiKey: host.otherKey, baseURL: `${host.url}/v1`, maxRetries: 0 });
  await host.setBalance(0);

  const poor = await errorOf(client.chat.completions.create({ model, messages }));
  const foreign = await errorOf(other.chat.completions.create({ model, messages }));
  await host.setBalance(100);

  expect([poor.status, poor.code]).toEqual([402, "insufficient_quota"]);
  expect(foreign.status).toBe(404);
});

test("agents are listed and found as models", async () => {
  const list = await client.models.list();
  const one = await client.models.retrieve(model);

  expect(list.data.map((entry) => entry.id)).toEqual([model, "embedder:builtin"]);
  expect(one).toMatchObject({ id: model, object: "model", owned_by: "troupe" });
});
