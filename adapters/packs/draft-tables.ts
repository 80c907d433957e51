// The tables of one tenant as they would be: reads see the writes that were made here, and nothing is
// stored until all of them are given to the real tables in one call, which is one transaction. So the
// services that check and store records one by one make a whole pack of them, or none.

import { RuntimeError } from "../../runtime/errors.ts";
import type { TableRow, Tables, TableWrite } from "../../runtime/system.ts";

type Value = TableRow["value"];

/** A row that was written here. */
interface Drafted {
  readonly table: string;
  readonly id: string;
  /** null: removed. */
  readonly row: { readonly value: Value } | null;
  /** Names this state of the row. */
  readonly revision: string;
  /** What the stored row must be when all is stored; undefined: whatever it is. */
  readonly stored: string | null | undefined;
}

interface Counted {
  readonly delta: number;
  readonly min: number | undefined;
}

/** Rows that one read of the real tables may give. */
const PAGE = 200;

/** Tables that keep what is written to themselves. */
export class DraftTables implements Tables {
  readonly #base: Tables;
  readonly #tenant: string;
  readonly #rows = new Map<string, Drafted>();
  readonly #counters = new Map<string, Counted>();
  #count = 0;

  constructor(base: Tables, tenant: string) {
    this.#base = base;
    this.#tenant = tenant;
  }

  /** All that was written, each row once, on the conditions under which it was. */
  writes(): readonly TableWrite[] {
    const rows = [...this.#rows.values()].flatMap((drafted) => writesOf(drafted));
    const counters = [...this.#counters].map(([counter, { delta, min }]): TableWrite => {
      return { type: "add", counter, delta, ...(min === undefined ? {} : { min }) };
    });
    return [...rows, ...counters];
  }

  /** Rows that were written: the table and the id of each. */
  touched(): readonly { readonly table: string; readonly id: string }[] {
    return [...this.#rows.values()].map(({ table, id }) => ({ table, id }));
  }

  async get(tenant: string, table: string, id: string): Promise<TableRow | undefined> {
    this.#check(tenant);
    const drafted = this.#rows.get(keyOf(table, id));
    if (drafted === undefined) return await this.#base.get(tenant, table, id);
    return shown(drafted);
  }

  async list(
    tenant: string,
    table: string,
    options: { prefix?: string; after?: string; limit: number; reverse?: boolean },
  ): Promise<readonly TableRow[]> {
    this.#check(tenant);
    const { prefix = "", after, limit, reverse = false } = options;
    const isAfter = (id: string): boolean =>
      after === undefined || (reverse ? id < after : id > after);
    const own = [...this.#rows.values()]
      .filter((row) => row.table === table && row.id.startsWith(prefix) && isAfter(row.id))
      .flatMap((row) => shown(row) ?? []);
    const stored = await this.#stored(table, options);
    const all = [...stored, ...own].sort((left, right) => compare(left.id, right.id, reverse));
    return all.slice(0, limit);
  }

  /** Stored rows that were not written here, as many as are asked for. */
  async #stored(
    table: string,
    options: { prefix?: string; after?: string; limit: number; reverse?: boolean },
  ): Promise<readonly TableRow[]> {
    const kept: TableRow[] = [];
    for (let from = options.after; kept.length < options.limit; ) {
      const page = { ...options, limit: PAGE, ...(from === undefined ? {} : { after: from }) };
      const rows = await this.#base.list(this.#tenant, table, page);
      kept.push(...rows.filter(({ id }) => !this.#rows.has(keyOf(table, id))));
      from = rows.at(-1)?.id;
      if (rows.length < PAGE) break;
    }
    return kept;
  }

  async counter(tenant: string, name: string): Promise<number> {
    this.#check(tenant);
    const stored = await this.#base.counter(tenant, name);
    return stored + (this.#counters.get(name)?.delta ?? 0);
  }

  async write(
    tenant: string,
    writes: readonly TableWrite[],
  ): Promise<{ readonly counters: Readonly<Record<string, number>> }> {
    this.#check(tenant);
    for (const write of writes) await this.#checkCondition(write);
    const counters: Record<string, number> = {};
    for (const write of writes) {
      if (write.type === "add") {
        await this.#add(write);
        counters[write.counter] = await this.counter(tenant, write.counter);
      } else await this.#set(write);
    }
    return { counters };
  }

  async #add({ counter, delta, min }: Extract<TableWrite, { type: "add" }>): Promise<void> {
    const before = this.#counters.get(counter);
    const sum = (before?.delta ?? 0) + delta;
    const floor = min ?? before?.min;
    if (min !== undefined && (await this.#base.counter(this.#tenant, counter)) + sum < min) {
      throw new RuntimeError("BALANCE_EXHAUSTED", `The balance does not cover this.`);
    }
    this.#counters.set(counter, { delta: sum, min: floor });
  }

  async #set(write: Exclude<TableWrite, { type: "add" }>): Promise<void> {
    const { table, id } = write;
    const key = keyOf(table, id);
    const before = this.#rows.get(key);
    this.#count += 1;
    const asked = write.type === "put" ? undefined : write.revision;
    this.#rows.set(key, {
      ...{ table, id, revision: `draft-${this.#count}` },
      row: write.type === "remove" ? null : { value: write.value },
      // The first write of a row says what must be stored; those after it are about this draft.
      stored: before === undefined ? asked : before.stored,
    });
  }

  async #checkCondition(write: TableWrite): Promise<void> {
    if (write.type === "add" || write.type === "put" || write.revision === undefined) return;
    const { table, id, revision } = write;
    const now = (await this.get(this.#tenant, table, id))?.revision ?? null;
    if (now === revision) return;
    throw new RuntimeError("REVISION_MISMATCH", `Row ${id} of ${table} was changed meanwhile.`);
  }

  #check(tenant: string): void {
    if (tenant !== this.#tenant) throw new Error("A draft is of one tenant.");
  }
}

function writesOf({ table, id, row, stored }: Drafted): readonly TableWrite[] {
  if (row === null) {
    // What was made and removed here was never there.
    if (stored === null) return [];
    return [{ type: "remove", table, id, ...(stored === undefined ? {} : { revision: stored }) }];
  }
  const { value } = row;
  if (stored === undefined) return [{ type: "put", table, id, value }];
  return [{ type: "put-if", table, id, value, revision: stored }];
}

function shown({ id, row, revision }: Drafted): TableRow | undefined {
  return row === null ? undefined : { id, value: row.value, revision };
}

function compare(left: string, right: string, reverse: boolean): number {
  const order = left < right ? -1 : left > right ? 1 : 0;
  return reverse ? -order : order;
}

const keyOf = (table: string, id: string): string => `${table}/${id}`;
