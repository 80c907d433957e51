// What a request of the Responses protocol may hold, and what it becomes for the model.

import OpenAI, { APIError } from "openai";
import { makeParseableTextFormat } from "openai/lib/parser";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
let client: OpenAI;
let other: OpenAI;
let model = "";
const answer = "You can export from Settings.";

beforeAll(async () => {
  host = await startHttpHost();
  const of = (apiKey: string) => new OpenAI({ apiKey, baseURL: `${host.url}/v1`, maxRetries: 0 });
  client = of(host.key);
  other = of(host.otherKey);
  const made = await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" });
  model = `agent:${made.body.id}`;
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => answer;
});

async function errorOf(call: PromiseLike<unknown>): Promise<APIError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof APIError) return error;
  throw new Error("It did not fail with an error of the API.");
}

const lastAsked = (): readonly Json[] => host.llm.requests.at(-1)?.messages ?? [];

const weather = {
  type: "function" as const,
  name: "get_weather",
  description: "The weather of a place.",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
  strict: true,
};

test("the caller's tools are called, and an answer follows on their results", async () => {
  host.llm.script = ({ request }) =>
    request.messages.some(({ role }) => role === "tool")
      ? "It is sunny."
      : { text: "Let me look.", calls: [{ name: "get_weather", arguments: { city: "Oslo" } }] };
  const first = await client.responses.create({
    ...{ model, input: "Weather in Oslo?", tools: [weather], tool_choice: "auto" },
  });
  const [message, call] = first.output as Json[];
  const next = {
    ...{ model, tools: [weather], previous_response_id: first.id },
    input: [
      { type: "function_call_output" as const, call_id: call.call_id, output: '{"sky":"clear"}' },
    ],
  };
  const second = await client.responses.create(next);

  expect(first.status).toBe("completed");
  expect(message).toMatchObject({ type: "message", content: [{ text: "Let me look." }] });
  expect(call).toMatchObject({ type: "function_call", name: "get_weather", status: "completed" });
  expect(JSON.parse(call.arguments)).toEqual({ city: "Oslo" });
  expect(second.output_text).toBe("It is sunny.");
  expect(host.llm.requests.at(-1)?.messages.slice(-3)).toMatchObject([
    { role: "user", content: "Weather in Oslo?" },
    { role: "assistant", content: "Let me look.", toolCalls: [{ id: call.call_id }] },
    { role: "tool", toolCallId: call.call_id, content: '{"sky":"clear"}' },
  ]);
});

test("of the tools those are offered that tool_choice allows", async () => {
  const names = () => host.llm.requests.at(-1)?.tools?.map(({ name }) => name);
  const tools = [weather, { ...weather, name: "get_time" }];
  const create = (tool_choice: Json) =>
    client.responses.create({ model, input: "x", tools, tool_choice, store: false });

  await create({
    type: "allowed_tools",
    mode: "auto",
    tools: [{ type: "function", name: "get_time" }],
  });
  expect(names()).toEqual(["get_time"]);
  await create({ type: "function", name: "get_weather" });
  expect(host.llm.requests.at(-1)?.toolChoice).toEqual({ name: "get_weather" });
  const unknown = {
    type: "allowed_tools",
    mode: "auto",
    tools: [{ type: "function", name: "no" }],
  };
  expect((await errorOf(create(unknown))).param).toBe("tool_choice.tools[0]");
});

test("functions of a namespace are called by both names, and a search that is not here is not offered", async () => {
  host.llm.script = ({ request }) =>
    request.messages.some(({ role }) => role === "tool")
      ? "It is sunny."
      : { text: "", calls: [{ name: "sky__get_weather", arguments: { city: "Oslo" } }] };
  const sky = {
    type: "namespace" as const,
    name: "sky",
    description: "Of the sky.",
    tools: [weather],
  };
  const tools = [{ type: "web_search" as const }, sky, { ...weather, name: "get_weather" }];
  const asked = { model, input: "Weather in Oslo?", tools };
  const first = await client.responses.create(asked);
  const streamed = await client.responses.stream(asked).finalResponse();
  const [call] = first.output as Json[];
  const output = { type: "function_call_output" as const, call_id: call.call_id, output: "clear" };
  const byId = await client.responses.create({
    ...{ model, tools, previous_response_id: first.id, input: [output] },
  });
  const whole = await client.responses.create({
    ...{ model, tools, store: false, input: [{ role: "user", content: "x" }, call, output] },
  });

  const names = { name: "get_weather", namespace: "sky" };
  expect(call).toMatchObject({ type: "function_call", ...names });
  expect(streamed.output).toMatchObject([{ type: "function_call", ...names }]);
  const offered = host.llm.requests.at(-1)?.tools?.map(({ name }) => name);
  expect(offered).toEqual(["sky__get_weather", "get_weather"]);
  expect(first.tools).toMatchObject([{ type: "namespace" }, { type: "function" }]);
  for (const { output_text } of [byId, whole]) expect(output_text).toBe("It is sunny.");
  for (const { messages } of host.llm.requests.slice(-2)) {
    const asker = messages.find(({ role }) => role === "assistant");
    expect(asker).toMatchObject({ toolCalls: [{ name: "sky__get_weather" }] });
  }
  const long = { ...weather, name: "x".repeat(64) };
  const wrong = { ...asked, tools: [weather, { ...sky, tools: [weather, long] }] };
  expect((await errorOf(client.responses.create(wrong))).param).toBe("tools[1].tools[1]");
});

