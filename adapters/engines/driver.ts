// What does the work of one type of engine: given what is to be done and where, it tells what comes of it. One file a
// type; `engines.ts` finds the records and calls it.

import type { WorkEnd, WorkEvent, WorkTask, WorkUsage } from "../../actors/engines/works.ts";

/** How a driver tells. */
export interface WorkHooks {
  /** Aborts when the work is given up, or out of time. */
  readonly signal: AbortSignal;
  /** Waits while nobody takes what has come before. */
  emit(event: WorkEvent): Promise<void>;
  /** From now on whoever says more to the work says it there. @returns whether it is heard. */
  hear(listener: (text: string) => boolean): void;
}

/** Work that a driver does. */
export type Driver = (task: WorkTask, hooks: WorkHooks) => Promise<WorkEnd>;

/** What calls of models cost, as the server's prices have it. */
export interface WorkPrices {
  /** In millionths of the account's unit; null: there is no price. */
  micros(usage: WorkUsage): number | null;
}

/** Nothing was used. */
export const nothingUsed: WorkUsage = { promptTokens: 0, completionTokens: 0 };

/** WorkUsage with what it has cost: what the engine says, else by the server's prices. */
export function priced(
  prices: WorkPrices,
  usage: WorkUsage,
  said: { readonly costUsd: number | null; readonly unitsPerUsd: number },
): WorkUsage {
  const own = said.costUsd === null ? null : Math.round(said.costUsd * said.unitsPerUsd * 1e6);
  const micros = own ?? prices.micros(usage);
  return { ...usage, ...(micros !== null && { spendMicros: micros }) };
}
