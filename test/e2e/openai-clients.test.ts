// Clients of OpenAI's chat completions as people have them, unchanged: LangChain.js and the Vercel AI SDK
// with tools, forms and streams, and the official SDK's own loop. On the other side a provider's wire.

import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { HumanMessage, type ToolMessage } from "@langchain/core/messages";
import { tool as langchainTool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { ProviderCall } from "../support/fake-provider-call.ts";
import { type Product, startProduct } from "../support/product.ts";

let openaiSide: Product;
let anthropicSide: Product;
const models = new Map<Product, string>();

beforeAll(async () => {
  [openaiSide, anthropicSide] = await Promise.all([
    startProduct(),
    startProduct({ wire: "anthropic" }),
  ]);
  for (const [product, model_name] of [
    [openaiSide, "gpt-4o-mini"],
    [anthropicSide, "claude-haiku-4-5"],
  ] as const) {
    const desk = { name: "Desk", model_name, tools: [{ tool: "calculator" }] };
    const { body } = await product.call("POST", "/v2/agents", desk);
    models.set(product, `agent:${body.id}`);
  }
});
afterAll(() => Promise.all([openaiSide, anthropicSide].map((product) => product.end())));

const of = (product: Product) => ({
  ...{ model: models.get(product) ?? "", apiKey: product.adminKey, baseURL: `${product.url}/v1` },
});
const city = z.object({ city: z.string() });
const isTold = ({ body }: ProviderCall): boolean =>
  /"role":"tool"|"tool_result"/.test(JSON.stringify(body["messages"]));

beforeEach(() => {
  for (const { provider } of [openaiSide, anthropicSide]) {
    provider.reset();
    provider.when((call) => !isTold(call) && call.tools.some(({ name }) => name === "weather"), {
      ...{ text: "Let me look.", tools: [{ name: "weather", arguments: { city: "Rome" } }] },
    });
    provider.otherwise({ text: "It is sunny in Rome." });
  }
});

test("the official SDK runs tools to the end, whichever wire the provider speaks", async () => {
  for (const product of [openaiSide, anthropicSide]) {
    const { model, apiKey, baseURL } = of(product);
    const client = new OpenAI({ apiKey, baseURL, maxRetries: 0 });
    const heard: unknown[] = [];
    const runner = client.chat.completions.runTools({
      ...{ model, stream: true },
      messages: [{ role: "user", content: "What is the weather in Rome?" }],
      tools: [
        {
          type: "function",
          function: {
            ...{ name: "weather", description: "Of a city.", parse: JSON.parse },
            parameters: { type: "object", properties: { city: { type: "string" } } },
            function: (given: unknown) => {
              heard.push(given);
              return "sunny";
            },
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe("It is sunny in Rome.");
    expect(heard).toEqual([{ city: "Rome" }]);
    const told = product.provider.calls().filter(isTold);
    expect(told).toHaveLength(1);
    expect(told[0]?.tools.map(({ name }) => name)).toEqual(["calculator", "weather"]);
    expect(told[0]?.prompt).toContain("sunny");
  }
});

test("LangChain.js binds tools, sends their results, and streams calls in pieces that add up", async () => {
  const { model, apiKey, baseURL } = of(openaiSide);
  const chat = new ChatOpenAI({ model, apiKey, configuration: { baseURL }, maxRetries: 0 });
  const weather = langchainTool(async ({ city: where }) => `sunny in ${where}`, {
    ...{ name: "weather", description: "Of a city.", schema: city },
  });
  const bound = chat.bindTools([weather]);
  const asked = new HumanMessage("What is the weather in Rome?");
  const first = await bound.invoke([asked]);
  expect(first.text).toBe("Let me look.");
  expect(first.tool_calls).toMatchObject([{ name: "weather", args: { city: "Rome" } }]);
  const [call] = first.tool_calls ?? [];
  if (call === undefined) throw new Error("There is no call.");
  const result = await weather.invoke({ ...call, type: "tool_call" });
  const last = await bound.invoke([asked, first, result as ToolMessage]);
  expect(last.text).toBe("It is sunny in Rome.");
  expect(last.usage_metadata).toMatchObject({ total_tokens: expect.any(Number) });

  let whole: Awaited<ReturnType<typeof bound.invoke>> | undefined;
  for await (const piece of await bound.stream([asked])) {
    whole = whole === undefined ? piece : whole.concat(piece);
  }
  expect(whole?.tool_calls).toMatchObject([{ name: "weather", args: { city: "Rome" } }]);
});

test("LangChain.js gets structured output, by a form and by a tool", async () => {
  const { model, apiKey, baseURL } = of(openaiSide);
  const chat = new ChatOpenAI({ model, apiKey, configuration: { baseURL }, maxRetries: 0 });
  openaiSide.provider.reset();
  openaiSide.provider.when((call) => call.schema !== undefined, { json: { city: "Rome" } });
  for (const method of ["jsonSchema", "functionCalling"] as const) {
    const structured = chat.withStructuredOutput(city, { name: "place", method });
    openaiSide.provider.when((call) => call.forcedTool === "place", {
      tools: [{ name: "place", arguments: { city: "Rome" } }],
    });
    expect(await structured.invoke("Where?")).toEqual({ city: "Rome" });
  }
});

test("the AI SDK runs tools over several steps, whole and streamed", async () => {
  const { model, apiKey, baseURL } = of(openaiSide);
  const openai = createOpenAI({ apiKey, baseURL });
  const heard: unknown[] = [];
  const weather = tool({
    description: "Of a city.",
    inputSchema: city,
    execute: async (given) => {
      heard.push(given);
      return "sunny";
    },
  });
  const asked = {
    model: openai.chat(model),
    tools: { weather },
    prompt: "What is the weather in Rome?",
    stopWhen: stepCountIs(3),
    maxRetries: 0,
  };
  const whole = await generateText(asked);
  expect(whole.text).toBe("It is sunny in Rome.");
  expect(whole.steps.map(({ finishReason }) => finishReason)).toEqual(["tool-calls", "stop"]);
  const streamed = streamText(asked);
  let text = "";
  for await (const piece of streamed.textStream) text += piece;
  expect(text).toBe("Let me look.It is sunny in Rome.");
  expect(heard).toEqual([{ city: "Rome" }, { city: "Rome" }]);
  expect((await streamed.totalUsage).totalTokens).toBeGreaterThan(0);
});

test("the AI SDK makes objects that fit their schema", async () => {
  const { model, apiKey, baseURL } = of(openaiSide);
  const openai = createOpenAI({ apiKey, baseURL });
  openaiSide.provider.reset();
  openaiSide.provider.when((call) => call.schema !== undefined, { json: { city: "Rome" } });
  const { object } = await generateObject({
    ...{ model: openai.chat(model), schema: city, prompt: "Where?", maxRetries: 0 },
  });
  expect(object).toEqual({ city: "Rome" });
});

test("what the provider had read before, and what its model thought, is told in each protocol", async () => {
  const usage = { promptTokens: 100, completionTokens: 30, cachedTokens: 64, reasoningTokens: 20 };
  for (const product of [openaiSide, anthropicSide]) {
    // Anthropic's wire does not say how much of the answer was thought.
    const thought = product === openaiSide ? 20 : 0;
    product.provider.reset();
    product.provider.otherwise({ text: "It is sunny.", usage });
    const { model, apiKey, baseURL } = of(product);
    const client = new OpenAI({ apiKey, baseURL, maxRetries: 0 });
    const messages = [{ role: "user" as const, content: "Weather?" }];

    const chat = await client.chat.completions.create({ model, messages });
    const response = await client.responses.create({ model, input: "Weather?" });
    const anthropic = new Anthropic({ apiKey, baseURL: product.url, maxRetries: 0 });
    const message = await anthropic.messages.create({ model, messages, max_tokens: 50 });
    const provider = createOpenAI({ apiKey, baseURL });
    const streamed = streamText({ model: provider.responses(model), prompt: "Weather?" });
    await streamed.consumeStream();

    expect(chat.usage).toMatchObject({ prompt_tokens: 100, completion_tokens: 30 });
    expect(chat.usage?.prompt_tokens_details).toEqual({ cached_tokens: 64 });
    expect(chat.usage?.completion_tokens_details?.reasoning_tokens ?? 0).toBe(thought);
    expect(response.usage).toEqual({
      ...{ input_tokens: 100, output_tokens: 30, total_tokens: 130 },
      input_tokens_details: { cached_tokens: 64 },
      output_tokens_details: { reasoning_tokens: thought },
    });
    expect(message.usage).toMatchObject({
      ...{ input_tokens: 36, cache_read_input_tokens: 64, output_tokens: 30 },
    });
    const { inputTokenDetails, outputTokenDetails } = await streamed.usage;
    expect(inputTokenDetails.cacheReadTokens).toBe(64);
    expect(outputTokenDetails.reasoningTokens).toBe(thought);
  }
});