test("an item of an earlier response is taken by reference", async () => {
  const first = await client.responses.create({ model, input: "My name is Ada." });
  const [message] = first.output as Json[];

  await client.responses.create({
    model,
    input: [
      { role: "user", content: "Before." },
      { type: "item_reference", id: message.id },
      { role: "user", content: "After." },
    ],
  });

  expect(lastAsked().slice(-3)).toMatchObject([
    { role: "user", content: "Before." },
    { role: "assistant", content: answer },
    { role: "user", content: "After." },
  ]);
  const input = [{ type: "item_reference" as const, id: message.id }];
  const foreign = await errorOf(other.responses.create({ model, input }));
  expect([foreign.status, foreign.param]).toEqual([404, "input[0].id"]);
});

test("structured output is held to its schema and parsed by the SDK", async () => {
  host.llm.script = () => '{"city":"Oslo","degrees":4}';
  const properties = { city: { type: "string" }, degrees: { type: "number" } };
  const schema = { type: "object", properties, required: ["city", "degrees"] };
  const strict = { ...schema, additionalProperties: false };
  const format = { type: "json_schema" as const, name: "weather", schema: strict, strict: true };

  const parsed = await client.responses.parse({
    ...{ model, input: "Weather?", text: { format: makeParseableTextFormat(format, JSON.parse) } },
  });

  expect(parsed.output_parsed).toEqual({ city: "Oslo", degrees: 4 });
  expect(host.llm.requests.at(-1)?.responseFormat).toMatchObject({ type: "schema" });
  const wrong = await errorOf(
    client.responses.create({
      ...{ model, input: "x" },
      text: { format: { type: "json_schema", name: "w", schema: { type: "nothing" } } },
    }),
  );
  expect(wrong.status).toBe(400);
  expect(wrong.param).toMatch(/^text\.format/);
});

test("what is not done here is refused with its parameter", async () => {
  const create = (more: object) =>
    errorOf(client.responses.create({ model, input: "x", ...more } as Json));
  const orphan = { type: "function_call_output", call_id: "c", output: "o" };
  const cases: readonly (readonly [object, number, string | null])[] = [
    [{ model: "gpt-5" }, 404, "model"],
    [{ model: "agent:ag_none" }, 404, null],
    [{ tools: [{ type: "file_search" }] }, 400, "tools[0].type"],
    [{ include: ["file_search_call.results"] }, 400, "include[0]"],
    [{ background: true, store: false }, 400, "background"],
    [{ prompt: { id: "p" } }, 400, "prompt"],
    [{ input: [{ role: "oracle", content: "x" }] }, 400, "input[0].role"],
    [{ input: [{ type: "computer_call" }] }, 400, "input[0].type"],
    [
      { input: [{ role: "user", content: [{ type: "input_file" }] }] },
      400,
      "input[0].content[0].type",
    ],
    [{ input: [orphan] }, 400, "input"],
    [{ input: [{ role: "user", content: "x" }, orphan] }, 400, "input[1]"],
    [{ temperature: 3 }, 400, "temperature"],
    [{ metadata: { a: 1 } }, 400, "metadata.a"],
    [{ tool_choice: "required" }, 400, "tool_choice"],
    [{ previous_response_id: "resp_x" }, 404, "previous_response_id"],
    [{ input: "x".repeat(500_000) }, 400, "input"],
  ];

  for (const [more, status, param] of cases) {
    const error = await create(more);
    expect([more, error.status, error.param]).toEqual([more, status, param]);
  }
});

test("truncation: auto leaves out the oldest of too much, disabled refuses it", async () => {
  const input = ["first", "second", "last"].map((word) => ({
    ...{ role: "user" as const, content: word + "x".repeat(310_000) },
  }));

  const refused = await errorOf(client.responses.create({ model, input, store: false }));
  await client.responses.create({ model, input, store: false, truncation: "auto" });

  expect([refused.status, refused.param]).toEqual([400, "input"]);
  expect(lastAsked().at(-1).content).toMatch(/^lastx/);
  expect(JSON.stringify(lastAsked())).not.toContain("firstx");
});
