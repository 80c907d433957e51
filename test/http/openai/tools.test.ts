// Tools of the caller through the official openai SDK, unchanged: calls, deltas, the SDK's own loop, forms.

import OpenAI, { APIError } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
let client: OpenAI;
let model = "";

beforeAll(async () => {
  host = await startHttpHost();
  client = new OpenAI({ apiKey: host.key, baseURL: `${host.url}/v1`, maxRetries: 0 });
  const desk = { name: "Desk", model_name: "m-1", tools: [{ tool: "calculator" }] };
  const { body } = await host.call("POST", "/v2/agents", desk);
  model = `agent:${body.id}`;
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.requests.length = 0;
});

const messages = [{ role: "user" as const, content: "What is the weather in Rome?" }];
const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const weather = {
  type: "function" as const,
  function: { name: "weather", description: "Of a city.", parameters, strict: true },
};
const asks = { name: "weather", arguments: { city: "Rome" } };
/** Asks for the weather until it is told. */
const asking = (): void => {
  host.llm.script = ({ request }) => {
    const last = request.messages.at(-1);
    return last?.role === "tool"
      ? `It is ${last.content}.`
      : { text: "Let me look.", calls: [asks] };
  };
};

async function errorOf(call: Promise<unknown>): Promise<APIError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof APIError) return error;
  throw new Error("It did not fail with an error of the API.");
}

test("a call comes with its arguments, and the answer goes on from its result", async () => {
  asking();
  const first = await client.chat.completions.create({ model, messages, tools: [weather] });
  const [choice] = first.choices;
  expect(choice).toMatchObject({
    finish_reason: "tool_calls",
    message: {
      ...{ role: "assistant", content: "Let me look.", refusal: null },
      tool_calls: [
        { type: "function", function: { name: "weather", arguments: '{"city":"Rome"}' } },
      ],
    },
  });
  if (choice === undefined) throw new Error("There is no choice.");
  const id = choice.message.tool_calls?.[0]?.id ?? "";
  const result = { role: "tool" as const, tool_call_id: id, content: "sunny" };
  const second = await client.chat.completions.create({
    ...{ model, tools: [weather] },
    messages: [...messages, choice.message, result],
  });
  expect(second.choices[0]).toMatchObject({
    finish_reason: "stop",
    message: { content: "It is sunny." },
  });
  const strict = host.llm.requests[0]?.tools?.find(({ name }) => name === "weather")?.strict;
  expect(strict).toBe(true);
});

test("a call alone has no content, and own tools stand beside the caller's", async () => {
  host.llm.script = () => ({ calls: [asks] });
  const { choices } = await client.chat.completions.create({ model, messages, tools: [weather] });
  expect(choices[0]?.message.content).toBeNull();
  expect(host.llm.requests[0]?.tools?.map(({ name }) => name)).toEqual(["calculator", "weather"]);
});

test("a stream has each call by its index, and usage that is null until the last chunk", async () => {
  host.llm.script = () => ({ text: "Let me look.", calls: [asks, asks] });
  const stream = await client.chat.completions.create({
    ...{ model, messages, tools: [weather], stream: true },
    stream_options: { include_usage: true },
  });
  const chunks: Json[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  const calls = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []);
  expect(calls.map(({ index }: Json) => index)).toEqual([0, 1]);
  expect(calls[1]).toMatchObject({ type: "function", function: { name: "weather" } });
  const finish = chunks.find(({ choices }) => choices[0]?.finish_reason);
  expect(finish?.choices[0].finish_reason).toBe("tool_calls");
  expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 15 } });
});

test("the SDK's stream helper puts text and calls together", async () => {
  host.llm.script = () => ({ text: "Let me look.", calls: [asks] });
  const runner = client.chat.completions.stream({ model, messages, tools: [weather] });
  const { choices } = await runner.finalChatCompletion();
  expect(choices[0]?.message.content).toBe("Let me look.");
  expect(choices[0]?.message.tool_calls?.[0]).toMatchObject({
    function: { name: "weather", arguments: '{"city":"Rome"}' },
  });
});

