// How much each tenant has stored in one environment: bytes of the keys and values of its rows, in a row
// of its own that is written in the transaction of what it counts, so that no crash parts them. Used by
// the storage thread alone.
//
// A folder of before has rows that nobody counted. They are, in slices between other groups: a slice and
// how far it went are one transaction, and of what is written meanwhile only rows that lie before that
// place change the count; the others are found when it gets there.

import { decode, decodeCounter, encode } from "./codec.ts";
import { keys, prefixRange } from "./keys.ts";
import type { Environment, Row } from "./store.ts";
import { tenantOfRow } from "./tenant-rows.ts";

/** The row that says what is counted. */
export interface Counted {
  /** Rows up to this key are; null: all. */
  readonly through: string | null;
  /**
   * `boots` of the header when it was written. Another number there: a program that does not count has
   * written in between, and everything is counted anew.
   */
  readonly boots: number;
}

/** What is used of an environment that is open for writing: rows as they were before the transaction. */
export interface Countable {
  getBinary(key: string): Uint8Array | undefined;
  /** Valid until the next read. */
  getBinaryFast(key: string): { readonly length: number } | undefined;
  getRange(range: {
    readonly start: string;
    readonly end?: string;
    readonly limit?: number;
  }): Iterable<Row>;
}

/** Rows of one transaction; undefined removes. */
type Staged = Map<string, Uint8Array | undefined>;

/** Rows that are looked through at once. */
const SLICE_ROWS = 500;
/** Tenants whose sums are remembered; past it they are read again. */
const SUMS_MAX = 10_000;
/** Rows whose sizes are remembered, twice. Of a chat's rows most are written again when it ends. */
const SIZES_MAX = 16_384;

/** Whether all rows of an environment are counted, from its header and its row `keys.counted`. */
export function isCounted(
  header: Uint8Array | undefined,
  counted: Uint8Array | undefined,
): boolean {
  if (header === undefined) return true;
  if (counted === undefined) return false;
  const { through, boots } = decode(counted) as Counted;
  return through === null && boots === (decode(header) as { readonly boots: number }).boots;
}

/** The count of one environment. */
export class StoredBytes {
  readonly #environment: Environment;
  readonly #database: Countable;
  /** As committed, of tenants that wrote lately. */
  readonly #sums = new Map<string, number>();
  /** Bytes of values as committed, 0 for none: to read one takes longer than all the rest. */
  #sizes = new Map<string, number>();
  #olderSizes = new Map<string, number>();
  /** What `stage` has put there and `committed` takes over. */
  #staged = new Map<string, number>();
  #through: string | null = null;
  #stagedThrough: string | null = null;
  /** Of the header that is stored. */
  #boots = 0;
  #stagedBoots = 0;
  /** Nothing is counted in this life: what its start had to write found no room. */
  #isOff = false;

  constructor(environment: Environment, database: Countable) {
    this.#environment = environment;
    this.#database = database;
  }

  /** Whether every row is counted, or nothing is. */
  get isWhole(): boolean {
    return this.#isOff || this.#through === null;
  }

