// The settings of prices, and the catalogue they make together with those of models: part of
// config-schema.ts.

import {
  type CallPrice,
  type ModelPrice,
  operationPricesMicros,
  type PricedOperation,
  type PriceList,
} from "../actors/money/catalogue.ts";
import {
  choice,
  type Fields,
  type IntegerField,
  integer,
  type ValueOf,
  type ValuesOf,
} from "./config-field.ts";
import type { knownModelFields } from "./config-providers.ts";

const PRICE_MAX = 1_000_000_000_000;

const priceOf = (operation: PricedOperation, text: string): IntegerField =>
  integer(text, "millionths", [operationPricesMicros[operation], 0, PRICE_MAX]);

const operationFields = {
  createAgent: priceOf("createAgent", "Creating an agent."),
  updateAgent: priceOf("updateAgent", "Changing an agent, or its draft or version in use."),
  updateGraph: priceOf("updateGraph", "Changing the graph of an agent."),
  createSubAgent: priceOf("createSubAgent", "Adding a sub-agent."),
  updateSubAgent: priceOf("updateSubAgent", "Changing a sub-agent."),
  chat: priceOf("chat", "A message that is answered, and a run."),
  memoryExtract: priceOf("memoryExtract", "Looking for facts to remember after a turn."),
  evaluationJudge: priceOf("evaluationJudge", "A grade of a model in an evaluation."),
} as const satisfies Record<PricedOperation, IntegerField>;

/** What tenants pay for operations. A changed price counts for what is accepted after the start. */
export const pricesGroup = {
  type: "group",
  text: "What tenants pay. What models cost is said in `known_models`.",
  fields: {
    unit: {
      type: "text",
      text: "Name of the unit that accounts are kept in, e.g. USD.",
      default: "credits",
      charsMax: 32,
      pattern: /^[\p{L}\p{N}\p{Sc} ._-]+$/u,
      expected: "letters, digits, a sign of a currency, spaces, `.`, `_` and `-`",
    },
    variants: choice(
      "Under a budget, the price of `gpt-5` for `gpt-5-pro`: refused as unknown, or taken. Dates, numbers and `latest` behind a name, and names that end in `-`, `/` or `:`, are always taken.",
      ["refuse", "take"],
      "refuse",
    ),
    services: {
      type: "group",
      text: "Prices of operations, in millionths of the unit; 0: free.",
      fields: operationFields,
    },
  },
} as const satisfies Fields[string];

type KnownModel = ValuesOf<typeof knownModelFields>;

/** What the catalogue is made of. */
export interface PriceSettings {
  readonly prices: ValueOf<typeof pricesGroup>;
  readonly knownModels: readonly KnownModel[];
  readonly defaultModel: string | null;
  readonly providers: readonly { readonly name: string }[];
}

/** Prices of models by name or beginning; those without are not among them. */
export function modelPricesOf(
  knownModels: readonly KnownModel[],
): Readonly<Record<string, ModelPrice>> {
  return Object.fromEntries(
    knownModels.flatMap(({ name, inputMicros, outputMicros, ...of }) => {
      if (inputMicros < 0 || outputMicros < 0) return [];
      const { cachedInputMicros, cacheWriteMicros, cacheWriteLongMicros } = of;
      const price: ModelPrice = {
        ...{ inputMicros, outputMicros },
        ...(cachedInputMicros >= 0 && { cachedInputMicros }),
        ...(cacheWriteMicros >= 0 && { cacheWriteMicros }),
        ...(cacheWriteLongMicros >= 0 && { cacheWriteLongMicros }),
      };
      return [[name, price]];
    }),
  );
}

/** Prices of embedders and re-rankers by name or beginning: what is not read, or not searched, is free. */
export function callPricesOf(
  knownModels: readonly KnownModel[],
): Readonly<Record<string, CallPrice>> {
  return Object.fromEntries(
    knownModels.flatMap(({ name, inputMicros, searchMicros }) => {
      if (inputMicros < 0 && searchMicros < 0) return [];
      const price: CallPrice = {
        inputMicros: Math.max(0, inputMicros),
        searchMicros: Math.max(0, searchMicros),
      };
      return [[name, price]];
    }),
  );
}

/** The catalogue of the configuration. */
export function priceListOf(settings: PriceSettings): PriceList {
  const { prices, knownModels, defaultModel, providers } = settings;
  return {
    unit: prices.unit,
    operations: prices.services,
    variants: prices.variants,
    models: modelPricesOf(knownModels),
    calls: callPricesOf(knownModels),
    defaultModel,
    hasProviders: providers.length > 0,
    providers: providers.map(({ name }) => name),
  };
}