test("the SDK's own loop runs the tools and ends with the answer, streamed or not", async () => {
  asking();
  const heard: unknown[] = [];
  const tool = {
    type: "function" as const,
    function: {
      ...{ name: "weather", description: "Of a city.", parameters },
      parse: JSON.parse,
      function: (given: unknown) => {
        heard.push(given);
        return "sunny";
      },
    },
  };
  const whole = client.chat.completions.runTools({ model, messages, tools: [tool] });
  const streamed = client.chat.completions.runTools({
    model,
    messages,
    tools: [tool],
    stream: true,
  });
  expect(await whole.finalContent()).toBe("It is sunny.");
  expect(await streamed.finalContent()).toBe("It is sunny.");
  expect(heard).toEqual([{ city: "Rome" }, { city: "Rome" }]);
});

test("a schema of zod is held to, and the SDK parses the answer", async () => {
  const form = z.object({ city: z.string(), degrees: z.number() });
  let times = 0;
  host.llm.script = () => {
    times += 1;
    return times === 1 ? '{"city": "Rome"}' : '{"city":"Rome","degrees":21}';
  };
  const response_format = zodResponseFormat(form, "weather");
  const { choices } = await client.chat.completions.parse({ model, messages, response_format });
  expect(choices[0]?.message.parsed).toEqual({ city: "Rome", degrees: 21 });
  expect(times).toBe(2);
});

test("what own tools did before a call of the caller's is there when its result comes", async () => {
  const own = { name: "calculator", arguments: { expression: "6*7" } };
  host.llm.script = ({ request }) => {
    const said = request.messages.map(({ content }) => content).join(" ");
    if (!said.includes("42")) return { text: "I count.", calls: [own] };
    return said.includes("sunny") ? "It is sunny." : { text: "I look.", calls: [asks] };
  };
  const first = await client.chat.completions.create({ model, messages, tools: [weather] });
  const [choice] = first.choices;
  if (choice === undefined) throw new Error("There is no choice.");
  const id = choice.message.tool_calls?.[0]?.id ?? "";
  expect(id.length).toBeLessThanOrEqual(40);
  const history = [
    ...[...messages, choice.message],
    { role: "tool" as const, tool_call_id: id, content: "sunny" },
  ];
  const before = host.llm.requests.length;
  const second = await client.chat.completions.create({
    ...{ model, tools: [weather], messages: history },
  });
  expect(second.choices[0]?.message.content).toBe("It is sunny.");
  expect(host.llm.requests.length).toBe(before + 1);
  const roles = host.llm.requests.at(-1)?.messages.map(({ role }) => role);
  expect(roles?.slice(-5)).toEqual(["user", "assistant", "tool", "assistant", "tool"]);
  // Another agent is told nothing of it.
  const { body } = await host.call("POST", "/v2/agents", { name: "Other", model_name: "m-1" });
  host.llm.script = () => "Hm.";
  await client.chat.completions.create({
    ...{ model: `agent:${body.id}`, tools: [weather], messages: history },
  });
  expect(host.llm.requests.at(-1)?.messages.filter(({ role }) => role === "tool")).toHaveLength(1);
});

test("which tools may be called is as the request says", async () => {
  host.llm.script = () => "No.";
  const time = { type: "function" as const, function: { name: "time" } };
  const create = async (tool_choice: Json) => {
    await client.chat.completions.create({ model, messages, tools: [weather, time], tool_choice });
    const { tools, toolChoice } = host.llm.requests.at(-1) ?? {};
    return [tools?.map(({ name }) => name), toolChoice];
  };
  expect(await create("none")).toEqual([["calculator"], undefined]);
  expect(await create("required")).toEqual([["weather", "time"], "required"]);
  expect(await create({ type: "function", function: { name: "time" } })).toEqual([
    ...[["weather", "time"], { name: "time" }],
  ]);
  const allowed = { mode: "required", tools: [time] };
  expect(await create({ type: "allowed_tools", allowed_tools: allowed })).toEqual([
    ...[["time"], "required"],
  ]);
});

