// Limits of tenants on main: where they are stored, what is said when one is reached, and how fast a
// tenant may ask.

import {
  type Counted,
  limitError,
  limitsPlace,
  roomCounter,
  type TenantLimits,
} from "../../actors/records/tenant-limits.ts";
import { fromErrorData, RuntimeError } from "../../runtime/errors.ts";
import type { Tables, TableWrite } from "../../runtime/system.ts";

/** Tenants whose rates are remembered; past it the one that was asked for first is read anew. */
const TENANTS_MAX = 50_000;

/** The limits of a tenant: its own, and where it has none of its own `defaults`. */
export async function readLimits(
  tables: Tables,
  tenant: string,
  defaults: TenantLimits = {},
): Promise<TenantLimits> {
  const { table, id } = limitsPlace;
  const own = ((await tables.get(tenant, table, id))?.value ?? {}) as TenantLimits;
  return { ...defaults, ...own };
}

/** The write of them, in a batch of whichever tenant's tables. */
export function limitsWrite(tenant: string, limits: TenantLimits): TableWrite {
  return { type: "put", ...limitsPlace, value: limits, tenant };
}

/** How many agents a tenant has, upwards. */
export const agentsCounter = "agents";

/**
 * Brings the counter of agents to what there is, where those of an earlier version were not counted. Both
 * counters change together with each agent, so that their sum is the difference at any moment.
 */
export async function countAgents(tables: Tables, tenant: string): Promise<void> {
  const room = roomCounter("agents");
  const [agents, left] = await Promise.all([
    tables.counter(tenant, agentsCounter),
    tables.counter(tenant, room),
  ]);
  const delta = -(agents + left);
  if (delta !== 0) await tables.write(tenant, [{ type: "add", counter: room, delta }]);
}

/** A refused floor in words of its limit. */
export function refusedByLimit(what: Counted, limits: unknown): (error: unknown) => never {
  return (error) => {
    const value = (limits as TenantLimits | undefined)?.[what];
    const isIt =
      error instanceof RuntimeError &&
      error.code === "BALANCE_EXHAUSTED" &&
      error.details?.["counter"] === roomCounter(what);
    throw isIt && typeof value === "number" ? fromErrorData(limitError(what, value)) : error;
  };
}

interface Bucket {
  /** Null: as many as it likes. */
  perSecond: number | null;
  tokens: number;
  atMs: number;
}

/** Requests of each tenant with all its keys together. A second's worth may come at once. */
export class TenantRates {
  readonly #tables: Tables;
  readonly #nowMs: () => number;
  readonly #defaults: TenantLimits;
  readonly #buckets = new Map<string, Bucket>();

  /** @param defaults of tenants that have none of their own. */
  constructor(
    tables: Tables,
    nowMs: () => number = () => performance.now(),
    defaults: TenantLimits = {},
  ) {
    this.#tables = tables;
    this.#nowMs = nowMs;
    this.#defaults = defaults;
  }

  /** @throws RATE_LIMITED with the limit. The first requests of a tenant pass while its limit is read. */
  take(tenant: string): void {
    const bucket = this.#buckets.get(tenant);
    if (bucket === undefined) {
      this.#read(tenant);
      return;
    }
    const { perSecond } = bucket;
    if (perSecond === null) return;
    const nowMs = this.#nowMs();
    const most = Math.max(1, perSecond);
    bucket.tokens = Math.min(most, bucket.tokens + ((nowMs - bucket.atMs) / 1_000) * perSecond);
    bucket.atMs = nowMs;
    if (perSecond > 0 && bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return;
    }
    const waitMs = perSecond === 0 ? 60_000 : Math.ceil(((1 - bucket.tokens) / perSecond) * 1_000);
    throw new RuntimeError(
      "RATE_LIMITED",
      `This tenant may send ${perSecond} requests a second with all of its keys together, its limit requests_per_second.`,
      { limit: "requests_per_second", value: perSecond, retryAfterMs: waitMs },
    );
  }

  /** Its limits have changed. */
  changed(tenant: string, limits: TenantLimits): void {
    const perSecond = { ...this.#defaults, ...limits }.requests_per_second ?? null;
    if (this.#buckets.size >= TENANTS_MAX) {
      const [first = ""] = this.#buckets.keys();
      this.#buckets.delete(first);
    }
    const tokens = Math.max(1, perSecond ?? 1);
    this.#buckets.set(tenant, { perSecond, tokens, atMs: this.#nowMs() });
  }

  #read(tenant: string): void {
    // Until it is read, none: its own may be higher than the default.
    this.changed(tenant, { requests_per_second: null });
    readLimits(this.#tables, tenant).then(
      (limits) => this.changed(tenant, limits),
      // Read again with its next request.
      () => this.#buckets.delete(tenant),
    );
  }
}
