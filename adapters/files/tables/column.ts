// What is known of one column after all its values went by: how many there are of which type, the extent and the
// quantiles of its numbers, and its most frequent values.

import { fileLimits } from "../limits.ts";

/** What a value is. */
export type ValueType = "integer" | "number" | "boolean" | "date" | "text" | "list" | "object";

/** A value of a table: of texts it is found out what they say. */
export type Value = null | undefined | string | number | boolean | bigint | Date | object;

/** A value that is there. */
export interface Typed {
  readonly type: ValueType;
  readonly number?: number;
  /** As it is counted and shown. */
  readonly text: string;
}

const INTEGER = /^[+-]?\d{1,15}$/;
const NUMBER = /^[+-]?(?:\d{1,15}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?$/;
const DATE =
  /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;
const NULLS: ReadonlySet<string> = new Set(["", "null", "NULL", "NA", "N/A", "NaN", "nan", "None"]);
const QUANTILES = { p05: 0.05, p25: 0.25, median: 0.5, p75: 0.75, p95: 0.95 } as const;

/** Null: there is none. @param isWritten whether texts are values that were written down, as in CSV. */
export function typed(value: Value, isWritten: boolean): Typed | null {
  switch (typeof value) {
    case "undefined":
      return null;
    case "number":
      if (!Number.isFinite(value)) return null;
      return {
        type: Number.isInteger(value) ? "integer" : "number",
        number: value,
        text: `${value}`,
      };
    case "bigint":
      return { type: "integer", number: Number(value), text: `${value}` };
    case "boolean":
      return { type: "boolean", text: `${value}` };
    case "string":
      return isWritten ? written(value.trim()) : said(value);
    default:
      if (value === null) return null;
      if (value instanceof Date) {
        return Number.isNaN(value.getTime()) ? null : { type: "date", text: value.toISOString() };
      }
      return { type: Array.isArray(value) ? "list" : "object", text: "" };
  }
}

function said(text: string): Typed {
  return { type: DATE.test(text) ? "date" : "text", text };
}

function written(text: string): Typed | null {
  if (NULLS.has(text)) return null;
  if (INTEGER.test(text)) return { type: "integer", number: Number(text), text };
  if (NUMBER.test(text)) return { type: "number", number: Number(text), text };
  if (/^(?:true|false)$/i.test(text)) return { type: "boolean", text: text.toLowerCase() };
  return said(text);
}

/** One column. */
export class Column {
  #values = 0;
  readonly #types = new Map<ValueType, number>();
  readonly #counts = new Map<string, number>();
  #isCounted = true;
  readonly #numbers = new Numbers();
  #least: string | null = null;
  #greatest: string | null = null;

  add({ type, number, text }: Typed): void {
    this.#values += 1;
    this.#types.set(type, (this.#types.get(type) ?? 0) + 1);
    if (number !== undefined) this.#numbers.add(number);
    if (type === "list" || type === "object") return;
    const short = text.slice(0, fileLimits.valueChars);
    if (type === "date") this.#extend(short);
    const count = this.#counts.get(short);
    if (count !== undefined || this.#counts.size < fileLimits.distinct) {
      this.#counts.set(short, (count ?? 0) + 1);
    } else this.#isCounted = false;
  }

  /** As plain data. @param rows of the whole table: values that are missing are nulls. */
  summary(rows: number): Readonly<Record<string, unknown>> {
    const type = this.#type();
    const numbers = this.#numbers.summary();
    const isNumeric = type === "integer" || type === "number";
    const top = [...this.#counts]
      .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
      .slice(0, fileLimits.shownValues)
      .map(([value, count]) => ({ value, count }));
    return {
      ...{ type, count: this.#values, nulls: rows - this.#values },
      ...(type === "mixed" && { types: Object.fromEntries(this.#types) }),
      distinct: this.#isCounted ? this.#counts.size : `more than ${fileLimits.distinct}`,
      ...(isNumeric && numbers),
      ...(type === "date" && { min: this.#least, max: this.#greatest }),
      ...(top.length > 0 && { top }),
    };
  }

  #type(): ValueType | "mixed" | "empty" {
    const types = [...this.#types.keys()];
    const [only, ...others] = types;
    if (only === undefined) return "empty";
    if (others.length === 0) return only;
    const isOf = (...all: readonly ValueType[]) => types.every((one) => all.includes(one));
    if (isOf("integer", "number")) return "number";
    return isOf("text", "date") ? "text" : "mixed";
  }

  /** Times as they are written sort as they follow each other, in one and the same zone. */
  #extend(text: string): void {
    if (this.#least === null || text < this.#least) this.#least = text;
    if (this.#greatest === null || text > this.#greatest) this.#greatest = text;
  }
}

/** Numbers in one pass (Welford), with a sample of them for the quantiles (reservoir, the same in each run). */
export class Numbers {
  #count = 0;
  #mean = 0;
  #squares = 0;
  #least = Number.POSITIVE_INFINITY;
  #greatest = Number.NEGATIVE_INFINITY;
  #random = 0x2545f491;
  readonly #sample: number[] = [];
  readonly #sampleMax: number;

  /** @param sampleMax numbers that quantiles are taken of. */
  constructor(sampleMax: number = fileLimits.sample) {
    this.#sampleMax = sampleMax;
  }

  add(number: number): void {
    this.#count += 1;
    const off = number - this.#mean;
    this.#mean += off / this.#count;
    this.#squares += off * (number - this.#mean);
    if (number < this.#least) this.#least = number;
    if (number > this.#greatest) this.#greatest = number;
    if (this.#sample.length < this.#sampleMax) this.#sample.push(number);
    else {
      const at = this.#below(this.#count);
      if (at < this.#sampleMax) this.#sample[at] = number;
    }
  }

  summary(): Readonly<Record<string, unknown>> {
    if (this.#count === 0) return {};
    const sorted = Float64Array.from(this.#sample).sort();
    const quantiles = Object.fromEntries(
      Object.entries(QUANTILES).map(([name, share]) => [name, rounded(quantile(sorted, share))]),
    );
    const deviation = this.#count > 1 ? Math.sqrt(this.#squares / (this.#count - 1)) : 0;
    return {
      ...{ min: this.#least, max: this.#greatest, mean: rounded(this.#mean) },
      ...{ sum: rounded(this.#mean * this.#count), standard_deviation: rounded(deviation) },
      ...{ quantiles },
      ...(this.#count > fileLimits.sample && {
        quantiles_of: `${fileLimits.sample} of the values`,
      }),
    };
  }

  /** Of a group. */
  brief(): Readonly<Record<string, unknown>> {
    if (this.#count === 0) return { count: 0 };
    const { min, max, mean, sum } = this.summary();
    return { count: this.#count, sum, mean, min, max };
  }

  /** Xorshift: a random source of its own gives the same sample for the same file. */
  #below(limit: number): number {
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    return Math.floor(((this.#random >>> 0) / 2 ** 32) * limit);
  }
}

/** Linear between the two nearest. */
function quantile(sorted: Float64Array, share: number): number {
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? 0;
  return low + ((sorted[Math.ceil(at)] ?? low) - low) * (at - Math.floor(at));
}

/** Without what sums of binary fractions leave behind. */
const rounded = (number: number): number => Number(number.toPrecision(12));