test("what cannot be done with tools is refused where it stands", async () => {
  const refused = async (more: object) => {
    const error = await errorOf(client.chat.completions.create({ model, messages, ...more }));
    return [error.status, error.param];
  };
  const custom = { type: "custom", custom: { name: "x" } };
  const clash = { type: "function", function: { name: "calculator" } };
  const result = { role: "tool", tool_call_id: "c", content: "x" };
  const conversation = { metadata: { conversation_key: "cv_1" }, tools: [weather] };
  const remote = { $ref: "https://a.example/s" };
  expect(await refused({ functions: [{ name: "x" }] })).toEqual([400, "functions"]);
  expect(await refused({ function_call: "auto" })).toEqual([400, "function_call"]);
  expect(await refused({ tools: [custom] })).toEqual([400, "tools[0].type"]);
  expect(await refused({ tools: [weather, clash] })).toEqual([400, "tools[1].function.name"]);
  expect(await refused({ tools: [weather, weather] })).toEqual([400, "tools[1].function"]);
  expect(await refused({ tool_choice: "some" })).toEqual([400, "tool_choice"]);
  expect(await refused({ tool_choice: "required" })).toEqual([400, "tool_choice"]);
  expect(await refused({ messages: [...messages, result] })).toEqual([400, "messages[1]"]);
  expect(await refused(conversation)).toEqual([400, "tools"]);
  expect(
    await refused({
      tools: [
        { type: "function", function: { name: "x", parameters: { type: "object", ...remote } } },
      ],
    }),
  ).toEqual([400, "tools[0].function.$ref"]);
  expect(await refused({ response_format: { type: "xml" } })).toEqual([
    ...[400, "response_format.type"],
  ]);
  expect(await refused({ response_format: { type: "json_schema", json_schema: {} } })).toEqual([
    ...[400, "response_format.json_schema.schema"],
  ]);
  expect(await refused({ modalities: ["text", "audio"] })).toEqual([400, "modalities[1]"]);
});

test("images go to the model, and are refused where it takes none", async () => {
  host.llm.script = () => "A cat.";
  const { body } = await host.call("POST", "/v2/agents", { name: "Blind", model_name: "blind-1" });
  const url = "data:image/png;base64,iVBORw0KGgo=";
  const look = (of: string) =>
    client.chat.completions.create({
      model: of,
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "What is it?" },
            { type: "image_url", image_url: { url, detail: "low" } },
          ],
        },
      ],
    });
  expect((await look(model)).choices[0]?.message.content).toBe("A cat.");
  expect(host.llm.requests.at(-1)?.messages.at(-1)).toMatchObject({
    ...{ content: "What is it?", images: [{ url, detail: "low" }] },
  });
  const refused = await errorOf(look(`agent:${body.id}`));
  expect([refused.status, refused.param]).toEqual([
    ...[400, "messages[0].content[1].image_url.url"],
  ]);
});

test("a stream that fails on the way ends with the error, and without [DONE]", async () => {
  host.llm.script = ({ write }) => {
    write("It ");
    throw new Error("The model broke.");
  };
  const stream = await host.events("POST", "/v1/chat/completions", {
    model,
    messages,
    stream: true,
  });
  const events = await stream.rest();
  expect(events.some(({ data }) => data === "[DONE]")).toBe(false);
  expect(JSON.parse(events.at(-1)?.data ?? "{}")).toMatchObject({
    error: { type: "server_error", message: expect.any(String) },
  });
});

test("headers say who answered, how long it took and the key's true rate", async () => {
  host.llm.script = () => "Hi.";
  const { response, request_id } = await client.chat.completions
    .create({ model, messages })
    .withResponse();
  const { headers } = response;
  expect(request_id).toMatch(/^req_/);
  expect(Number(headers.get("openai-processing-ms"))).toBeGreaterThanOrEqual(0);
  const limit = Number(headers.get("x-ratelimit-limit-requests"));
  const left = Number(headers.get("x-ratelimit-remaining-requests"));
  expect(limit).toBe(Number(/q=(\d+)/.exec(headers.get("ratelimit-policy") ?? "")?.[1]));
  expect(left).toBeLessThan(limit);
  expect(headers.get("x-ratelimit-reset-requests")).toMatch(/^\d+(\.\d+)?(ms|s)$/);
  expect(headers.get("x-ratelimit-limit-tokens")).toBeNull();
});

test("errors are those of the protocol: 401, 403, 404 and an unknown model", async () => {
  const key = await host.makeKey(["models"]);
  const other = new OpenAI({ apiKey: key, baseURL: `${host.url}/v1`, maxRetries: 0 });
  const forbidden = await errorOf(other.chat.completions.create({ model, messages }));
  const unknown = await errorOf(client.chat.completions.create({ model: "gpt-5", messages }));
  expect([forbidden.status, forbidden.type]).toEqual([403, "permission_error"]);
  expect([unknown.status, unknown.code, unknown.param]).toEqual([404, "model_not_found", "model"]);
});
