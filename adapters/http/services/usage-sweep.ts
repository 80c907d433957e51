// Adds up what is fresh of every tenant, whether anybody looks or not: a round over all tenants now and then,
// a slice at a time, and the tenants that had something the last time more often. A tenant without anything
// fresh costs one read.

import type { Log } from "../../../runtime/log.ts";
import type { KeyStore } from "../keys.ts";
import type { UsageBooks } from "./usage-books.ts";

/** Between two rounds, and between two looks at the tenants that are busy. */
const ROUND_MS = 60_000;
const BUSY_MS = 5_000;
/** Tenants of a slice, and the time between two slices, which is everybody else's. */
const TENANTS_AT_ONCE = 100;
const SLICE_MS = 20;
/** Busy tenants that are remembered. */
const BUSY_MAX = 1_000;
/** Batches of one tenant in one look: the others wait for it. */
const BATCHES_AT_ONCE = 20;

/** What it works with. */
export interface UsageSweep {
  readonly books: UsageBooks;
  readonly keys: Pick<KeyStore, "listTenants">;
  readonly log: Log;
  /** Called once for each tenant of the first round, before what it has fresh is added up. */
  readonly recover?: ((tenant: string) => Promise<void>) | undefined;
}

/** Looks at all tenants once. @returns those that had something. */
export async function sweepUsage(
  { books, keys, recover }: Pick<UsageSweep, "books" | "keys" | "recover">,
  pause: () => Promise<void> = async () => undefined,
): Promise<ReadonlySet<string>> {
  const busy = new Set<string>();
  for (let after: string | undefined; ; ) {
    const page = { limit: TENANTS_AT_ONCE, ...(after === undefined ? {} : { after }) };
    const tenants = await keys.listTenants(page);
    for (const { id, name } of tenants) {
      // One that is removed has no name any more: nothing is written into what is going.
      if (name === "") continue;
      await recover?.(id);
      const { rows } = await books.takeIn(id, BATCHES_AT_ONCE);
      if (rows > 0 && busy.size < BUSY_MAX) busy.add(id);
    }
    after = tenants.at(-1)?.id;
    if (tenants.length < TENANTS_AT_ONCE) return busy;
    await pause();
  }
}

/** Goes on doing so. @returns what stops it. */
export function keepUsage(sweep: UsageSweep): () => void {
  let isStopped = false;
  let busy: ReadonlySet<string> = new Set();
  let timer: NodeJS.Timeout | undefined;
  let roundAtMs = 0;
  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      setTimeout(resolve, ms).unref();
    });
  let isFirst = true;
  const look = async (): Promise<void> => {
    const nowMs = performance.now();
    if (nowMs >= roundAtMs) {
      const { recover, ...others } = sweep;
      busy = await sweepUsage(isFirst ? sweep : others, () => wait(SLICE_MS));
      isFirst = false;
      roundAtMs = nowMs + ROUND_MS;
      return;
    }
    for (const tenant of busy) await sweep.books.takeIn(tenant, BATCHES_AT_ONCE);
  };
  const again = (): void => {
    timer = setTimeout(async () => {
      await look().catch((error: unknown) => {
        if (!isStopped) sweep.log.write("warn", "Usage could not be added up.", { err: error });
      });
      if (!isStopped) again();
    }, BUSY_MS);
    timer.unref();
  };
  again();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}
