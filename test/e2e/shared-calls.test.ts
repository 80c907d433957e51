// Equal calls of conversations on different workers, through the real door and threads: one call of the
// provider answers all of them, live, and a kept answer is given again.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHAT, chunksOf, contentOf, type Product, startProduct } from "../support/product.ts";

const START_MS = 60_000;
const config = (workers: number): string => `
workers: ${workers}
answers:
  coalesce: on
  cache_ms: 60000
`;

describe.each([3, 0])("with %i workers", (workers) => {
  let product: Product;
  let agent = "";
  beforeAll(async () => {
    product = await startProduct({ config: config(workers) });
    const input = { name: "Desk", model_name: "gpt-4o-mini", temperature: 0 };
    agent = (await product.call("POST", "/v2/agents", input)).body.id;
  }, START_MS);
  afterAll(() => product.end());

  test("chats with the same question at the same time are one call of the provider", async () => {
    const text = "One answer for all of you.";
    product.provider.when("same question", { text, firstTokenMs: 600, tokenMs: 20 });
    const body = { agent_key: agent, message: "same question", stream: true };

    const chats = await Promise.all(
      Array.from({ length: 8 }, async () => (await product.events("POST", CHAT, body)).rest()),
    );
    const calls = product.provider.count("same question");
    const again = await product.call("POST", CHAT, { ...body, stream: false });

    expect(chats.map(contentOf)).toEqual(Array.from({ length: 8 }, () => text));
    expect(calls).toBe(1);
    const tokens = chats.map(
      (events) => chunksOf(events).find((chunk) => chunk.usage)?.usage.completion_tokens,
    );
    expect(tokens.filter((count) => count > 0)).toHaveLength(1);
    expect(again.body.data.response).toBe(text);
    expect(product.provider.count("same question")).toBe(1);
    const metrics = await (await fetch(`${product.url}/metrics`)).text();
    expect(metrics).toMatch(/^troupe_model_answers_reused_total\{how="followed"\} 7$/m);
    expect(metrics).toMatch(/^troupe_model_answers_reused_total\{how="cached"\} 1$/m);
  }, 180_000);
});
