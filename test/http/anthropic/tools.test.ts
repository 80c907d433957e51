// Tools that the caller runs, through the official SDK: calls, results, its own tool runner, and what is
// refused; images of the user.

import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { limits } from "../../../actors/limits.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
let client: Anthropic;
let model = "";

beforeAll(async () => {
  host = await startHttpHost();
  client = new Anthropic({ apiKey: host.key, baseURL: host.url, maxRetries: 0 });
  const { body } = await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" });
  model = `agent:${body.id}`;
});
afterAll(() => host.stop());
beforeEach(() => {
  host.llm.script = ({ request }) => {
    const result = request.messages.findLast(({ role }) => role === "tool");
    if (result !== undefined) return `It is ${result.content}.`;
    return { text: "Let me see.", calls: [{ name: "weather", arguments: { city: "Rome" } }] };
  };
});

const input_schema = {
  type: "object" as const,
  properties: { city: { type: "string" as const } },
  required: ["city"],
};
const weather = { name: "weather", description: "The weather of a city.", input_schema };
const question = { role: "user" as const, content: "How is the weather in Rome?" };
const asked = () => ({ model, max_tokens: 100, messages: [question], tools: [weather] });
const isCall = (block: Anthropic.ContentBlock) => block.type === "tool_use";

test("a call of the caller's tool ends the message, and its result goes on with it", async () => {
  const first = await client.messages.create(asked());
  const [call] = first.content.filter(isCall);
  const second = await client.messages.create({
    ...asked(),
    messages: [
      question,
      { role: "assistant", content: first.content },
      {
        role: "user",
        content: [{ type: "tool_result", tool_use_id: call?.id ?? "", content: "sunny" }],
      },
    ],
  });

  expect(first).toMatchObject({
    content: [
      { type: "text", text: "Let me see." },
      { type: "tool_use", name: "weather", input: { city: "Rome" } },
    ],
    stop_reason: "tool_use",
  });
  expect(second).toMatchObject({
    content: [{ type: "text", text: "It is sunny." }],
    stop_reason: "end_turn",
  });
  const { tools, messages } = host.llm.requests.at(-1) ?? {};
  expect(tools).toMatchObject([
    { name: "weather", description: weather.description, parameters: input_schema },
  ]);
  expect(messages?.at(-2)).toMatchObject({
    role: "assistant",
    toolCalls: [{ id: call?.id, name: "weather", arguments: '{"city":"Rome"}' }],
  });
});

// Coding agents describe a tool in pages: the longest that was seen has 12,000 characters.
test("a description may be as long as those of coding agents are, and no longer than is said", async () => {
  const most = limits.clientToolDescriptionChars;
  const described = (chars: number) => [{ ...weather, description: "x".repeat(chars) }];
  expect(most).toBeGreaterThanOrEqual(12_000);

  await client.messages.create({ ...asked(), tools: described(most) });
  const told = host.llm.requests.at(-1)?.tools?.[0]?.description;
  const over = client.messages.create({ ...asked(), tools: described(most + 1) });

  expect(told).toHaveLength(most);
  await expect(over).rejects.toMatchObject({
    status: 400,
    error: {
      error: { message: expect.stringContaining(`${most}`), details: { pointer: "/tools/0" } },
    },
  });
});

test("a call is streamed as a block behind the text's", async () => {
  const stream = client.messages.stream(asked());
  const events: Json[] = [];
  stream.on("streamEvent", (event) => events.push(event));
  const message = await stream.finalMessage();

  expect(message).toMatchObject({
    content: [
      { type: "text", text: "Let me see." },
      { type: "tool_use", name: "weather", input: { city: "Rome" } },
    ],
    stop_reason: "tool_use",
  });
  const blocks = events.filter(({ type }) => type.startsWith("content_block_"));
  expect(blocks.map(({ type, index }) => [type, index])).toEqual([
    ["content_block_start", 0],
    ["content_block_delta", 0],
    ["content_block_stop", 0],
    ["content_block_start", 1],
    ["content_block_delta", 1],
    ["content_block_stop", 1],
  ]);
  expect(blocks[3]?.content_block).toMatchObject({ type: "tool_use", input: {} });
  expect(blocks[4]?.delta).toEqual({ type: "input_json_delta", partial_json: '{"city":"Rome"}' });
  const streamed = await host.events("POST", "/v1/messages", { ...asked(), stream: true });
  expect((await streamed.rest()).at(-1)?.event).toBe("message_stop");
});

test("several calls come one after the other, or one where no more are wanted", async () => {
  const calls = ["Rome", "Oslo"].map((city) => ({ name: "weather", arguments: { city } }));
  host.llm.script = () => ({ calls });

  const both = await client.messages.stream(asked()).finalMessage();
  const one = await client.messages.create({
    ...asked(),
    tool_choice: { type: "auto", disable_parallel_tool_use: true },
  });

  expect(both.content.map((block) => block.type === "tool_use" && block.input)).toEqual([
    { city: "Rome" },
    { city: "Oslo" },
  ]);
  expect(one.content).toMatchObject([{ input: { city: "Rome" } }]);
});

