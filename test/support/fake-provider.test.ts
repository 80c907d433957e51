// The fake provider is judged by the official SDKs: what they accept is the wire.

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeEach, expect, test } from "vitest";
import { createFakeProvider } from "./fake-provider.ts";

// The fast one stands on the native server, which has no binary for the newest versions of Node.
const native = await import("./fake-provider-fast.ts").catch(() => null);
const provider = await createFakeProvider();
const openai = new OpenAI({ apiKey: "k", baseURL: provider.openaiUrl, maxRetries: 0 });
const anthropic = new Anthropic({ apiKey: "k", baseURL: provider.anthropicUrl, maxRetries: 0 });
const messages = [{ role: "user" as const, content: "Where is my invoice?" }];
const claude = { model: "claude-haiku-4-5", max_tokens: 100, messages };

beforeEach(() => provider.reset());
afterAll(() => provider.close());

test("the openai SDK reads its whole answers, streams, tools and schema answers", async () => {
  provider.when("tool please", { tools: [{ name: "look_up", arguments: { id: 7 } }] });

  const whole = await openai.chat.completions.create({ model: "gpt-4o-mini", messages });
  const stream = openai.chat.completions.stream({
    model: "gpt-4o-mini",
    messages: [{ role: "user", content: "tool please" }],
    stream_options: { include_usage: true },
  });
  const streamed = await stream.finalChatCompletion();
  const schema = { type: "object", properties: { label: { enum: ["a", "b"] } } };
  const json = await openai.chat.completions.create({
    model: "gpt-4o-mini",
    messages,
    response_format: { type: "json_schema", json_schema: { name: "choice", schema } },
  });

  expect(whole.choices[0]?.message.content).toBe("Echo: Where is my invoice?");
  expect(whole.usage?.total_tokens).toBeGreaterThan(0);
  const call = streamed.choices[0]?.message.tool_calls?.[0];
  expect(call?.type === "function" && call.function).toMatchObject({
    name: "look_up",
    arguments: '{"id":7}',
  });
  expect(streamed.usage?.total_tokens).toBeGreaterThan(0);
  expect(json.choices[0]?.message.content).toBe('{"label":"a"}');
});

test("a usage chunk comes only when it was asked for", async () => {
  const usages: unknown[] = [];
  const stream = await openai.chat.completions.create({
    model: "gpt-4o-mini",
    messages,
    stream: true,
  });

  for await (const chunk of stream) if (chunk.usage !== undefined) usages.push(chunk.usage);

  expect(usages).toEqual([]);
});

test("the Anthropic SDK reads its whole answers, streams and tools", async () => {
  const tools = [{ name: "look_up", input_schema: { type: "object" as const } }];
  provider.when("tool", {
    text: "One moment.",
    tools: [{ name: "look_up", arguments: { id: 7 } }],
  });

  const whole = await anthropic.messages.create(claude);
  const streamed = await anthropic.messages
    .stream({ ...claude, tools, messages: [{ role: "user", content: "tool" }] })
    .finalMessage();

  expect(whole.content).toMatchObject([{ type: "text", text: "Echo: Where is my invoice?" }]);
  expect(streamed.content).toMatchObject([
    { type: "text", text: "One moment." },
    { type: "tool_use", name: "look_up", input: { id: 7 } },
  ]);
  expect(streamed.stop_reason).toBe("tool_use");
  expect(streamed.usage.output_tokens).toBeGreaterThan(1);
});

test("each SDK meets its own error classes for what the real services refuse", async () => {
  const wrong = new OpenAI({ apiKey: "wrong", baseURL: provider.openaiUrl, maxRetries: 0 });
  provider.when("limited", { error: { status: 429, retryAfterS: 2 } });
  const limited = [{ role: "user" as const, content: "limited" }];

  await expect(
    wrong.chat.completions.create({ model: "gpt-4o-mini", messages }),
  ).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  await expect(
    openai.chat.completions.create({ model: "missing-model", messages }),
  ).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  await expect(
    openai.chat.completions.create({ model: "gpt-5-mini", messages, max_tokens: 5 }),
  ).rejects.toBeInstanceOf(OpenAI.BadRequestError);
  await expect(anthropic.messages.create({ ...claude, messages: limited })).rejects.toBeInstanceOf(
    Anthropic.RateLimitError,
  );
});

test("embeddings and models are readable by the openai SDK", async () => {
  const { data } = await openai.embeddings.create({ model: "e", input: ["red car", "a red car"] });
  const models = await openai.models.list();

  expect(data).toHaveLength(2);
  expect(data[0]?.embedding).toHaveLength(64);
  expect(models.data.map(({ id }) => id)).toContain("gpt-4o-mini");
});

test("calls are counted by marker and a rule with an end gives way to the next", async () => {
  provider.when("[m1]", { error: { status: 500 }, times: 1 });
  const ask = () =>
    openai.chat.completions.create({
      model: "gpt-4o-mini",
      messages: [{ role: "user", content: "hello [m1]" }],
    });

  await expect(ask()).rejects.toThrow("500");
  await ask();

  expect(provider.count("[m1]")).toBe(2);
  expect(provider.calls("[m1]").map(({ status }) => status)).toEqual([500, 200]);
});

test("the fast provider answers both wires, whole and streamed", async (context) => {
  if (native === null) return context.skip("uWebSockets.js does not load here");
  const fast = native.createFastProvider({ port: 0, tokens: 4, tokenMs: 1, firstTokenMs: 1 });
  const url = `http://127.0.0.1:${fast.port}`;
  const fastOpenai = new OpenAI({ apiKey: "k", baseURL: `${url}/v1`, maxRetries: 0 });
  const fastAnthropic = new Anthropic({ apiKey: "k", baseURL: url, maxRetries: 0 });

  const whole = await fastOpenai.chat.completions.create({ model: "m", messages });
  const streamed = await fastAnthropic.messages.stream(claude).finalMessage();

  expect(whole.choices[0]?.message.content).toBe("Export your data from");
  expect(streamed.content).toMatchObject([{ text: "Export your data from" }]);
  expect(fast.counters()).toEqual({ calls: 2, streams: 1, aborted: 0 });
  fast.close();
});
