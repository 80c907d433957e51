// What things cost: operations by service, models by what they read and write. Pure; made once of the
// configuration for every thread, so that what a call costs is decided where it is accepted.

import { figureOf, modelsOfChain } from "../model-chain.ts";

/** Of a million tokens, in millionths of the account's unit. */
export interface ModelPrice {
  readonly inputMicros: number;
  readonly outputMicros: number;
  /** Of what the provider had read before. Default: as other input. */
  readonly cachedInputMicros?: number;
  /** Of what it keeps to be read again, for minutes. Default: 1.25 times other input, as Anthropic has it. */
  readonly cacheWriteMicros?: number;
  /** For an hour or longer. Default: twice other input. */
  readonly cacheWriteLongMicros?: number;
}

/** What calls cost that give no words: vectors, and the order of passages. Millionths of the account's unit. */
export interface CallPrice {
  /** Of a million tokens. */
  readonly inputMicros: number;
  /** Of a search of a re-ranker that counts those. */
  readonly searchMicros: number;
}

/** Tokens of a call: `Usage`, as far as a price asks. */
interface Tokens {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens?: number;
  readonly cacheWriteTokens?: number;
  readonly cacheWriteLongTokens?: number;
}

/** What of a model's name may follow a listed one that means the same model: a date, a number, `latest`. */
const SAME_MODEL = /^[-@:](latest|\d{3,8}|\d{4}-\d{2}-\d{2}|v\d+(:\d+)?)$/;
/** A listed name that ends so is meant as a beginning. */
const IS_BEGINNING = /[-/:@_.]$/;

/** Operations that cost something by default, or may. What is not listed is free. */
export type PricedOperation =
  | "createAgent"
  | "updateAgent"
  | "updateGraph"
  | "createSubAgent"
  | "updateSubAgent"
  | "chat"
  | "memoryExtract"
  | "evaluationJudge";

/** Of one operation each, in millionths of the account's unit. */
export type OperationPrices = Readonly<Record<PricedOperation, number>>;

/** Those of document 001, and of what it does not name. */
export const operationPricesMicros: OperationPrices = {
  createAgent: 1_000_000,
  updateAgent: 500_000,
  updateGraph: 500_000,
  createSubAgent: 500_000,
  updateSubAgent: 500_000,
  chat: 1_000,
  /** Finding facts to remember after a turn, by a call of a model. */
  memoryExtract: 1_000,
  /** A model that grades an answer of an evaluation, all its attempts together. */
  evaluationJudge: 1_000,
};

/** What a catalogue is made of, as plain data that crosses threads. */
export interface PriceList {
  /** Name of the account's unit, e.g. "credits" or "USD". */
  readonly unit: string;
  readonly operations: OperationPrices;
  /** By model name or its beginning, with the provider's name or without. */
  readonly models: Readonly<Record<string, ModelPrice>>;
  /** Of embedders and re-rankers, by the same names. Default: none is known. */
  readonly calls?: Readonly<Record<string, CallPrice>>;
  /** What an agent that names no model is answered by; null: the built-in answerer. */
  readonly defaultModel: string | null;
  /** False: the built-in answerer answers everything. */
  readonly hasProviders: boolean;
  /** Names of providers, which may stand before a model's. Default: none. */
  readonly providers?: readonly string[];
  /** Whether the price of `gpt-5` is taken for `gpt-5-pro` under a budget. Default: it is refused. */
  readonly variants?: "refuse" | "take";
}

/** The catalogue: the port `prices`, and what the front door charges by. */
export interface Prices {
  readonly unit: string;
  readonly operations: OperationPrices;
  /** By model name or its beginning, as configured. */
  readonly models: Readonly<Record<string, ModelPrice>>;
  /** Of embedders and re-rankers, by the same names. */
  readonly calls: Readonly<Record<string, CallPrice>>;
  /** What agents that name no model are answered by; null: the built-in answerer. */
  readonly defaultModel: string | null;
  /** Names of providers, which may stand before a model's. */
  readonly providers: readonly string[];
  /**
   * Price of a model as records name it; "" is the default model. Of a chain the dearest of each column,
   * so that it bounds whichever answers. The built-in answerer is free. Null: not known, nothing of a
   * chain is.
   */
  modelPrice(model: string): ModelPrice | null;
  /**
   * The listed name whose price a model would have only because its own begins so, and that a budget must
   * not rely on; null: its price is its own.
   */
  guessedFrom(model: string): string | null;
  /**
   * Price of an embedder's or a re-ranker's model, and the listed name if it has it only because its own
   * begins so; null: not known.
   */
  callPrice(model: string): { readonly price: CallPrice; readonly guess: string | null } | null;
}

