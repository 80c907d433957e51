// Keeps the audit in order while the server runs: chains what has arrived, of main's own within a second
// and of all tenants each minute; trims what is older than the operator keeps; and logs each hour where
// every chain that has grown stands, so that this is known outside too. What is cut the next time does.

import { systemTenant } from "../../actors/records/api-key.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import { type Chaining, chainArrived, readHead } from "./chaining.ts";
import { trimChain } from "./trimming.ts";

const DAY_MS = 24 * 3_600_000;
/** How often rows of main are chained, those of workers, heads logged and old entries trimmed, ms. */
const every = { noted: 1_000, all: 60_000, heads: 3_600_000, trim: 6 * 3_600_000 } as const;
/** Tenants read at once. */
const TENANTS_AT_ONCE = 100;
/** Heads logged in one hour. */
const HEADS_MAX = 1_000;

/** What it works with. */
export interface AuditKeeping extends Chaining {
  listTenants(page: {
    readonly after?: string;
    readonly limit: number;
  }): Promise<readonly { readonly id: string }[]>;
  /** Tenants in which rows of main have arrived; taken out of it. */
  readonly arrived: Set<string>;
  /** Days that an entry is kept; 0: for ever. */
  readonly days: number;
  readonly log: Log;
}

type Tenants = Pick<AuditKeeping, "listTenants">;

/** Chains what has arrived in any tenant. @returns how many rows. */
export async function chainAll(of: Chaining & Tenants): Promise<number> {
  let chained = 0;
  await eachTenant(of, async (tenant) => {
    chained += await chainArrived(of, tenant);
  });
  return chained;
}

/** Removes what is too old, of all tenants. @returns how many entries. */
export async function trimAll(
  of: Pick<AuditKeeping, "tables" | "days" | "nowMs"> & Tenants,
): Promise<number> {
  if (of.days === 0) return 0;
  const beforeMs = of.nowMs() - of.days * DAY_MS;
  let trimmed = 0;
  await eachTenant(of, async (tenant) => {
    trimmed += await trimChain(of.tables, tenant, beforeMs);
  });
  return trimmed;
}

/** Goes on doing so. @returns what stops it. */
export function keepAudit(of: AuditKeeping): () => void {
  let isStopped = false;
  const logged = new Map<string, number>();
  const work = (ms: number, what: string, run: () => Promise<unknown>): NodeJS.Timeout => {
    let isUnderWay = false;
    const begin = async (): Promise<void> => {
      if (isUnderWay) return;
      isUnderWay = true;
      try {
        await run();
      } catch (error) {
        // The next time does it: nothing was lost, and nothing was half done.
        if (!isStopped) of.log.write("warn", "The audit could not be kept.", { what, err: error });
      } finally {
        isUnderWay = false;
      }
    };
    void begin();
    const timer = setInterval(begin, ms);
    timer.unref();
    return timer;
  };
  const timers = [
    work(every.noted, "chain noted", () => chainNoted(of)),
    work(every.all, "chain all", () => chainAll(of)),
    work(every.trim, "trim", () => trimAll(of)),
    work(every.heads, "heads", () => logHeads(of, logged)),
  ];
  return () => {
    isStopped = true;
    for (const timer of timers) clearInterval(timer);
  };
}

async function chainNoted(of: AuditKeeping): Promise<void> {
  for (const tenant of [...of.arrived]) {
    of.arrived.delete(tenant);
    await chainArrived(of, tenant);
  }
}

async function logHeads(of: AuditKeeping, logged: Map<string, number>): Promise<void> {
  let left = HEADS_MAX;
  await eachTenant(of, async (tenant) => {
    const { head } = await readHead(of.tables, tenant);
    if (head.n === (logged.get(tenant) ?? 0) || left === 0) return;
    left -= 1;
    logged.set(tenant, head.n);
    of.log.write("info", "The audit has grown.", { tenant, head: `${head.n}:${head.hash}` });
  });
}

/** A tenant that cannot be kept holds up no other. @throws what the first of them threw, at the end. */
async function eachTenant(of: Tenants, keep: (tenant: string) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  const work = async (tenant: string): Promise<void> => {
    try {
      await keep(tenant);
    } catch (error) {
      // One that is being removed has no audit to keep any more.
      const isGoing = error instanceof RuntimeError && error.code === "TENANT_SUSPENDED";
      if (!isGoing) failures.push(error);
    }
  };
  await work(systemTenant);
  for (let after: string | undefined; ; ) {
    const page = { limit: TENANTS_AT_ONCE, ...(after === undefined ? {} : { after }) };
    const tenants = await of.listTenants(page);
    for (const { id } of tenants) await work(id);
    after = tenants.at(-1)?.id;
    if (tenants.length < TENANTS_AT_ONCE) break;
    // Main also serves everybody else.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (failures.length > 0) throw failures[0];
}
