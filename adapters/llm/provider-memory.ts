// The memory that holds what all threads know of the providers, and where in it what stands.

import type { ProviderConfig } from "./config.ts";

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
export const keyCells = { limitedUntilMs: 0, refusedUntilMs: 1, again: 2, rests: 3 } as const;
/** How many a key has. */
export const KEY_CELLS = 4;

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