  /**
   * Stages what a start writes beside its header.
   * @param before `boots` of the header that is stored; undefined: the environment is new.
   */
  begin(before: number | undefined, boots: number, staged: Staged): void {
    const stored = this.#database.getBinary(keys.counted);
    const counted = stored && (decode(stored) as Counted);
    if (before === undefined) this.#through = null;
    else if (counted?.boots === before) this.#through = counted.through;
    else {
      this.#through = "";
      const { from: start, to: end } = prefixRange(keys.bytesOfTenants, 1);
      for (const { key } of this.#database.getRange({ start, end })) staged.set(key, undefined);
      // Should it find no room, the next start begins again.
      this.#isOff = true;
    }
    this.#stagedThrough = this.#through;
    staged.set(keys.counted, encode({ through: this.#through, boots } satisfies Counted));
    // Until it is committed the header on the disk is the one before.
    this.#boots = before ?? boots;
    this.#stagedBoots = boots;
  }

  /** What `begin` has staged is committed. */
  begun(): void {
    this.#isOff = false;
    this.#boots = this.#stagedBoots;
  }

  /** Takes the committed value of a row that was read for something else; undefined: there is none. */
  seen(key: string, value: Uint8Array | undefined): void {
    this.#remember(key, value?.length ?? 0);
  }

  /** Stages the sums after what is staged. @param hasSlice whether rows of before are counted with it. */
  stage(staged: Staged, hasSlice: boolean): void {
    if (this.#isOff) return;
    const deltas = new Deltas(this.#environment);
    const through = hasSlice ? this.#slice(deltas) : this.#through;
    for (const [key, value] of staged) {
      if (through !== null && key > through) continue;
      deltas.add(key, bytesOfRow(key, value?.length ?? 0) - bytesOfRow(key, this.#sizeOf(key)));
    }
    if (through !== this.#through) staged.set(keys.counted, this.#counted(through));
    this.#stagedThrough = through;
    this.#staged = new Map();
    for (const [tenant, delta] of deltas.all()) {
      if (delta === 0) continue;
      const key = keys.bytes(tenant);
      const sum = (this.#sums.get(tenant) ?? decodeCounter(this.#database.getBinary(key))) + delta;
      this.#staged.set(tenant, sum);
      staged.set(key, sum === 0 ? undefined : encode(sum));
    }
  }

  /** What `stage` has looked at, and put there, is committed. */
  committed(staged: Staged): void {
    if (this.#isOff) return;
    for (const [key, value] of staged) this.#remember(key, value?.length ?? 0);
    this.#through = this.#stagedThrough;
    if (this.#sums.size + this.#staged.size > SUMS_MAX) this.#sums.clear();
    for (const [tenant, sum] of this.#staged) this.#sums.set(tenant, sum);
  }

  #sizeOf(key: string): number {
    const known = this.#sizes.get(key) ?? this.#olderSizes.get(key);
    return known ?? this.#database.getBinaryFast(key)?.length ?? 0;
  }

  #remember(key: string, size: number): void {
    if (this.#sizes.size >= SIZES_MAX) {
      this.#olderSizes = this.#sizes;
      this.#sizes = new Map();
    }
    this.#sizes.set(key, size);
  }

  /** Counts the next rows that nobody counted. @returns up to which key all are then. */
  #slice(deltas: Deltas): string | null {
    if (this.#through === null) return null;
    const rows = this.#database.getRange({ start: `${this.#through} `, limit: SLICE_ROWS });
    let count = 0;
    let last = this.#through;
    for (const { key, value } of rows) {
      count += 1;
      last = key;
      deltas.add(key, bytesOfRow(key, value.length));
    }
    return count < SLICE_ROWS ? null : last;
  }

  #counted(through: string | null): Uint8Array {
    return encode({ through, boots: this.#boots } satisfies Counted);
  }
}

/** What a transaction changes, by tenant. Rows of one tenant come one after the other. */
class Deltas {
  readonly #environment: Environment;
  readonly #deltas = new Map<string, number>();
  #tenant = "";
  #delta = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  add(key: string, delta: number): void {
    const tenant = key.startsWith("!") ? null : tenantOfRow(this.#environment, key);
    if (typeof tenant !== "string") return;
    if (tenant !== this.#tenant) this.#next(tenant);
    this.#delta += delta;
  }

  all(): Iterable<readonly [string, number]> {
    this.#next("");
    return this.#deltas;
  }

  #next(tenant: string): void {
    if (this.#delta !== 0) {
      this.#deltas.set(this.#tenant, (this.#deltas.get(this.#tenant) ?? 0) + this.#delta);
    }
    this.#tenant = tenant;
    this.#delta = 0;
  }
}

/** Of a row whose value has so many bytes; 0: there is none. */
export function bytesOfRow(key: string, size: number): number {
  return size === 0 ? 0 : key.length + size;
}
