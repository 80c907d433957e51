// Main's side of tenants whose work rests: which they are is stored, so that a start begins with them at
// rest, and known in memory, so that whoever asks is answered at once.

import { RuntimeError } from "../errors.ts";
import { emptyTenantWeights, TenantWeights, weightsIn } from "../shared/tenant-weights.ts";
import { type Bulk, createBulk } from "../store/bulk.ts";
import { decode, decodeCounter, encode } from "../store/codec.ts";
import { keys, prefixRange } from "../store/keys.ts";
import type { PreparedKeys } from "../store/sealer.ts";
import type { Reader, Store } from "../store/store.ts";
import type { StoredBytes, TenantState, TenantWork as Tenants } from "../system.ts";
import type { Engines } from "../threads/engines.ts";

/** Steps may go on for so long when a tenant is suspended. */
const GRACE_MS = 2_000;
/** Suspended tenants read at once. */
const PAGE_ROWS = 1_000;

/** What it works with. */
export interface TenantWorkOptions {
  readonly hot: Reader;
  readonly bulk: Bulk;
  /** Has `bulk` written to from now on: who writes to it counts what is in it. */
  readonly startBulk: () => Promise<void>;
  /** A connection to `hot` of its own, opened when there is something to write. */
  readonly connect: () => Store;
  readonly engines: () => Engines | undefined;
}

interface Mark {
  readonly state: Exclude<TenantState, "active">;
}

/** The tenants whose work rests. */
export class TenantWork implements Tenants {
  readonly #options: TenantWorkOptions;
  readonly #states = new Map<string, Mark["state"]>();
  /** Shares of tenants, as all threads see them. */
  readonly weights = emptyTenantWeights();
  readonly weightOf = weightsIn(this.weights);
  readonly #weights = new TenantWeights(this.weights);
  /** Their keys are missing. */
  readonly #lost = new Set<string>();
  #store: Store | undefined;
  #writer: Bulk | undefined;

  constructor(options: TenantWorkOptions) {
    this.#options = options;
  }

  /**
   * Reads which tenants rest; those of which there is work.
   * @param keys of tenants that are destroyed nothing can be read any more: a copy of the folder from before
   *   their removal was put in its place, and they are removed from it too. Those whose keys are lost rest
   *   in this life, so that nothing of them fails or is written beside what cannot be read.
   */
  async load({ destroyed, lost }: PreparedKeys): Promise<readonly string[]> {
    const { hot } = this.#options;
    const range = prefixRange(keys.suspendedTenants, PAGE_ROWS);
    for (let { from } = range; ; ) {
      const rows = await hot.range({ ...range, from });
      for (const { key, value } of rows) {
        const { state } = decode(value) as Mark;
        this.#states.set(key.slice(keys.suspendedTenants.length), state);
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_ROWS) break;
      from = `${last.key} `;
    }
    for (const tenant of destroyed) {
      const isKnown = ["removing", "gone"].includes(this.stateOf(tenant));
      if (!isKnown) await this.#rest(tenant, "removing", 0);
    }
    for (const tenant of lost) {
      if (this.stateOf(tenant) === "active") this.#states.set(tenant, "suspended");
      this.#lost.add(tenant);
    }
    return [...this.list("suspended"), ...this.list("removing")];
  }

  stateOf(tenant: string): TenantState {
    return this.#states.get(tenant) ?? "active";
  }

  list(state: Mark["state"]): readonly string[] {
    return [...this.#states].flatMap(([tenant, own]) => (own === state ? [tenant] : []));
  }

  weigh(tenant: string, weight: number): void {
    this.#weights.set(tenant, weight);
  }

  suspend(tenant: string, graceMs = GRACE_MS): Promise<void> {
    return this.#rest(tenant, "suspended", graceMs);
  }

  async resume(tenant: string): Promise<void> {
    if (this.#lost.has(tenant)) {
      const text = `The key of the tenant ${tenant} is missing: put it back among the keys of tenants and start again.`;
      throw new RuntimeError("CONFLICT", text);
    }
    await this.#hot().commit([{ op: "remove", key: keys.suspended(tenant) }], "flushed");
    this.#states.delete(tenant);
    await this.#options.engines()?.tenants.resume(tenant);
  }

  retire(tenant: string): Promise<void> {
    return this.#rest(tenant, "removing", 0);
  }

  async remove(...[tenant, options = {}]: Parameters<Tenants["remove"]>): Promise<number> {
    await this.retire(tenant);
    const { bulk } = this.#options;
    const { removeTenant } = await import("../store/remove-tenant.ts");
    return await removeTenant(tenant, { hot: this.#hot(), bulk, ...options });
  }

  async storedBytes(tenant: string): Promise<StoredBytes> {
    const { hot, bulk, startBulk } = this.#options;
    const [inHot, inBulk] = await Promise.all([bytesIn(hot, tenant), bytesIn(bulk, tenant)]);
    // Where it does not start, documents cannot be written either, and that is told there.
    if (inBulk.isCounting) startBulk().catch(() => undefined);
    const isCounting = inHot.isCounting || inBulk.isCounting;
    return { bytes: inHot.bytes + inBulk.bytes, isCounting };
  }

  async close(): Promise<void> {
    await this.#store?.close();
  }

  async #rest(tenant: string, state: Mark["state"], graceMs: number): Promise<void> {
    const before = this.#states.get(tenant);
    this.#states.set(tenant, state);
    try {
      const value = encode({ state } satisfies Mark);
      await this.#hot().commit([{ op: "put", key: keys.suspended(tenant), value }], "flushed");
    } catch (error) {
      if (before === undefined) this.#states.delete(tenant);
      else this.#states.set(tenant, before);
      throw error;
    }
    await this.#options.engines()?.tenants.suspend(tenant, graceMs);
  }

  #hot(): Bulk {
    this.#store ??= this.#options.connect();
    this.#writer ??= createBulk(this.#store, async () => undefined);
    return this.#writer;
  }
}

async function bytesIn(reader: Reader, tenant: string): Promise<StoredBytes> {
  const { isCounted } = await import("../store/stored-bytes.ts");
  const [header, counted, sum] = await Promise.all(
    [keys.header, keys.counted, keys.bytes(tenant)].map((key) => reader.get(key)),
  );
  return { bytes: decodeCounter(sum), isCounting: !isCounted(header, counted) };
}
