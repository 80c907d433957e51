// What a model call costs, what is said where no budget holds it, and what is asked of one without a price.

import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import { modelsOfChain } from "../model-chain.ts";
import type { Ports, Usage } from "../ports.ts";
import { unitsOf } from "../records/price.ts";
import { estimatedCost } from "./bound.ts";
import { dearer, type ModelPrice, spendMicros } from "./catalogue.ts";
import type { BudgetLine } from "./lines.ts";
import type { Reserved } from "./messages.ts";

/** What a model call came to. `model`: the one of a chain that answered. */
export interface CallResult {
  readonly usage: Usage;
  readonly model?: string;
}

/** What of a call decides what it cost. */
export interface PricedCall {
  readonly price: ModelPrice;
  readonly promptTokens: number;
}

/** The dearest of a chain. @throws PRICE_UNKNOWN naming the first model that has none. */
export function priceOf({ prices }: Pick<Ports, "prices">, model: string): ModelPrice {
  const all = modelsOfChain(model).map((one): ModelPrice => {
    const price = prices.modelPrice(one);
    const guess = prices.guessedFrom(one);
    if (price !== null && guess === null) return price;
    const named = one === "" ? "the default model" : `model "${one}"`;
    if (guess !== null) throw guessed(named, guess, one);
    const text = `A budget limits this call, and there is no price for ${named}: set input_micros and output_micros of it under known_models in the configuration.`;
    throw new RuntimeError("PRICE_UNKNOWN", text, { model: one });
  });
  return all.reduce(dearer);
}

function guessed(named: string, guess: string, model: string): RuntimeError {
  const text = `A budget limits this call, and ${named} has a price only because its name begins with "${guess}", which may be another model's: list it under known_models, or set prices.variants to take.`;
  return new RuntimeError("PRICE_UNKNOWN", text, { model });
}

/** What an answer has cost: as its provider counts, or where that does not, at most. */
export function costOf(
  { prices }: Pick<Ports, "prices">,
  { price, promptTokens }: PricedCall,
  asked: string | WorkBound,
  { usage, model }: CallResult,
): number {
  // Work says itself what it has cost.
  if (typeof asked !== "string") return usage.spendMicros ?? 0;
  const answered = modelsOfChain(asked).length > 1 && model !== undefined ? model : asked;
  const counted = spendMicros(prices.modelPrice(answered) ?? price, usage);
  if (usage.estimated !== true) return counted;
  const { completionTokens: completion } = usage;
  return Math.max(counted, estimatedCost(price, { prompt: promptTokens, completion }));
}

/** Of work that is no call of a model: who does it, and what it may cost, in millionths; null: anything. */
export interface WorkBound {
  readonly name: string;
  readonly maxMicros: number | null;
}

/** Its tokens cost nothing by themselves. */
export const freeWork: ModelPrice = { inputMicros: 0, outputMicros: 0 };

/** What is reserved for work: all that it may cost. @throws PRICE_UNKNOWN. */
export function workAsked(
  lines: readonly BudgetLine[],
  { name, maxMicros: most }: WorkBound,
  isPriced: boolean,
) {
  const maxMicros = most ?? (isPriced ? null : 0);
  if (maxMicros === null) {
    const text = `A budget limits this work, and the engine "${name}" may cost anything: its operator sets max_cost.`;
    throw new RuntimeError("PRICE_UNKNOWN", text, { engine: name });
  }
  const of = { promptMicros: maxMicros, outputMicros: 0, tokens: 1, tokensMin: 1 };
  const ask = { type: "reserve", lines, ...of, needMicros: maxMicros } as const;
  return { price: freeWork, promptTokens: 0, ask };
}

/** Every try found others there before it. */
export function crowded(key: string): RuntimeError {
  const text = `The call ${key} found no room in its budgets, asked for ${limits.budgetTries} times.`;
  return new RuntimeError("BUDGET_EXHAUSTED", text);
}

/** Which budget has too little, its amount, and what is left of it. */
export function exhausted({
  line,
  leftMicros,
  needMicros,
}: Reserved & { readonly type: "exhausted" }): RuntimeError {
  const { budget: id, scope, subject, period, limitMicros } = line;
  const [limit, left, needed] = [limitMicros, leftMicros, needMicros].map(unitsOf);
  const whose = subject === null ? "this tenant" : `${scope} ${subject}`;
  const inTime = period === "total" ? "" : ` a ${period}`;
  const text = `The budget of ${whose} is used up: ${limit}${inTime} may be spent, ${left} is left, and this call may cost ${needed} at least.`;
  return new RuntimeError("BUDGET_EXHAUSTED", text, {
    limit: { budget: id, scope, subject, period, counts: "spend", limit, left, needed },
  });
}
