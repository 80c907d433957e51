// What lists filter, sort and search by, of every record of a tenant's table, in memory: made with the
// first list that asks for it, and brought up to date before each one from the rows that were noted
// as changed since. Only main writes the tables that are indexed, and it notes every write.

import { setImmediate as nextPass } from "node:timers/promises";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { TableRow, Tables } from "../../../runtime/system.ts";
import { RecordBodies } from "./record-bodies.ts";
import { isLinkTo } from "./record-links.ts";
import { comparePlaces, fold, type ListPlace, sortKey } from "./record-order.ts";

type Fields = Readonly<Record<string, unknown>>;

/** How records of one table are listed. */
export interface Listing {
  /** Table of current rows. */
  readonly table: string;
  /** One of them, in messages: "agent". */
  readonly name: string;
  /** All of them, in messages, and the counter of a tenant's: "agents". */
  readonly path: string;
  /** Fields that `?q=` looks in. */
  readonly searched: readonly string[];
  /** Fields of `?field=value`. */
  readonly filters: readonly string[];
  /** Fields of `?sort=`, besides `created_at` and `updated_at`. */
  readonly sorts: readonly string[];
  /** Schemas of the fields by name: what a filter's value may be. */
  readonly properties: Fields;
  /** The record in a row, with `created_at` and `updated_at`. */
  recordOf(value: unknown): Fields;
  /** Ids of other records that one names, or "id@3" for a version of one. */
  linksOf(value: unknown): readonly string[];
}

/** What a list knows of a record. */
export interface IndexEntry {
  readonly id: string;
  /** Folded texts of the searched fields. */
  readonly text: string;
  /** Values of the fields that are filtered or sorted by. */
  readonly values: Fields;
  /** Of which kind, by the listing's name. */
  readonly kind: string;
  readonly name: string;
  readonly links: readonly string[];
}

/** Records of one tenant's table that are indexed; a table with more is listed by creation alone. */
const RECORDS_MAX = 50_000;
/** Of all tables together; those that were not asked for longest go. */
const ALL_RECORDS_MAX = 200_000;
/** Rows read in one go: main does nothing else meanwhile. */
const ROWS_AT_ONCE = 50;
/** Characters of a record that are searched. */
const TEXT_CHARS = 8_000;

/** The entry of a row. */
export function entryOf(
  listing: Listing,
  { id, value }: Pick<TableRow, "id" | "value">,
): IndexEntry {
  const record = listing.recordOf(value);
  const texts = listing.searched.map((field) => record[field]);
  const text = texts.filter((one) => typeof one === "string").join("\n");
  const fields = [...listing.filters, ...listing.sorts, "created_at", "updated_at"];
  return {
    id,
    text: fold(text).slice(0, TEXT_CHARS),
    values: Object.fromEntries(fields.map((field) => [field, record[field] ?? null])),
    kind: listing.name,
    name: String(record["name"] ?? ""),
    links: listing.linksOf(value),
  };
}

/** An entry with its place in a list. */
export interface PlacedEntry extends ListPlace {
  readonly entry: IndexEntry;
}

/** All records of one tenant's table. */
class TableIndex {
  readonly entries = new Map<string, IndexEntry>();
  readonly dirty = new Set<string>();
  readonly #ordered = new Map<string, readonly PlacedEntry[]>();
  /** Ends when everything that was noted before is in. */
  ready: Promise<void>;

  constructor(build: (index: TableIndex) => Promise<void>) {
    this.ready = build(this);
  }

  set(id: string, entry: IndexEntry | undefined): void {
    if (entry === undefined) this.entries.delete(id);
    else this.entries.set(id, entry);
    this.#ordered.clear();
  }

  /** Ascending by a field. The array stays as it is when records change. */
  ordered(field: string): readonly PlacedEntry[] {
    const known = this.#ordered.get(field);
    if (known !== undefined) return known;
    const placed = [...this.entries.values()].map((entry) => {
      return { key: sortKey(entry.values[field]), id: entry.id, entry };
    });
    placed.sort(comparePlaces);
    this.#ordered.set(field, placed);
    return placed;
  }
}