test("the SDK's own tool runner calls the tool and ends with the answer", async () => {
  const seen: unknown[] = [];
  const runner = client.beta.messages.toolRunner({
    ...asked(),
    tools: [
      betaTool({
        ...{ name: "weather", description: weather.description, inputSchema: input_schema },
        run: (input) => {
          seen.push(input);
          return "sunny";
        },
      }),
    ],
  });

  const message = await runner;

  expect(seen).toEqual([{ city: "Rome" }]);
  expect(message.content).toMatchObject([{ type: "text", text: "It is sunny." }]);
});

test.each([
  ["auto", { type: "auto" }, { offered: ["weather"] }],
  ["any", { type: "any" }, { offered: ["weather"], choice: "required" }],
  [
    "tool",
    { type: "tool", name: "weather" },
    { offered: ["weather"], choice: { name: "weather" } },
  ],
  ["none", { type: "none" }, { offered: [] }],
] as const)("tool_choice %s is what the model is told", async (_, tool_choice, told) => {
  host.llm.script = () => "Well.";
  await client.messages.create({ ...asked(), tool_choice });

  const { tools = [], toolChoice } = host.llm.requests.at(-1) ?? {};
  const offered = tools.map(({ name }) => name);
  expect({ offered, ...(toolChoice !== undefined && { choice: toolChoice }) }).toEqual(told);
});

test("an error of a tool is told as one, and what the user says besides comes behind it", async () => {
  const call = { type: "tool_use" as const, id: "c1", name: "weather", input: { city: "Rome" } };
  await client.messages.create({
    ...asked(),
    system: "Be short.",
    messages: [
      question,
      { role: "assistant", content: [call] },
      {
        role: "user",
        content: [
          {
            ...{ type: "tool_result", tool_use_id: "c1", is_error: true },
            content: [{ type: "text", text: "no such city" }],
          },
          { type: "text", text: "Go on." },
        ],
      },
    ],
  });

  expect(host.llm.requests.at(-1)?.messages.slice(-2)).toMatchObject([
    { role: "tool", toolCallId: "c1", content: "Error: no such city" },
    { role: "user", content: "Go on." },
  ]);
});

test("a count is more with tools", async () => {
  const few = await client.messages.countTokens({ model, messages: [question] });
  const more = await client.messages.countTokens({ model, messages: [question], tools: [weather] });

  expect(more.input_tokens).toBeGreaterThan(few.input_tokens + 10);
});

const result = { type: "tool_result", tool_use_id: "c1", content: "sunny" };
test.each([
  [
    "a tool of Anthropic's server",
    "/tools/0/type",
    { tools: [{ type: "web_search_20260318", name: "a" }] },
  ],
  ["a tool without a schema", "/tools/0/input_schema", { tools: [{ name: "a" }] }],
  ["two tools of a name", "/tools/1", { tools: [weather, weather] }],
  ["a choice of no tool", "/tool_choice", { tool_choice: { type: "tool", name: "none" } }],
  [
    "a result without its call",
    "/messages/1",
    { system: "Be short.", messages: [question, { role: "user", content: [result] }] },
  ],
  [
    "an image of no known source",
    "/messages/0/content/0/source/type",
    {
      messages: [
        { role: "user", content: [{ type: "image", source: { type: "file", file_id: "f" } }] },
      ],
    },
  ],
])("%s is refused, and where it stands", async (_, pointer, more) => {
  const refused = await host.call("POST", "/v1/messages", { ...asked(), ...more });

  expect([refused.status, refused.body.error.details.pointer]).toEqual([400, pointer]);
});

test("images are the model's where it takes them, and refused where it does not", async () => {
  host.llm.script = () => "A cat.";
  const blind = await host.call("POST", "/v2/agents", { name: "Blind", model_name: "blind-1" });
  const data = Buffer.from("cat").toString("base64");
  const content: Anthropic.ContentBlockParam[] = [
    { type: "image", source: { type: "base64", media_type: "image/png", data } },
    { type: "image", source: { type: "url", url: "https://example.com/cat.png" } },
    { type: "text", text: "What is this?" },
  ];
  const ask = (of: string) =>
    client.messages.create({ model: of, max_tokens: 9, messages: [{ role: "user", content }] });

  await ask(model);
  const told = host.llm.requests.at(-1)?.messages.at(-1);
  const refused = await ask(`agent:${blind.body.id}`).catch((error: unknown) => error);

  expect(told).toMatchObject({
    content: "What is this?",
    images: [{ url: `data:image/png;base64,${data}` }, { url: "https://example.com/cat.png" }],
  });
  expect(refused).toMatchObject({
    status: 400,
    details: { pointer: "/messages/0/content/0/source" },
  });
});