/** The built-in answerer. */
const BUILTIN = "builtin";
const free: ModelPrice = { inputMicros: 0, outputMicros: 0 };
const TOKENS_OF_PRICE = 1_000_000n;

/** The catalogue of a list. */
export function createPrices(list: PriceList): Prices {
  const { unit, operations, models, calls = {}, defaultModel, hasProviders } = list;
  const { providers = [] } = list;
  const modelPrice = (model: string): ModelPrice | null => {
    const name = model === "" ? (defaultModel ?? BUILTIN) : model;
    if (name === BUILTIN || !hasProviders) return free;
    const known = modelsOfChain(name).flatMap((one) => figureOf(models, one) ?? []);
    return known.length === 0 ? null : known.reduce(dearer);
  };
  const guessedFrom = (model: string): string | null => {
    if (list.variants === "take") return null;
    const name = model === "" ? (defaultModel ?? BUILTIN) : model;
    if (name === BUILTIN || !hasProviders) return null;
    return guessOf(Object.keys(models), name);
  };
  const callPrice: Prices["callPrice"] = (model) => {
    const price = figureOf(calls, model);
    if (price === undefined) return null;
    return { price, guess: list.variants === "take" ? null : guessOf(Object.keys(calls), model) };
  };
  const known = { unit, operations, models, calls, defaultModel, providers };
  return { ...known, modelPrice, guessedFrom, callPrice };
}

function guessOf(listed: readonly string[], model: string): string | null {
  const byName = Object.fromEntries(listed.map((name) => [name, name]));
  const found = figureOf(byName, model);
  if (found === undefined || IS_BEGINNING.test(found)) return null;
  const at = model.startsWith(found) ? 0 : model.indexOf("/") + 1;
  const rest = model.slice(at + found.length);
  return rest === "" || SAME_MODEL.test(rest) ? null : found;
}

/** As document 001 has it, and no model known: what runs without a configuration. */
export const defaultPrices: Prices = createPrices({
  unit: "credits",
  operations: operationPricesMicros,
  models: {},
  defaultModel: null,
  hasProviders: false,
});

/**
 * What tokens cost, in whole millionths of the account's unit, rounded up. Tokens that were read before
 * are a part of the prompt's, those that a model thought a part of the completion's.
 */
export function spendMicros(price: ModelPrice, usage: Tokens): number {
  const prompt = countOf(usage.promptTokens);
  const cached = min(countOf(usage.cachedTokens ?? 0), prompt);
  const long = min(countOf(usage.cacheWriteLongTokens ?? 0), prompt - cached);
  const short = min(countOf(usage.cacheWriteTokens ?? 0), prompt - cached - long);
  const { inputMicros, outputMicros, cachedInputMicros = inputMicros } = price;
  const { write, writeLong } = writePrices(price);
  // Exact: a window of tokens times a price is more than a double holds.
  const sum =
    (prompt - cached - short - long) * BigInt(inputMicros) +
    cached * BigInt(cachedInputMicros) +
    short * BigInt(write) +
    long * BigInt(writeLong) +
    countOf(usage.completionTokens) * BigInt(outputMicros);
  return Number((sum + TOKENS_OF_PRICE - 1n) / TOKENS_OF_PRICE);
}

/** What of a prompt costs that is kept to be read again. */
export function writePrices(price: ModelPrice): {
  readonly write: number;
  readonly writeLong: number;
} {
  const { inputMicros, cacheWriteMicros, cacheWriteLongMicros } = price;
  const write = cacheWriteMicros ?? Math.ceil((inputMicros * 5) / 4);
  return { write, writeLong: cacheWriteLongMicros ?? inputMicros * 2 };
}

/** Whole tokens: what a provider says in parts is rounded up, less than nothing is nothing. */
function countOf(tokens: number): bigint {
  return Number.isFinite(tokens) && tokens > 0 ? BigInt(Math.ceil(tokens)) : 0n;
}

function min(left: bigint, right: bigint): bigint {
  return left < right ? left : right;
}

/** The dearer of two in each column. */
export function dearer(left: ModelPrice, right: ModelPrice): ModelPrice {
  const [one, other] = [writePrices(left), writePrices(right)];
  const hasWrites = [left, right].some(
    (price) => price.cacheWriteMicros !== undefined || price.cacheWriteLongMicros !== undefined,
  );
  return {
    inputMicros: Math.max(left.inputMicros, right.inputMicros),
    outputMicros: Math.max(left.outputMicros, right.outputMicros),
    cachedInputMicros: Math.max(
      left.cachedInputMicros ?? left.inputMicros,
      right.cachedInputMicros ?? right.inputMicros,
    ),
    ...(hasWrites && {
      cacheWriteMicros: Math.max(one.write, other.write),
      cacheWriteLongMicros: Math.max(one.writeLong, other.writeLong),
    }),
  };
}