/** The index of all tables and tenants. */
export class RecordIndex {
  /** Answers made of the same records; told of the same changes. */
  readonly bodies = new RecordBodies();
  readonly #tables: Tables;
  readonly #indexes = new Map<string, TableIndex>();

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** A row was written, or may have been: called when the write has ended, however it did. */
  changed(tenant: string, table: string, id: string): void {
    this.#indexes.get(`${tenant}/${table}`)?.dirty.add(id);
    this.bodies.changed(tenant, table, id);
  }

  /**
   * Records ascending by a field, with everything that was noted as changed before the call.
   * @throws CONFLICT for a table with too many records.
   */
  async ordered(tenant: string, listing: Listing, field: string): Promise<readonly PlacedEntry[]> {
    return (await this.#upToDate(tenant, listing)).ordered(field);
  }

  /** Records of the tables that name one of the tenant's, in order of creation. */
  async usersOf(
    tenant: string,
    listings: readonly Listing[],
    id: string,
  ): Promise<readonly IndexEntry[]> {
    const users: IndexEntry[] = [];
    for (const listing of listings) {
      await this.#each(tenant, listing, (entry) => {
        if (entry.links.some((link) => isLinkTo(link, id))) users.push(entry);
      });
    }
    return users;
  }

  /** Looks at every record: in memory where they fit, else row by row. */
  async #each(tenant: string, listing: Listing, look: (entry: IndexEntry) => void): Promise<void> {
    const index = await this.#upToDate(tenant, listing).catch((error: unknown) => {
      if (error instanceof RuntimeError && error.code === "CONFLICT") return null;
      throw error;
    });
    if (index !== null) for (const entry of index.entries.values()) look(entry);
    else await this.#read(tenant, listing, look);
  }

  async #upToDate(tenant: string, listing: Listing): Promise<TableIndex> {
    if ((await this.#tables.counter(tenant, listing.path)) > RECORDS_MAX) throw tooMany(listing);
    const key = `${tenant}/${listing.table}`;
    const known = this.#indexes.get(key);
    const index = known ?? new TableIndex((fresh) => this.#build(tenant, listing, fresh));
    // Taken out and put in again: the map's order is the order of use.
    this.#indexes.delete(key);
    this.#indexes.set(key, index);
    index.ready = index.ready.then(() => this.#refresh(tenant, listing, index));
    try {
      await index.ready;
    } catch (error) {
      // What it missed is unknown: the next list makes another one.
      if (this.#indexes.get(key) === index) this.#indexes.delete(key);
      throw error;
    }
    this.#makeRoom(key);
    return index;
  }

  async #build(tenant: string, listing: Listing, index: TableIndex): Promise<void> {
    await this.#read(tenant, listing, (entry) => index.set(entry.id, entry));
  }

  async #read(tenant: string, listing: Listing, look: (entry: IndexEntry) => void): Promise<void> {
    for (let after: string | undefined; ; ) {
      const range = { limit: ROWS_AT_ONCE, ...(after === undefined ? {} : { after }) };
      const rows = await this.#tables.list(tenant, listing.table, range);
      for (const row of rows) look(entryOf(listing, row));
      after = rows.at(-1)?.id;
      if (rows.length < ROWS_AT_ONCE) return;
      await nextPass();
    }
  }

  async #refresh(tenant: string, listing: Listing, index: TableIndex): Promise<void> {
    const ids = [...index.dirty];
    index.dirty.clear();
    for (const [at, id] of ids.entries()) {
      const row = await this.#tables.get(tenant, listing.table, id);
      index.set(id, row === undefined ? undefined : entryOf(listing, row));
      if (at % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await nextPass();
    }
  }

  #makeRoom(inUse: string): void {
    let records = 0;
    for (const { entries } of this.#indexes.values()) records += entries.size;
    for (const [key, { entries }] of this.#indexes) {
      if (records <= ALL_RECORDS_MAX) return;
      if (key === inUse) continue;
      this.#indexes.delete(key);
      records -= entries.size;
    }
  }
}

function tooMany({ path }: Listing): RuntimeError {
  const message = `There are more than ${RECORDS_MAX} ${path}: they are listed in order of creation alone, without q, sort and filters.`;
  return new RuntimeError("CONFLICT", message, { limit: RECORDS_MAX });
}
