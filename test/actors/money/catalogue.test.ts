// What models and operations cost: which price fits a model's name, and what tokens come to.

import fc from "fast-check";
import { expect, test } from "vitest";
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
