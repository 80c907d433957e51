// Whose tokens are whose: what a call used goes to the model that agents name, and a sum keeps what each took.

import fc from "fast-check";
import { expect, test } from "vitest";
import { createPrices, operationPricesMicros } from "../../../actors/money/catalogue.ts";
import { addUsage, noUsage, partsOf, spentOn } from "../../../actors/money/spent.ts";
import type { Usage } from "../../../actors/ports.ts";

const prices = createPrices({
  ...{ unit: "USD", operations: operationPricesMicros, hasProviders: true },
  models: {
    cheap: { inputMicros: 1_000_000, outputMicros: 2_000_000 },
    "lab/cheap": { inputMicros: 9_000_000, outputMicros: 9_000_000 },
    dear: { inputMicros: 5_000_000, outputMicros: 10_000_000 },
  },
  defaultModel: "cheap",
  providers: ["openai", "lab"],
});
const usage: Usage = { promptTokens: 10, completionTokens: 5 };

test("a call is its model's, under the name that the agent has for it, whatever the provider calls it", () => {
  const answered = { provider: "openai", model: "something-else-entirely" };

  expect(spentOn(prices, "dear", usage, answered)).toMatchObject({
    model: "dear",
    spendMicros: 100,
  });
  expect(spentOn(prices, "openai/dear", usage, answered)).toMatchObject({ model: "dear" });
  expect(spentOn(prices, "", usage, answered)).toMatchObject({ model: "cheap", spendMicros: 20 });
  expect(spentOn(prices, "unheard/of", usage, answered)).toEqual({ ...usage, model: "unheard/of" });
});

test("what a provider has a price of its own for costs that, asked by its name or not", () => {
  const answered = { provider: "lab", model: "cheap" };

  expect(spentOn(prices, "cheap", usage, answered).spendMicros).toBe(135);
  expect(spentOn(prices, "lab/cheap", usage, answered).spendMicros).toBe(135);
});

test("of a chain the one that answered is charged, and the first of it where nobody did", () => {
  const chain = "dear, lab/cheap, cheap";
  const by = (provider: string, model: string) =>
    spentOn(prices, chain, usage, { provider, model }).model;

  expect(by("openai", "dear-2026-01-01")).toBe("dear");
  expect(by("lab", "cheap")).toBe("cheap");
  expect(spentOn(prices, chain, usage, { provider: "lab", model: "cheap" }).spendMicros).toBe(135);
  expect(spentOn(prices, chain, usage, null)).toMatchObject({ model: "dear", spendMicros: 100 });
});

test("the built-in answerer takes nothing, whatever was asked", () => {
  const answered = { provider: "builtin", model: "builtin" };

  expect(spentOn(prices, "dear", usage, answered)).toMatchObject({
    model: "builtin",
    spendMicros: 0,
  });
});

const parts = fc.record(
  {
    promptTokens: fc.nat(10_000),
    completionTokens: fc.nat(10_000),
    cachedTokens: fc.nat(500),
    reasoningTokens: fc.nat(500),
    spendMicros: fc.nat(100_000),
    model: fc.constantFrom(...Array.from({ length: 40 }, (_, at) => `m${at}`)),
    estimated: fc.boolean(),
  },
  { requiredKeys: ["promptTokens", "completionTokens"] },
) as fc.Arbitrary<Usage>;

const totals = (list: readonly Usage[]): readonly number[] =>
  (
    ["promptTokens", "completionTokens", "cachedTokens", "reasoningTokens", "spendMicros"] as const
  ).map((name) => list.reduce((sum, one) => sum + (one[name] ?? 0), 0));

test("what has no tokens but of one sort is a part as well", () => {
  const named: Usage = { ...noUsage, spendMicros: 1, model: "m0" };
  const whole = [named, { ...noUsage, spendMicros: 1 }, { ...noUsage, reasoningTokens: 1 }];

  expect(totals(partsOf(whole.reduce(addUsage, noUsage)))).toEqual([0, 0, 0, 1, 2]);
});

test("a run is the sum of its parts, in whatever order and however often they were summed before", () => {
  fc.assert(
    fc.property(fc.array(fc.array(parts, { maxLength: 12 }), { maxLength: 12 }), (groups) => {
      const sums = groups.map((group) => group.reduce(addUsage, noUsage));
      const whole = sums.reduce(addUsage, noUsage);
      const models = partsOf(whole).map(({ model }) => model);

      expect(totals([whole])).toEqual(totals(groups.flat()));
      expect(totals(partsOf(whole))).toEqual(totals([whole]));
      expect(new Set(models).size).toBe(models.length);
      expect(models.length).toBeLessThanOrEqual(33);
      expect(whole.estimated ?? false).toBe(groups.flat().some(({ estimated }) => estimated));
    }),
  );
});
