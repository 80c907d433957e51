// The end of accounts that a person has consented to and that no application has confirmed: they are given back to
// the other service, as nobody can use them here and nobody would take them back there. They lie for minutes, sealed;
// whoever stops in between looks after them with the next start.

import { tokenLimits, tokenTables } from "../../../actors/records/token.ts";
import type { Log } from "../../../runtime/log.ts";
import type { Tables } from "../../../runtime/system.ts";
import type { KeyStore } from "../keys.ts";

/** Between two rounds over all tenants: the longest that one outlives its time, ms. */
const ROUND_MS = 5 * 60_000;
/** Tenants of a slice, and the time between two slices, which is everybody else's, ms. */
const TENANTS_AT_ONCE = 100;
const SLICE_MS = 20;

/** What it works with. */
export interface GrantEnds {
  readonly tables: Pick<Tables, "list">;
  readonly keys: Pick<KeyStore, "listTenants">;
  readonly log: Log;
  nowMs(): number;
  /** Gives back what is over of a tenant. Asked for only where there is something. */
  end(tenant: string): Promise<void>;
}

/** Looks at all tenants once; one without any costs one read. */
export async function endGrants(
  { tables, keys, log, nowMs, end }: GrantEnds,
  pause: () => Promise<void> = async () => undefined,
): Promise<void> {
  for (let after: string | undefined; ; ) {
    const page = { limit: TENANTS_AT_ONCE, ...(after === undefined ? {} : { after }) };
    const tenants = await keys.listTenants(page);
    for (const { id } of tenants) {
      const [first] = await tables.list(id, tokenTables.grants, { limit: 1 });
      if (first === undefined || !isOver(first.value, nowMs())) continue;
      await end(id).catch((error: unknown) => {
        log.write("warn", "Accounts that nobody has confirmed could not be given back.", {
          ...{ tenant: id, err: error },
        });
      });
    }
    after = tenants.at(-1)?.id;
    if (tenants.length < TENANTS_AT_ONCE) return;
    await pause();
  }
}

/** Whether its time is over, and that of whoever confirmed it at the last moment. */
export function isOver(value: unknown, nowMs: number): boolean {
  return (value as { readonly untilMs: number }).untilMs + tokenLimits.grantEndMs < nowMs;
}

/** Goes on doing so, at once at first. @returns what stops it. */
export function keepGrantEnds(ends: GrantEnds): () => void {
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  const wait = (): Promise<void> =>
    new Promise((resolve) => {
      setTimeout(resolve, SLICE_MS).unref();
    });
  const round = async (): Promise<void> => {
    await endGrants(ends, wait).catch((error: unknown) => {
      if (!isStopped) ends.log.write("warn", "Tenants could not be looked at.", { err: error });
    });
    if (isStopped) return;
    timer = setTimeout(() => void round(), ROUND_MS);
    timer.unref();
  };
  void round();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}
