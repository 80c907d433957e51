// What a call of a model used, as the books keep it: its tokens, whose they are and what they cost at the
// prices of that moment. A sum keeps what each model took, so that a run is the sum of its parts.

import { modelsOfChain } from "../model-chain.ts";
import type { Usage } from "../ports.ts";
import { type Prices, spendMicros } from "./catalogue.ts";

/** Models that a sum tells apart; what more of them took stands together, unnamed. */
const MODELS_MAX = 32;
const BUILTIN = "builtin";

/** What answered, as its port says. */
interface Answered {
  readonly provider: string;
  /** As the provider names it. */
  readonly model: string;
}

/**
 * The usage with its model and its spend.
 * @param asked the model as the request named it, so that no provider makes up names; "" is the default.
 * @param answered null for a call that was cut: counted for the first that was asked.
 */
export function spentOn(
  prices: Prices,
  asked: string,
  usage: Usage,
  answered: Answered | null,
): Usage {
  const model = memberOf(prices, asked, answered);
  const bare = bareName(prices, model);
  const price =
    prices.modelPrice(answered === null || model !== bare ? model : nameAt(answered, model)) ??
    prices.modelPrice(model);
  return {
    ...usage,
    model: bare,
    ...(price !== null && { spendMicros: spendMicros(price, usage) }),
  };
}

/** A model under its provider's name. */
function nameAt({ provider }: Answered, model: string): string {
  return model === BUILTIN || provider === BUILTIN ? BUILTIN : `${provider}/${model}`;
}

/** Which of a chain it was: the one with the provider's name for it, or the longest beginning of that. */
function memberOf(prices: Prices, asked: string, answered: Answered | null): string {
  if (answered?.provider === BUILTIN) return BUILTIN;
  const members = modelsOfChain(asked === "" ? (prices.defaultModel ?? BUILTIN) : asked);
  const [first = BUILTIN] = members;
  if (answered === null || members.length === 1) return first;
  let best: { readonly name: string; readonly chars: number } | null = null;
  for (const name of members) {
    const bare = bareName(prices, name);
    const isOther = bare !== name && name.slice(0, -bare.length - 1) !== answered.provider;
    if (isOther || !answered.model.startsWith(bare)) continue;
    if (best === null || bare.length > best.chars) best = { name, chars: bare.length };
  }
  return best?.name ?? first;
}

/** Without the name of a provider that is configured. */
function bareName({ providers }: Prices, model: string): string {
  const slash = model.indexOf("/");
  return slash > 0 && providers.includes(model.slice(0, slash)) ? model.slice(slash + 1) : model;
}

/** No tokens. */
export const noUsage: Usage = { promptTokens: 0, completionTokens: 0 };

/** Both usages together; estimated when one of them is. */
export function addUsage(left: Usage, right: Usage): Usage {
  const models = merged([...partsOf(left), ...partsOf(right)]);
  const [only] = models;
  const sum = plainSum(left, right);
  if (models.length > 1) return { ...sum, models };
  return only?.model === undefined ? sum : { ...sum, model: only.model };
}

const counts = [
  "promptTokens",
  "completionTokens",
  "cachedTokens",
  "cacheWriteTokens",
  "cacheWriteLongTokens",
  "reasoningTokens",
  "spendMicros",
] as const;

/** What each model took; one that nobody names has no `model`. Together they are the whole. */
export function partsOf(usage: Usage): readonly Usage[] {
  if (usage.models !== undefined) return usage.models;
  return counts.some((name) => (usage[name] ?? 0) > 0) ? [usage] : [];
}

function merged(parts: readonly Usage[]): readonly Usage[] {
  const sums = new Map<string | undefined, Usage>();
  for (const part of parts) {
    const isNamed = sums.has(part.model) || sums.size < MODELS_MAX;
    const model = isNamed ? part.model : undefined;
    const before = sums.get(model);
    const sum = before === undefined ? part : plainSum(before, part);
    const { model: _, ...rest } = sum;
    sums.set(model, model === undefined ? rest : { ...rest, model });
  }
  return [...sums.values()];
}

function plainSum(left: Usage, right: Usage): Usage {
  const cachedTokens = (left.cachedTokens ?? 0) + (right.cachedTokens ?? 0);
  const reasoningTokens = (left.reasoningTokens ?? 0) + (right.reasoningTokens ?? 0);
  const written = (left.cacheWriteTokens ?? 0) + (right.cacheWriteTokens ?? 0);
  const kept = (left.cacheWriteLongTokens ?? 0) + (right.cacheWriteLongTokens ?? 0);
  const isPriced = left.spendMicros !== undefined || right.spendMicros !== undefined;
  return {
    promptTokens: left.promptTokens + right.promptTokens,
    completionTokens: left.completionTokens + right.completionTokens,
    ...(cachedTokens > 0 && { cachedTokens }),
    ...(written > 0 && { cacheWriteTokens: written }),
    ...(kept > 0 && { cacheWriteLongTokens: kept }),
    ...(reasoningTokens > 0 && { reasoningTokens }),
    ...(isPriced && { spendMicros: (left.spendMicros ?? 0) + (right.spendMicros ?? 0) }),
    ...((left.estimated || right.estimated) && { estimated: true }),
  };
}
