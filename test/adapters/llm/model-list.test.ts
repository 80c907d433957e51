// The list of models: what providers list over their real wires, what is configured, and what is missing.

import { afterAll, beforeEach, expect, test } from "vitest";
import { figureOf } from "../../../actors/model-chain.ts";
import type { LlmConfig } from "../../../adapters/llm/config.ts";
import { createModelList } from "../../../adapters/llm/model-list.ts";
import { createFakeProvider } from "../../support/fake-provider.ts";

const fake = await createFakeProvider();
beforeEach(() => fake.reset());
afterAll(() => fake.close());

const config: LlmConfig = {
  providers: [
    { name: "one", kind: "openai", baseUrl: fake.openaiUrl, apiKey: "k" },
    { name: "two", kind: "anthropic", baseUrl: fake.anthropicUrl, apiKey: "k" },
    { name: "gone", kind: "openai", baseUrl: "http://127.0.0.1:1/v1", apiKey: "k" },
  ],
  windows: { "one/": 9_000 },
  prices: { "gone/": { inputMicros: 1, outputMicros: 2 } },
};

test("both protocols are asked, and a provider that is away is named without its models", async () => {
  const { models, missing } = await createModelList(config, ["gone/own, nobody"])();

  const providers = new Set(models.map(({ provider }) => provider));
  expect(providers).toEqual(new Set(["one", "two", "gone", "builtin"]));
  expect(models.filter(({ provider }) => provider === "gone")).toEqual([
    {
      id: "gone/own",
      provider: "gone",
      windowTokens: 128_000,
      price: { inputMicros: 1, outputMicros: 2 },
    },
  ]);
  expect(models.find(({ provider }) => provider === "one")?.windowTokens).toBe(9_000);
  expect(missing).toMatchObject([{ provider: "gone", error: { code: "PROVIDER_UNAVAILABLE" } }]);
});

test("what was listed is asked for again after five minutes, what failed after ten seconds", async () => {
  const clock = { ms: 0 };
  const asked: string[] = [];
  const egress = {
    request: (request: { readonly url: string }) => {
      asked.push(new URL(request.url).pathname);
      const text = () => Promise.resolve('{"data":[{"id":"a"},{"id":7},null]}');
      const status = request.url.includes("127.0.0.1:1/") ? 500 : 200;
      return Promise.resolve({
        ...{ status, headers: {}, text },
        ...{ read: () => Promise.resolve(), discard: () => undefined },
      });
    },
    check: () => undefined,
    close: () => undefined,
  };
  const list = createModelList(config, [], { egress, nowMs: () => clock.ms });
  const countAt = async (ms: number): Promise<number> => {
    clock.ms = ms;
    await Promise.all([list(), list()]);
    return asked.length;
  };

  expect([await countAt(0), await countAt(9_999), await countAt(10_001)]).toEqual([3, 3, 4]);
  expect(await countAt(300_001)).toBe(7);
  expect(asked.slice(0, 3)).toEqual(["/v1/models", "/v1/models", "/v1/models"]);
});

test("the longest beginning counts, with the provider's name or without", () => {
  const figures = { gpt: 1, "gpt-5": 2, "lab/": 3, "lab/gpt-5-mini": 4 };

  expect(figureOf(figures, "gpt-4")).toBe(1);
  expect(figureOf(figures, "openai/gpt-5")).toBe(2);
  expect(figureOf(figures, "lab/gpt-5-mini-2")).toBe(4);
  expect(figureOf(figures, "claude")).toBeUndefined();
});
