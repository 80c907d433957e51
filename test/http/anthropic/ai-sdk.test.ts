// Vercel's AI SDK with its provider for Anthropic, unchanged, pointed at this server.

import { type AnthropicProvider, createAnthropic } from "@ai-sdk/anthropic";
import { generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
let provider: AnthropicProvider;
let model = "";
const answer = "You can export from Settings.";

beforeAll(async () => {
  host = await startHttpHost();
  provider = createAnthropic({ apiKey: host.key, baseURL: `${host.url}/v1` });
  const { body } = await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" });
  model = `agent:${body.id}`;
});
afterAll(() => host.stop());
beforeEach(() => {
  host.llm.script = () => answer;
});

const weather = tool({
  description: "The weather of a city.",
  inputSchema: jsonSchema<{ city: string }>({
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
  }),
  execute: ({ city }) => `sunny in ${city}`,
});
const askWeather = () => {
  host.llm.script = ({ request }) =>
    request.messages.some(({ role }) => role === "tool")
      ? "It is sunny."
      : { calls: [{ name: "weather", arguments: { city: "Rome" } }] };
  const stopWhen = stepCountIs(3);
  return { model: provider(model), prompt: "Weather?", tools: { weather }, stopWhen };
};

test("generateText gives the text, why it ended, and the usage", async () => {
  const { text, finishReason, usage } = await generateText({
    model: provider(model),
    system: "Be short.",
    prompt: "How do I export?",
  });

  expect([text, finishReason]).toEqual([answer, "stop"]);
  expect(usage).toMatchObject({ inputTokens: 10, outputTokens: 5 });
});

test("streamText gives it piece by piece", async () => {
  host.llm.script = ({ write }) => {
    write("You can ");
    return answer;
  };
  const result = streamText({ model: provider(model), prompt: "How do I export?" });
  let text = "";
  for await (const piece of result.textStream) text += piece;

  expect(text).toBe(answer);
  expect(await result.finishReason).toBe("stop");
  expect(await result.usage).toMatchObject({ inputTokens: 10, outputTokens: 5 });
});

test("its tools are called and their results answered, streamed or not", async () => {
  const whole = await generateText(askWeather());
  const streamed = streamText(askWeather());
  await streamed.consumeStream();

  for (const steps of [whole.steps, await streamed.steps]) {
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(["tool-calls", "stop"]);
    expect(steps[0]?.toolResults).toMatchObject([
      { toolName: "weather", input: { city: "Rome" }, output: "sunny in Rome" },
    ]);
    expect(steps[1]?.text).toBe("It is sunny.");
  }
});

test("generateObject gives an object that fits", async () => {
  host.llm.script = ({ request }) =>
    request.toolChoice === undefined
      ? '{"n":7}'
      : { calls: [{ name: "json", arguments: { n: 7 } }] };
  const schema = jsonSchema<{ n: number }>({
    type: "object",
    properties: { n: { type: "integer" } },
    required: ["n"],
    additionalProperties: false,
  });

  const { object } = await generateObject({ model: provider(model), schema, prompt: "Seven?" });

  expect(object).toEqual({ n: 7 });
});

test("a run that waits for a person is an error that names the approval, and is not begun again", async () => {
  const sum = { name: "sum", type: "calculator", requires_confirmation: true };
  const record = await host.call("POST", "/v2/tools", sum);
  const tools = [{ tool: record.body.id }];
  const made = await host.call("POST", "/v2/agents", { name: "Careful", model_name: "m-1", tools });
  host.llm.script = ({ request }) =>
    request.messages.some(({ role }) => role === "tool")
      ? "42"
      : { calls: [{ name: "sum", arguments: { expression: "6*7" } }] };

  const asking = generateText({ model: provider(`agent:${made.body.id}`), prompt: "6*7?" });
  const error = await asking.catch((thrown: unknown) => thrown);

  const pending = (await host.call("GET", "/v2/approvals?status=pending")).body.data;
  expect(pending).toHaveLength(1);
  const [{ id, run_id: run }] = pending;
  expect(error).toMatchObject({
    statusCode: 400,
    message: expect.stringContaining(`/v2/approvals/${id}/decide`),
    responseHeaders: { location: `/v2/runs/${run}`, "x-should-retry": "false" },
  });
  await host.call("POST", `/v2/approvals/${id}/decide`, { decision: "approve" });
  const read = async () => (await host.call("GET", `/v2/runs/${run}`)).body.result?.response;
  await expect.poll(read, { timeout: 10_000 }).toBe("42");
});
