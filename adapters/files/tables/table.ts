// A table as its rows go by: a column for each name, and groups by the values of one of them.

import { RuntimeError } from "../../../runtime/errors.ts";
import { fileLimits } from "../limits.ts";
import { Column, Numbers, type Typed, typed, type Value } from "./column.ts";

/** A row by the names of its columns. */
export type Row = Readonly<Record<string, Value>>;

/** What of a table is wanted. */
export interface Wanted {
  /** Default all. */
  readonly columns?: readonly string[];
  readonly groupBy?: string;
}

const NOTHING = "(none)";

/** Takes rows, and sums them up. */
export class Table {
  readonly #columns = new Map<string, Column>();
  readonly #groups = new Map<string, { rows: number; numbers: Map<string, Numbers> }>();
  readonly #only: ReadonlySet<string> | null;
  readonly #groupBy: string | undefined;
  readonly #isWritten: boolean;
  /** Every name there was. */
  readonly #names = new Set<string>();
  #rows = 0;
  #values = 0;
  #isMoreGroups = false;

  /** @param isWritten whether texts are values that were written down, as in CSV. */
  constructor({ columns, groupBy }: Wanted, isWritten: boolean) {
    this.#only = columns === undefined ? null : new Set(columns);
    this.#groupBy = groupBy;
    this.#isWritten = isWritten;
  }

  /** Names that are there whether or not a row has a value. */
  head(names: readonly string[]): void {
    for (const name of names) this.#column(name);
  }

  /** @throws DOCUMENT_UNREADABLE behind the limits. */
  add(row: Row): void {
    this.#rows += 1;
    if (this.#rows > fileLimits.rows) throw tooMuch("rows", fileLimits.rows);
    const group = this.#groupBy === undefined ? null : this.#group(row[this.#groupBy]);
    for (const [name, value] of Object.entries(row)) {
      const column = this.#column(name);
      this.#values += 1;
      if (this.#values > fileLimits.values) throw tooMuch("values", fileLimits.values);
      const known = column === null ? null : typed(value, this.#isWritten);
      if (known === null) continue;
      column?.add(known);
      if (group !== null && name !== this.#groupBy) addTo(group, name, known);
    }
  }

  /** As plain data. @throws INVALID for columns that are not there. */
  summary(): Readonly<Record<string, unknown>> {
    for (const name of [...(this.#only ?? []), ...(this.#groupBy ? [this.#groupBy] : [])]) {
      if (!this.#names.has(name)) throw this.#missing(name);
    }
    const columns = [...this.#columns].map(([name, column]) => ({
      name,
      ...column.summary(this.#rows),
    }));
    return { rows: this.#rows, columns, ...(this.#groupBy !== undefined && this.#grouped()) };
  }

  #grouped(): Readonly<Record<string, unknown>> {
    const groups = [...this.#groups].sort(([a, m], [b, n]) => n.rows - m.rows || (a < b ? -1 : 1));
    const shown = groups.slice(0, fileLimits.shownGroups).map(([value, { rows, numbers }]) => ({
      ...{ value, rows },
      ...Object.fromEntries([...numbers].map(([name, of]) => [name, of.brief()])),
    }));
    const all = this.#isMoreGroups ? `more than ${fileLimits.groups}` : String(groups.length);
    const note = `There are ${all} groups; these are the largest ${shown.length}.`;
    const isWhole = !this.#isMoreGroups && shown.length === groups.length;
    return { group_by: this.#groupBy, groups: shown, ...(!isWhole && { note }) };
  }

  /** Null: not wanted. */
  #column(name: string): Column | null {
    const found = this.#columns.get(name);
    if (found !== undefined) return found;
    if (!this.#names.has(name)) {
      if (this.#names.size >= fileLimits.columns) throw tooMuch("columns", fileLimits.columns);
      this.#names.add(name);
    }
    if (this.#only !== null && !this.#only.has(name)) return null;
    const made = new Column();
    this.#columns.set(name, made);
    return made;
  }

  #group(value: Value) {
    const key = typed(value, this.#isWritten)?.text.slice(0, fileLimits.valueChars) ?? NOTHING;
    const found = this.#groups.get(key);
    if (found === undefined && this.#groups.size >= fileLimits.groups) {
      this.#isMoreGroups = true;
      return null;
    }
    const group = found ?? { rows: 0, numbers: new Map<string, Numbers>() };
    group.rows += 1;
    this.#groups.set(key, group);
    return group;
  }

  #missing(name: string): RuntimeError {
    const there = [...this.#names].slice(0, 50).join(", ");
    return new RuntimeError("INVALID", `There is no column "${name}". There are: ${there}.`);
  }
}

function addTo(group: { numbers: Map<string, Numbers> }, name: string, { number }: Typed): void {
  if (number === undefined) return;
  const { numbers } = group;
  const found = numbers.get(name);
  if (found === undefined && numbers.size >= fileLimits.groupColumns) return;
  const made = found ?? new Numbers(GROUP_SAMPLE);
  made.add(number);
  numbers.set(name, made);
}

/** Groups have no quantiles. */
const GROUP_SAMPLE = 0;

function tooMuch(what: string, limit: number): RuntimeError {
  return new RuntimeError("DOCUMENT_UNREADABLE", `The data has more than ${limit} ${what}.`);
}
