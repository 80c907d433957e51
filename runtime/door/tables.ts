// Tenant tables and counters as main uses them: snapshot reads of its own store connection, and
// writes one batch after the other, because a refused batch takes down those sent after it. Tenants
// take turns.

import { createHash } from "node:crypto";
import { RuntimeError } from "../errors.ts";
import { FairSlots } from "../shared/fair-slots.ts";
import type { WeightOf } from "../shared/tenant-weights.ts";
import { decode, decodeCounter, encode, isSealedValue } from "../store/codec.ts";
import { keys, prefixRange } from "../store/keys.ts";
import type { Level, Row, Store, StoreOp } from "../store/store.ts";
import type { Beside, RowPlace, RowSeals, TableRow, Tables, TableWrite } from "../system.ts";

const ROWS_MAX = 200;
/** A thousand records, and what goes with them: their count, an Idempotency-Key. */
const WRITES_MAX = 1_024;
const NAME = /^[A-Za-z0-9_.~@-]{1,64}$/;
const ID = /^[\x21-\x7d]{1,256}$/;
/** 96 bits: two values of one row with the same revision do not happen. */
const REVISION_CHARS = 16;
const NOTHING: readonly TableWrite[] = [];

/** What the tables need. */
export interface TablesOptions {
  /** Main's connection to the hot environment; nobody else commits through it. */
  readonly store: Store;
  readonly level: Exclude<Level, "memory">;
  /** Calls that may wait for their turn. */
  readonly waitingMax: number;
  /** Shares of a tenant among them. Default: one each. */
  readonly weightOf?: WeightOf;
  /** Whether a tenant is being removed: nothing is written for it. Default: none. */
  readonly isClosed?: (tenant: string) => boolean;
  /** What is committed with each batch. Default: nothing. */
  readonly beside?: Beside | undefined;
  readonly seals?: RowSeals | undefined;
}

/** Tables over a store. */
export function createTables(options: TablesOptions): Tables {
  return new StoreTables(options);
}

interface Written {
  readonly counters: Readonly<Record<string, number>>;
  readonly flushed: Promise<void>;
}

class StoreTables implements Tables {
  readonly #options: TablesOptions;
  readonly #writer: FairSlots;

