// Anthropic's SDK against the started product, whose model is reached by either protocol.

import Anthropic from "@anthropic-ai/sdk";
import { expect, onTestFinished, test } from "vitest";
import { startProduct } from "../support/product.ts";

test.each([
  { wire: "openai", model_name: "gpt-4o-mini" },
  { wire: "anthropic", model_name: "claude-sonnet-5" },
] as const)(
  "a message stops at a sequence of its caller and says at which, by $wire",
  async ({ wire, model_name }) => {
    const product = await startProduct({ wire });
    onTestFinished(() => product.end());
    product.provider.otherwise({ text: "One, two STOP three." });
    const { body } = await product.call("POST", "/v2/agents", { name: "Desk", model_name });
    const client = new Anthropic({ apiKey: product.adminKey, baseURL: product.url, maxRetries: 0 });
    const asked = {
      ...{ model: `agent:${body.id}`, max_tokens: 50, stop_sequences: ["END", "STOP"] },
      messages: [{ role: "user" as const, content: "Count." }],
    };

    const whole = await client.messages.create(asked);
    const streamed = await client.messages.stream(asked).finalMessage();
    product.provider.otherwise({ text: "One, two." });
    const own = await client.messages.create({ ...asked, max_tokens: 60 });

    for (const message of [whole, streamed]) {
      expect(message).toMatchObject({
        content: [{ type: "text", text: "One, two " }],
        ...{ stop_reason: "stop_sequence", stop_sequence: "STOP" },
      });
    }
    expect(own).toMatchObject({ stop_reason: "end_turn", stop_sequence: null });
  },
);

test("top_k reaches a model of Anthropic's protocol, and is refused where there is no such setting", async () => {
  const product = await startProduct({ wire: "anthropic" });
  onTestFinished(() => product.end());
  const openai = await startProduct();
  onTestFinished(() => openai.end());
  const ask = async (of: typeof product, model_name: string, more = {}) => {
    const { body } = await of.call("POST", "/v2/agents", { name: "Desk", model_name, ...more });
    const client = new Anthropic({ apiKey: of.adminKey, baseURL: of.url, maxRetries: 0 });
    return await client.messages.create({
      ...{ model: `agent:${body.id}`, max_tokens: 50, top_k: 40 },
      messages: [{ role: "user", content: "Count." }],
    });
  };
  const refused = (model: string) => ({
    status: 400,
    error: { error: { message: expect.stringContaining(model), details: { pointer: "/top_k" } } },
  });
  product.provider.otherwise({ text: "One." });

  await ask(product, "claude-sonnet-5");
  expect(product.provider.calls().at(-1)?.body["top_k"]).toBe(40);
  await expect(ask(openai, "gpt-4o-mini")).rejects.toMatchObject(refused("gpt-4o-mini"));
  await expect(ask(product, "builtin")).rejects.toMatchObject(refused("builtin"));
  expect(openai.provider.calls()).toEqual([]);
  const nodes = [
    { id: "say", type: "supervisor", output: true },
    { id: "end", type: "end" },
  ];
  const graph_definition = { nodes, edges: [{ from: "say", to: "end" }] };
  const graph = ask(product, "claude-sonnet-5", { graph_definition });
  await expect(graph).rejects.toMatchObject(refused("takes no top_k"));
});
