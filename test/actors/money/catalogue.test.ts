// What models and operations cost: which price fits a model's name, and what tokens come to.

import fc from "fast-check";
import { expect, test } from "vitest";
import { promptCost } from "../../../actors/money/bound.ts";
import {
  createPrices,
  defaultPrices,
  type ModelPrice,
  operationPricesMicros,
  spendMicros,
} from "../../../actors/money/catalogue.ts";

const mini: ModelPrice = {
  inputMicros: 250_000,
  outputMicros: 2_000_000,
  cachedInputMicros: 25_000,
};
const large: ModelPrice = { inputMicros: 1_250_000, outputMicros: 1_000_000 };
const base = { unit: "USD", operations: operationPricesMicros, hasProviders: true };
const prices = createPrices({
  ...base,
  models: { "gpt-5": large, "gpt-5-mini": mini, "lab/": { inputMicros: 7, outputMicros: 8 } },
  defaultModel: "gpt-5-mini",
});

test("a model costs what is said of its whole name, else of the longest beginning", () => {
  expect(prices.modelPrice("gpt-5")).toEqual(large);
  expect(prices.modelPrice("gpt-5-mini-2025-08-07")).toEqual(mini);
  expect(prices.modelPrice("openai/gpt-5-mini")).toEqual(mini);
  expect(prices.modelPrice("lab/llama3")).toEqual({ inputMicros: 7, outputMicros: 8 });
  expect(prices.modelPrice("llama3")).toBeNull();
});

test("an agent that names no model costs what the default model does", () => {
  expect(prices.modelPrice("")).toEqual(mini);
});

test("a chain costs the dearest of each column, whichever of it answers", () => {
  expect(prices.modelPrice("gpt-5-mini, gpt-5, unknown")).toEqual({
    inputMicros: 1_250_000,
    outputMicros: 2_000_000,
    cachedInputMicros: 1_250_000,
  });
  expect(prices.modelPrice("unknown, unheard")).toBeNull();
});

test("the built-in answerer is free, and without a provider it answers everything", () => {
  const free = { inputMicros: 0, outputMicros: 0 };

  expect(prices.modelPrice("builtin")).toEqual(free);
  expect(defaultPrices.modelPrice("gpt-5")).toEqual(free);
  expect(createPrices({ ...base, models: {}, defaultModel: null }).modelPrice("")).toEqual(free);
});

test("tokens that were read before cost their own price, and those that were thought cost as written ones", () => {
  const usage = {
    promptTokens: 1_000,
    completionTokens: 500,
    cachedTokens: 400,
    reasoningTokens: 300,
  };

  // 600 x 0.25 + 400 x 0.025 + 500 x 2
  expect(spendMicros(mini, usage)).toBe(1_160);
  // No price of their own: 1,000 x 1.25 + 500 x 1
  expect(spendMicros(large, usage)).toBe(1_750);
});

test("a part of a millionth is a whole one, and nothing is nothing", () => {
  expect(
    spendMicros({ inputMicros: 1, outputMicros: 0 }, { promptTokens: 1, completionTokens: 9 }),
  ).toBe(1);
  expect(spendMicros(mini, { promptTokens: 0, completionTokens: 0 })).toBe(0);
});

test("what a provider says wrongly makes no negative and no endless spend", () => {
  const cached = { promptTokens: 10, completionTokens: 0, cachedTokens: 1_000 };

  expect(spendMicros(mini, cached)).toBe(1);
  expect(spendMicros(mini, { promptTokens: -5, completionTokens: Number.NaN })).toBe(0);
  expect(spendMicros(mini, { promptTokens: Number.POSITIVE_INFINITY, completionTokens: 1 })).toBe(
    2,
  );
});

test("spend is the exact sum rounded up, whatever the tokens and prices", () => {
  const micros = fc.integer({ min: 0, max: 1_000_000_000_000 });
  const tokens = fc.integer({ min: 0, max: 100_000_000 });
  fc.assert(
    fc.property(
      micros,
      micros,
      micros,
      tokens,
      tokens,
      tokens,
      (input, output, cachedPrice, prompt, cached, completion) => {
        const price = { inputMicros: input, outputMicros: output, cachedInputMicros: cachedPrice };
        const usage = {
          promptTokens: prompt,
          completionTokens: completion,
          cachedTokens: Math.min(cached, prompt),
        };
        const spent = BigInt(spendMicros(price, usage)) * 1_000_000n;
        const exact =
          BigInt(prompt - usage.cachedTokens) * BigInt(input) +
          BigInt(usage.cachedTokens) * BigInt(cachedPrice) +
          BigInt(completion) * BigInt(output);

        expect(spent >= exact && spent - exact < 1_000_000n).toBe(true);
      },
    ),
  );
});

test("tokens that a provider keeps cost their own price, or what Anthropic takes by default", () => {
  const usage = {
    promptTokens: 1_000,
    completionTokens: 0,
    cachedTokens: 100,
    cacheWriteTokens: 400,
    cacheWriteLongTokens: 200,
  };
  const plain = { inputMicros: 1_000_000, outputMicros: 0 };
  // 300 as they are, 100 read again, 400 at 1.25 times, 200 at twice.
  expect(spendMicros(plain, usage)).toBe(300 + 100 + 500 + 400);
  const own = { ...plain, cacheWriteMicros: 3_000_000, cacheWriteLongMicros: 5_000_000 };
  expect(spendMicros(own, usage)).toBe(300 + 100 + 1_200 + 1_000);
  // Parts that are more than the whole are cut, the dearest last.
  expect(spendMicros(own, { ...usage, promptTokens: 250 })).toBe(100 + 5 * 150);
  // Where the operator gives a price of it, a reservation counts on it.
  expect(promptCost(plain, 10)).toBe(10);
  expect(promptCost(own, 10)).toBe(50);
});

test("a chain keeps the dearest price of what is kept, where one of it has any", () => {
  const own = { ...large, cacheWriteMicros: 9_000_000 };
  const two = createPrices({ ...base, models: { a: own, b: mini }, defaultModel: null });
  expect(two.modelPrice("a, b")).toMatchObject({
    cacheWriteMicros: 9_000_000,
    cacheWriteLongMicros: 2_500_000,
  });
});

test("a price is guessed where a name goes on behind a listed one as another model's may", () => {
  const models = { "gpt-5": large, "lab/": mini, "o1-": mini };
  const some = createPrices({ ...base, models, defaultModel: "gpt-5-pro" });
  const own = ["gpt-5", "openai/gpt-5", "gpt-5-2025-08-07", "gpt-5-latest", "gpt-5@20250807"];
  for (const name of [...own, "gpt-5-001", "lab/llama3", "o1-preview", "builtin", "unheard"]) {
    expect(some.guessedFrom(name), name).toBeNull();
  }
  for (const name of ["gpt-5-pro", "openai/gpt-5-pro", "gpt-5.1", "gpt-5-32k", "gpt-50", ""]) {
    expect(some.guessedFrom(name), name).toBe("gpt-5");
  }
  const taking = createPrices({ ...base, models, defaultModel: null, variants: "take" });
  expect(taking.guessedFrom("gpt-5-pro")).toBeNull();
  expect(defaultPrices.guessedFrom("gpt-5-pro")).toBeNull();
});