  constructor(options: TablesOptions) {
    this.#options = options;
    this.#writer = new FairSlots({
      name: "table writes",
      slots: 1,
      waitingMax: options.waitingMax,
      weightOf: options.weightOf,
    });
  }

  async get(tenant: string, table: string, id: string): Promise<TableRow | undefined> {
    const { store, seals } = this.#options;
    const bytes = await store.get(rowKey(tenant, table, id));
    if (bytes === undefined) return undefined;
    const stored = decode(bytes);
    const value = seals === undefined ? stored : seals.open(tenant, table, stored);
    return { id, value, revision: revisionOf(bytes) };
  }

  async list(
    tenant: string,
    table: string,
    options: { prefix?: string; after?: string; limit: number; reverse?: boolean },
  ): Promise<readonly TableRow[]> {
    const { prefix = "", after, limit, reverse = false } = options;
    if (!Number.isInteger(limit) || limit < 1 || limit > ROWS_MAX) {
      throw new RuntimeError("INVALID", `A page has 1 to ${ROWS_MAX} rows.`);
    }
    checkNames(tenant, table);
    const base = keys.tableOf(tenant, table);
    let { from, to } = prefixRange(base + prefix, limit);
    if (after !== undefined && reverse && base + after < to) to = base + after;
    // The first key after it: a space sorts before whatever an id may hold.
    else if (after !== undefined && !reverse && base + after >= from) from = `${base}${after} `;
    const rows: readonly Row[] = await this.#options.store.range({ from, to, limit, reverse });
    return rows.map(({ key, value }) => ({
      id: key.slice(base.length),
      value: decode(value),
      revision: revisionOf(value),
    }));
  }

  async counter(tenant: string, name: string): Promise<number> {
    checkNames(tenant);
    return decodeCounter(await this.#options.store.get(keys.counter(tenant, name)));
  }

  async write(
    tenant: string,
    writes: readonly TableWrite[],
    level: Level = this.#options.level,
  ): Promise<{ readonly counters: Readonly<Record<string, number>> }> {
    if (writes.length > WRITES_MAX) {
      throw new RuntimeError("INVALID", `One call has at most ${WRITES_MAX} writes.`);
    }
    const entered = this.#writer.enter(tenant, "");
    if (entered !== undefined) await entered;
    let done: Written;
    try {
      done = await this.#commit(tenant, writes);
    } finally {
      this.#writer.leave();
    }
    if (level === "flushed") await done.flushed;
    return { counters: done.counters };
  }

  async #commit(tenant: string, writes: readonly TableWrite[]): Promise<Written> {
    const { store, isClosed, beside } = this.#options;
    checkNames(tenant);
    // What only goes may go.
    if (isClosed?.(tenant) && writes.some(({ type }) => type !== "remove")) {
      throw new RuntimeError("TENANT_SUSPENDED", "This tenant is being removed.");
    }
    const ops: StoreOp[] = [];
    for (const write of writes) ops.push(await this.#op(tenant, write));
    const more = beside?.(tenant, writes.filter(isTold), this) ?? NOTHING;
    for (const write of more instanceof Promise ? await more : more) {
      ops.push(await this.#op(tenant, write));
    }
    const commit = store.commit({ ops });
    try {
      const { counters } = await commit.committed;
      const byName: Record<string, number> = {};
      for (const write of writes) {
        if (write.type !== "add") continue;
        byName[write.counter] = counters.get(keys.counter(tenant, write.counter)) ?? 0;
      }
      return { counters: byName, flushed: commit.flushed };
    } catch (error) {
      store.reset();
      throw explain(error, writes);
    }
  }

  async #op(tenant: string, write: TableWrite): Promise<StoreOp> {
    if (write.type === "add") {
      const { counter, delta, min } = write;
      const key = keys.counter(tenant, counter);
      return { op: "add", key, delta, ...(min === undefined ? {} : { min }) };
    }
    const { table, id } = write;
    const key = rowKey(this.#ownerOf(tenant, write), table, id);
    switch (write.type) {
      case "put":
        return { op: "put", key, value: this.#encoded(tenant, write) };
      case "put-if":
        if (write.revision === null) {
          // Looked for here as well: until its refusal is back, what was sent would be read as stored.
          if ((await this.#options.store.get(key)) !== undefined) throw mismatch(write);
          return { op: "insert", key, value: this.#encoded(tenant, write) };
        }
        return {
          op: "swap",
          key,
          expected: await this.#expected(key, write, write.revision),
          value: this.#encoded(tenant, write),
        };
      case "remove":
        if (write.revision === undefined) return { op: "remove", key };
        return { op: "swap", key, expected: await this.#expected(key, write, write.revision) };
    }
  }

  /** What is told of a tenant that is being removed stays with who tells it. */
  #ownerOf(tenant: string, write: TableWrite): string {
    const owner = write.type === "put" ? (write.tenant ?? tenant) : tenant;
    return owner !== tenant && this.#options.isClosed?.(owner) ? tenant : owner;
  }

  #encoded(
    tenant: string,
    {
      table,
      value,
      isStored,
    }: Extract<TableWrite, { readonly value: unknown }> & { readonly isStored?: true },
  ): Uint8Array {
    const seals = isStored ? undefined : this.#options.seals;
    return encode(seals === undefined ? value : seals.seal(tenant, table, value));
  }

  async #expected(
    key: string,
    write: { readonly table: string; readonly id: string },
    revision: string,
  ): Promise<Uint8Array> {
    const stored = await this.#options.store.get(key);
    if (stored === undefined || revisionOf(stored) !== revision) throw mismatch(write);
    return stored;
  }
}

/** Rows of all tables of all tenants in the order of their keys, as they are stored: see `RunningSystem.rows`. */
export async function scanRows(
  store: Pick<Store, "range">,
  after: RowPlace | null,
  limit: number,
): Promise<readonly (RowPlace & TableRow)[]> {
  const all = prefixRange(keys.tables, limit);
  const from = after === null ? all.from : `${keys.table(after.tenant, after.table, after.id)} `;
  const rows: readonly Row[] = await store.range({ ...all, from });
  return rows.map(({ key, value }) => {
    const [, tenant = "", table = "", ...id] = key.split("/");
    // One tenant's key that is gone must not keep everybody's rows from being looked through.
    const opened = isSealedValue(value) ? undefined : decode(value);
    return { tenant, table, id: id.join("/"), value: opened, revision: revisionOf(value) };
  });
}

const isTold = (write: TableWrite): boolean => write.type !== "put-if" || !write.isStored;

function revisionOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("base64url").slice(0, REVISION_CHARS);
}

/** Names come from code and tenants from checked keys; a slash in one would reach into another tenant. */
function checkNames(tenant: string, table = "t"): void {
  if (!NAME.test(tenant)) throw new RuntimeError("INVALID", "This is no tenant's name.");
  if (!NAME.test(table)) throw new RuntimeError("INVALID", "This is no table's name.");
}

function rowKey(tenant: string, table: string, id: string): string {
  checkNames(tenant, table);
  if (!ID.test(id)) {
    throw new RuntimeError("INVALID", "A row's id has 1 to 256 printable ASCII characters.");
  }
  return keys.table(tenant, table, id);
}

/** A failed condition as what the caller asked for. */
function explain(error: unknown, writes: readonly TableWrite[]): unknown {
  if (!(error instanceof RuntimeError) || error.code !== "CONDITION_FAILED") return error;
  const write = writes[Number(error.details?.["index"] ?? -1)];
  if (write === undefined) return error;
  if (write.type !== "add") return mismatch(write);
  const message = `The counter ${write.counter} would fall below ${write.min}.`;
  return new RuntimeError("BALANCE_EXHAUSTED", message, { counter: write.counter });
}

function mismatch(write: { readonly table: string; readonly id: string }): RuntimeError {
  const message = `The row ${write.id} of ${write.table} has changed or is there already.`;
  return new RuntimeError("REVISION_MISMATCH", message, { table: write.table, id: write.id });
}
