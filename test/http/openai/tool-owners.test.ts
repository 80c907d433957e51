// Whose tools a caller's stand beside: an agent's own, those of a sub-agent, of skills, and of somebody whom the
// turn is handed over to. Asked through the official openai SDK, unchanged.

import Anthropic from "@anthropic-ai/sdk";
import OpenAI, { APIError } from "openai";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { skillBody } from "../../support/skill-files.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
let client: OpenAI;

beforeAll(async () => {
  host = await startHttpHost();
  client = new OpenAI({ apiKey: host.key, baseURL: `${host.url}/v1`, maxRetries: 0 });
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.requests.length = 0;
  host.llm.script = () => "Hm.";
});

const make = async (path: string, body: object): Promise<string> => {
  const made = await host.call("POST", path, body);
  expect(made.status).toBe(201);
  return made.body.id;
};
const agent = (name: string, more: object = {}): Promise<string> =>
  make("/v2/agents", { name, model_name: "m-1", ...more });
const toolNamed = (name: string) => ({
  type: "function" as const,
  function: { name, parameters: { type: "object", properties: { city: { type: "string" } } } },
});
const messages = [{ role: "user" as const, content: "What is the weather in Rome?" }];
const refusal = async (call: Promise<unknown>) => {
  const error = await call.catch((thrown: unknown) => thrown);
  if (!(error instanceof APIError)) throw new Error("It was not refused by the API.");
  return [error.status, error.param];
};
const asked = (id: string, names: readonly string[], stream = false) =>
  refusal(
    client.chat.completions.create({
      ...{ model: `agent:${id}`, messages, stream, tools: names.map(toolNamed) },
    }),
  );

test("a name that a tool of the agent has is refused at the request, also when it is streamed", async () => {
  const record = await make("/v2/tools", { name: "sum", type: "calculator" });
  const plain = await agent("Plain", { tools: [{ tool: "date_time" }] });
  const renamed = await agent("Renamed", { tools: [{ tool: "date_time", name: "clock" }] });
  const recorded = await agent("Recorded", { tools: [{ tool: record }] });
  const taken = [400, "tools[1].function.name"];

  expect(await asked(plain, ["weather", "date_time"])).toEqual(taken);
  expect(await asked(plain, ["weather", "date_time"], true)).toEqual(taken);
  expect(await asked(renamed, ["weather", "clock"])).toEqual(taken);
  expect(await asked(recorded, ["weather", "sum"])).toEqual(taken);
  const call = { model: `agent:${plain}`, input: "?", tools: [{ name: "date_time" }] };
  const tools = call.tools.map((one) => ({ type: "function" as const, ...one, strict: false }));
  const response = client.responses.create({ ...call, tools: tools as Json });
  expect(await refusal(response)).toEqual([400, "tools[0].name"]);
  const anthropic = new Anthropic({ apiKey: host.key, baseURL: host.url, maxRetries: 0 });
  const message = anthropic.messages.create({
    ...{ model: call.model, messages, max_tokens: 10 },
    tools: [{ name: "date_time", input_schema: { type: "object" } }],
  });
  await expect(message).rejects.toMatchObject({
    ...{ status: 400, error: { error: { details: { pointer: "/tools/0/name" } } } },
  });
  // None of them has begun a run, or is one of another name.
  expect(host.llm.requests).toEqual([]);
  await client.chat.completions.create({
    ...{ model: `agent:${renamed}`, messages, tools: [toolNamed("date_time")] },
  });
  expect(host.llm.requests[0]?.tools?.map(({ name }) => name)).toEqual(["clock", "date_time"]);
});

test("a name is also taken by a sub-agent that may answer, and not by one that does not", async () => {
  const id = await agent("Two");
  const sub = await make(`/v2/agents/${id}/sub-agents`, {
    ...{ name: "Count", description: "Counts.", tools: [{ tool: "calculator" }] },
  });

  expect(await asked(id, ["calculator"])).toEqual([400, "tools[0].function.name"]);
  await host.call("PATCH", `/v2/agents/${id}/sub-agents/${sub}`, { is_active: false });
  const { choices } = await client.chat.completions.create({
    ...{ model: `agent:${id}`, messages, tools: [toolNamed("calculator")] },
  });
  expect(choices[0]?.message.content).toBe("Hm.");
});

test("the tools of a canary are those that its runs are held against", async () => {
  const id = await agent("Old");
  const draft = await host.call("POST", `/v2/agents/${id}/versions`, {
    tools: [{ tool: "calculator" }],
  });
  const canary = { version: draft.body.version, share: 0.5 };
  expect((await host.call("PUT", `/v2/agents/${id}/canary`, canary)).status).toBe(200);

  const answers = Array.from({ length: 24 }, async () => {
    const call = client.chat.completions.create({
      ...{ model: `agent:${id}`, messages, tools: [toolNamed("calculator")] },
    });
    return await call.then(
      ({ choices }) => choices[0]?.message.content,
      (error: APIError) => error.param,
    );
  });

  const seen = new Set(await Promise.all(answers));
  expect([...seen].sort()).toEqual(["Hm.", "tools[0].function.name"]);
});

