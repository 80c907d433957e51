// What is known of each provider, in one memory that all threads share: its breaker, its keys, and
// counters. Workers write it as they call; main reads it for /metrics and /admin/providers.

import { breakerDefaults, type ProviderConfig, providerTimeouts } from "./llm/config.ts";
import { Breaker } from "./provider-breaker.ts";
import { KeyPool } from "./provider-keys.ts";
import { cellsOf, keysOf, type ProviderCounter, providerCounters } from "./provider-memory.ts";
import { SharedCells, sharedNowMs } from "./shared-cells.ts";

/** What the state of a provider depends on. */
type Shape = Pick<
  ProviderConfig,
  "name" | "apiKeys" | "breakerFailures" | "breakerOpenMs" | "timeouts"
>;

/** What is known of one provider, on one thread of several. */
export interface ProviderState {
  readonly breaker: Breaker;
  readonly keys: KeyPool;
  count(what: ProviderCounter): void;
  counts(): Readonly<Record<ProviderCounter, number>>;
}

/**
 * The states of these providers, in their order, over a memory made for them.
 * @param nowMs default `sharedNowMs`.
 */
export function providerStates(
  memory: SharedArrayBuffer,
  providers: readonly Shape[],
  nowMs: () => number = sharedNowMs,
): readonly ProviderState[] {
  let first = 0;
  return providers.map((provider) => {
    const take = (count: number): SharedCells => {
      const cells = new SharedCells(memory, first, count);
      first += count;
      return cells;
    };
    const cells = cellsOf(provider);
    const { breakerFailures, breakerOpenMs } = { ...breakerDefaults, ...provider };
    const breaker = new Breaker(take(cells.breaker), {
      failuresMax: breakerFailures,
      openMs: breakerOpenMs,
      probeMs: { ...providerTimeouts, ...provider.timeouts }.totalMs,
      nowMs,
    });
    const counters = take(cells.counters);
    const keys = new KeyPool(take(cells.keys), keysOf(provider), nowMs);
    return {
      breaker,
      keys,
      count: (what) => void counters.increment(providerCounters.indexOf(what)),
      counts: () =>
        Object.fromEntries(providerCounters.map((name, at) => [name, counters.get(at)])) as Record<
          ProviderCounter,
          number
        >,
    };
  });
}
