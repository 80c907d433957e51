// Runs what an account fetches by itself (a mailbox, a socket), again and again until the account closes.

import { toErrorData } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { Tables } from "../../runtime/system.ts";
import type { Account } from "./account.ts";
import type { Parked, Sink } from "./adapter.ts";
import { channelTables } from "./tables.ts";
import type { TakeIn } from "./take-in.ts";

/** Before it runs again: doubled each time, ms. One that ran long enough begins with the least again. */
export const sourceBackoff = { minMs: 1_000, maxMs: 5 * 60_000, healthyMs: 60_000 } as const;

/** What it works with. */
export interface SourceParts {
  readonly tables: Tables;
  readonly takeIn: TakeIn;
  readonly log: Log;
  nowMs(): number;
}

/** Begins it, where the account has one. It never throws: what goes wrong is the account's health. */
export function runSource(account: Account, parts: SourceParts, signal: AbortSignal): void {
  if (account.instance.source !== undefined) void keptRunning(account, parts, signal);
}

async function keptRunning(
  account: Account,
  parts: SourceParts,
  signal: AbortSignal,
): Promise<void> {
  const { minMs, maxMs, healthyMs } = sourceBackoff;
  const { health } = account;
  let waitMs: number = minMs;
  while (!signal.aborted) {
    const beganMs = parts.nowMs();
    try {
      await account.instance.source?.(sinkOf(account, parts, signal), signal);
      if (signal.aborted) return;
      health.connection("disconnected", "The source ended by itself.");
    } catch (error) {
      if (signal.aborted) return;
      const reason = account.hide(toErrorData(error).message);
      health.connection("disconnected", reason);
      const of = { account: account.id, kind: account.adapter.kind, reason, again_in_ms: waitMs };
      parts.log.write("warn", "What a channel fetches by itself was cut.", of);
    }
    if (parts.nowMs() - beganMs > healthyMs) waitMs = minMs;
    await pause(waitMs * (0.75 + Math.random() / 2), signal);
    waitMs = Math.min(maxMs, 2 * waitMs);
  }
}

function sinkOf(account: Account, { tables, takeIn }: SourceParts, signal: AbortSignal): Sink {
  const { tenant, id, health } = account;
  const table = channelTables.cursors;
  return {
    cursor: async () => {
      const row = await tables.get(tenant, table, id);
      return (
        (row?.value as { readonly cursor: Readonly<Record<string, unknown>> } | undefined)
          ?.cursor ?? null
      );
    },
    commit: async (events, cursor, parked: readonly Parked[] = []) => {
      // One after the other: what a mailbox has in an order is taken in in that order.
      for (const event of events) await takeIn(account, [event], []);
      await takeIn(account, [], parked);
      // An account that was closed meanwhile is another's: its cursor is not ours to move.
      signal.throwIfAborted();
      await tables.write(tenant, [{ type: "put", table, id, value: { cursor } }]);
    },
    status: (state, detail) => {
      health.connection(state, detail === undefined ? undefined : account.hide(detail));
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    timer.unref();
    signal.addEventListener("abort", over, { once: true });
  });
}