test("skills are read before a call of the caller's, and what they said is there with its result", async () => {
  const skill = await make("/v2/skills", skillBody("forecasts", {}, "Say it in verse."));
  const id = await agent("Skilled", { skills: [{ id: skill }] });
  host.llm.script = ({ request }) => {
    const said = request.messages.map(({ content }) => content).join(" ");
    if (said.includes("sunny")) return said.includes("in verse") ? "O sunny Rome." : "Sunny.";
    return said.includes("in verse")
      ? { calls: [{ name: "weather", arguments: { city: "Rome" } }] }
      : { calls: [{ name: "read_skill", arguments: { skill: "forecasts" } }] };
  };
  const tools = [toolNamed("weather")];

  const first = await client.chat.completions.create({ model: `agent:${id}`, messages, tools });
  const [choice] = first.choices;
  if (choice === undefined) throw new Error("There is no choice.");
  const result = {
    role: "tool" as const,
    tool_call_id: choice.message.tool_calls?.[0]?.id ?? "",
    content: "sunny",
  };
  const second = await client.chat.completions.create({
    ...{ model: `agent:${id}`, tools, messages: [...messages, choice.message, result] },
  });

  expect(choice.finish_reason).toBe("tool_calls");
  expect(second.choices[0]?.message.content).toBe("O sunny Rome.");
  expect(host.llm.requests.map((one) => one.tools?.map(({ name }) => name))).toEqual(
    Array.from({ length: 3 }, () => ["read_skill", "weather"]),
  );
  expect(await asked(id, ["read_skill"])).toEqual([400, "tools[0].function.name"]);
});

const desks = async (more: object = {}) => {
  const other = await agent("Forecaster", { system_message: "You forecast.", ...more });
  const tools = [{ tool: "handoff", name: "to_forecaster", config: { to: other } }];
  return { id: await agent("Front", { tools }), other };
};
const handing = (further: (request: Json) => Json) => {
  host.llm.script = ({ request }) =>
    request.tools?.some(({ name }) => name === "to_forecaster")
      ? { text: "One moment.", calls: [{ name: "to_forecaster", arguments: {} }] }
      : further(request);
};

test("who a turn is handed over to has the caller's tools, its messages and what it asks of the form", async () => {
  const { id } = await desks();
  handing((request) =>
    request.messages.some(({ role }: Json) => role === "tool")
      ? "It is sunny."
      : { calls: [{ name: "weather", arguments: { city: "Rome" } }] },
  );
  const history = [
    { role: "user" as const, content: "Hello, I am Ada." },
    { role: "assistant" as const, content: "Hello, Ada." },
    ...messages,
  ];
  const ask = { model: `agent:${id}`, tools: [toolNamed("weather")], temperature: 0.3 };

  const stream = client.chat.completions.stream({ ...ask, messages: history });
  const { choices } = await stream.finalChatCompletion();

  const [choice] = choices;
  if (choice === undefined) throw new Error("There is no choice.");
  const call = choice.message.tool_calls?.[0];
  expect([choice.finish_reason, call?.function.name]).toEqual(["tool_calls", "weather"]);
  const told = host.llm.requests.at(-1);
  expect(told?.tools?.map(({ name }) => name)).toEqual(["weather"]);
  expect(told?.temperature).toBe(0.3);
  expect(told?.messages.map(({ role, content }) => `${role}: ${content}`)).toMatchObject([
    expect.stringMatching(/^system: You forecast\..*handed this conversation over to you/s),
    ...["user: Hello, I am Ada.", "assistant: Hello, Ada.", `user: ${messages[0]?.content}`],
  ]);
  const result = { role: "tool" as const, tool_call_id: call?.id ?? "", content: "sunny" };
  const second = await client.chat.completions.create({
    ...{ ...ask, messages: [...history, choice.message, result] },
  });
  expect(second.choices[0]).toMatchObject({
    ...{ finish_reason: "stop", message: { content: "One moment.\n\nIt is sunny." } },
  });
});

test("an agent with a graph that a turn is handed over to refuses the caller's tools in words", async () => {
  const nodes = [
    { id: "say", type: "supervisor", output: true },
    { id: "end", type: "end" },
  ];
  const edges = [{ from: "say", to: "end" }];
  const { id, other } = await desks({ graph_definition: { nodes, edges } });
  handing(() => "Never.");

  const error = await client.chat.completions
    .create({ model: `agent:${id}`, messages, tools: [toolNamed("weather")] })
    .catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({
    ...{ status: 400, param: "tools" },
    message: expect.stringContaining(`Agent ${other} takes no tools`),
  });
});
