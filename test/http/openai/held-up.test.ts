// A run that waits for a person, asked by the clients that people use, with the retries that they have by
// default: each asks once, since another request would be another run.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { ChatOpenAI } from "@langchain/openai";
import { Agent, OpenAIResponsesModel, run, setTracingDisabled } from "@openai/agents";
import { generateText } from "ai";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
let model = "";

beforeAll(async () => {
  setTracingDisabled(true);
  host = await startHttpHost();
  const sum = { name: "sum", type: "calculator", requires_confirmation: true };
  const tools = [{ tool: (await host.call("POST", "/v2/tools", sum)).body.id }];
  const record = { name: "Careful", model_name: "m-1", tools };
  model = `agent:${(await host.call("POST", "/v2/agents", record)).body.id}`;
  host.llm.script = ({ request }) =>
    request.messages.some(({ role }) => role === "tool")
      ? "42"
      : { calls: [{ name: "sum", arguments: { expression: "6*7" } }] };
});
afterAll(() => host.stop());
afterEach(async () => {
  for (const { id } of await pending()) {
    await host.call("POST", `/v2/approvals/${id}/decide`, { decision: "reject", note: "Done." });
  }
  host.llm.requests.length = 0;
});

const pending = async () => (await host.call("GET", "/v2/approvals?status=pending")).body.data;
const prompt = "6*7?";
const messages = [{ role: "user" as const, content: prompt }];
const at = () => ({ apiKey: host.key, baseURL: `${host.url}/v1` });
const langchain = (useResponsesApi: boolean) => {
  const { apiKey, baseURL } = at();
  return new ChatOpenAI({ model, apiKey, useResponsesApi, configuration: { baseURL } });
};

/** Each asks the agent once, if it is one that does not try again. */
const clients: Readonly<Record<string, () => Promise<unknown>>> = {
  "openai, chat": () => new OpenAI(at()).chat.completions.create({ model, messages }),
  "openai, responses": () => new OpenAI(at()).responses.create({ model, input: prompt }),
  "AI SDK, chat": () => generateText({ model: createOpenAI(at()).chat(model), prompt }),
  "AI SDK, responses": () => generateText({ model: createOpenAI(at()).responses(model), prompt }),
  "AI SDK, messages": () => generateText({ model: createAnthropic(at())(model), prompt }),
  "LangChain, chat": () => langchain(false).invoke(prompt),
  "LangChain, responses": () => langchain(true).invoke(prompt),
  "@openai/agents": () => {
    const asked = new OpenAIResponsesModel(new OpenAI(at()) as never, model);
    return run(new Agent({ name: "Asking", model: asked }), prompt);
  },
  "@anthropic-ai/sdk": () =>
    new Anthropic({ apiKey: host.key, baseURL: host.url }).messages.create({
      ...{ model, messages, max_tokens: 100 },
    }),
};

test.each(Object.entries(clients))("%s is told which approval, and asks once", async (_, ask) => {
  const told = await ask().then(String, String);

  const open = await pending();
  expect(open).toHaveLength(1);
  expect(told).toContain(`/v2/approvals/${open[0].id}/decide`);
  // Those with a result are of runs that went on.
  const begun = host.llm.requests.filter(({ messages }) => messages.at(-1)?.role === "user");
  expect(begun).toHaveLength(1);
});
