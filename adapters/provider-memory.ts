// The memory that holds what all threads know of the providers, and where in it what stands.

import type { ProviderConfig } from "./llm/config.ts";

/** What is counted of a provider: how its calls ended, and what was done about them. */
export const providerCounters = [
  ...(["answered", "limited", "refused", "unavailable", "cancelled", "turned_away"] as const),
  ...(["fallbacks", "hedges", "hedges_won"] as const),
];

/** One of them. */
export type ProviderCounter = (typeof providerCounters)[number];

/** Numbers of a breaker, from 0. */
export const breakerCells = {
  ...{ openUntilMs: 0, probeUntilMs: 1, failures: 2, again: 3, openings: 4 },
} as const;
const BREAKER_CELLS = 5;

/** Numbers of one key; before those of the keys stands whose turn it is. */
export const keyCells = { restsUntilMs: 0, refusedUntilMs: 1, rests: 2, models: 3 } as const;
/** Numbers of each model that a key was limited for, from `keyCells.models`. */
export const modelCells = { name: 0, untilMs: 1, again: 2, isRefused: 3 } as const;
export const MODEL_CELLS = 4;
/** Models that one key is left aside for at once; of one more, the one whose rest ends first is forgotten. */
export const KEY_MODELS_MAX = 16;
/** How many a key has. */
export const KEY_CELLS = keyCells.models + KEY_MODELS_MAX * MODEL_CELLS;

/** What the memory depends on. */
export type KeyCount = Pick<ProviderConfig, "apiKeys">;

/** Keys of a provider; a server that needs none is called as with one. */
export const keysOf = ({ apiKeys = [] }: KeyCount): number => Math.max(1, apiKeys.length);

/** Numbers of one provider's parts. */
export const cellsOf = (
  provider: KeyCount,
): { readonly breaker: number; readonly counters: number; readonly keys: number } => ({
  ...{ breaker: BREAKER_CELLS, counters: providerCounters.length },
  keys: 1 + keysOf(provider) * KEY_CELLS,
});

/** The memory for these providers: plain data to hand to other threads. */
export function providerMemory(providers: readonly KeyCount[]): SharedArrayBuffer {
  const cells = providers
    .map(cellsOf)
    .reduce((sum, of) => sum + of.breaker + of.counters + of.keys, 0);
  return new SharedArrayBuffer(cells * BigInt64Array.BYTES_PER_ELEMENT);
}
