// Libraries that people build agents with, unchanged, over the Responses protocol of this server.

import { createOpenAI } from "@ai-sdk/openai";
import { HumanMessage } from "@langchain/core/messages";
import { tool as langchainTool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { Agent, OpenAIResponsesModel, run, setTracingDisabled, tool } from "@openai/agents";
import { tool as aiTool, generateText, jsonSchema, stepCountIs, streamText } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
let client: OpenAI;
let model = "";

beforeAll(async () => {
  setTracingDisabled(true);
  host = await startHttpHost();
  client = new OpenAI({ apiKey: host.key, baseURL: `${host.url}/v1`, maxRetries: 0 });
  const { body } = await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" });
  model = `agent:${body.id}`;
  // Asks for the weather, then says what it was told.
  host.llm.script = ({ request }) => {
    const last = request.messages.at(-1);
    if (last?.role === "tool") return `It is ${last.content} in Oslo.`;
    if (request.tools?.some(({ name }) => name === "get_weather") !== true) return "Hello, Ada.";
    return { calls: [{ name: "get_weather", arguments: { city: "Oslo" } }] };
  };
});
afterAll(() => host.stop());

const parameters = {
  type: "object" as const,
  properties: { city: { type: "string" as const } },
  required: ["city"],
  additionalProperties: false as const,
};
const sunny = async (): Promise<string> => "sunny";

const weatherAgent = (): Agent => {
  const get_weather = tool({
    ...{ name: "get_weather", description: "The weather of a place.", parameters, strict: true },
    execute: sunny,
  });
  const asked = new OpenAIResponsesModel(client as never, model);
  return new Agent({
    name: "Weather",
    instructions: "Be short.",
    model: asked,
    tools: [get_weather],
  });
};

test("@openai/agents runs an agent with a function tool", async () => {
  const result = await run(weatherAgent(), "How is the weather in Oslo?");

  expect(result.finalOutput).toBe("It is sunny in Oslo.");
});

test("@openai/agents streams, and goes on from a stored response", async () => {
  const streamed = await run(weatherAgent(), "How is the weather in Oslo?", { stream: true });
  let text = "";
  for await (const piece of streamed.toTextStream()) text += piece;
  await streamed.completed;

  const previousResponseId = streamed.lastResponseId ?? "";
  const second = await run(weatherAgent(), "And now?", { previousResponseId });
  expect(text).toBe("It is sunny in Oslo.");
  expect(streamed.finalOutput).toBe(text);
  expect(second.finalOutput).toBe("It is sunny in Oslo.");
  const asked = host.llm.requests.at(-1)?.messages ?? [];
  expect(asked.filter(({ role }) => role === "user").map(({ content }) => content)).toEqual([
    ...["How is the weather in Oslo?", "And now?"],
  ]);
});

const aiSdk = () => {
  const openai = createOpenAI({ apiKey: host.key, baseURL: `${host.url}/v1` });
  const get_weather = aiTool({
    description: "The weather of a place.",
    inputSchema: jsonSchema<{ city: string }>(parameters),
    execute: sunny,
  });
  return {
    ...{ model: openai.responses(model), tools: { get_weather }, stopWhen: stepCountIs(3) },
    prompt: "How is the weather in Oslo?",
  };
};

test("the AI SDK generates text with a tool", async () => {
  const { text, steps, totalUsage } = await generateText(aiSdk());

  expect(text).toBe("It is sunny in Oslo.");
  expect(steps[0]?.toolCalls).toMatchObject([{ toolName: "get_weather", input: { city: "Oslo" } }]);
  expect(totalUsage).toMatchObject({ inputTokens: 20, outputTokens: 10 });
});

test("the AI SDK streams text with a tool", async () => {
  const { textStream, finishReason } = streamText(aiSdk());
  let text = "";
  for await (const piece of textStream) text += piece;

  expect(text).toBe("It is sunny in Oslo.");
  expect(await finishReason).toBe("stop");
});

const langchain = (): ChatOpenAI =>
  new ChatOpenAI({
    ...{ model, apiKey: host.key, useResponsesApi: true, maxRetries: 0 },
    configuration: { baseURL: `${host.url}/v1` },
  });

test("LangChain asks, streams and calls a tool", async () => {
  const answer = await langchain().invoke([new HumanMessage("Hello")]);
  let streamed = "";
  for await (const chunk of await langchain().stream("Hello")) streamed += chunk.text;
  const get_weather = langchainTool(sunny, {
    ...{ name: "get_weather", description: "The weather of a place.", schema: parameters },
  });
  const called = await langchain().bindTools([get_weather]).invoke("Weather in Oslo?");

  expect(answer.text).toBe("Hello, Ada.");
  expect(streamed).toBe("Hello, Ada.");
  expect(called.tool_calls).toMatchObject([{ name: "get_weather", args: { city: "Oslo" } }]);
});
