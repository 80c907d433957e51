// Which documents a filter lets through. A field has no value, one, or several: arrays stand for
// their elements, at the end of a dotted name and on its way. A value of another type than the one it
// is compared with never matches, and neither does a field that is not there (but to `exists`). Pure.

import { RuntimeError } from "../../runtime/errors.ts";
import { documentFields, filterLimits } from "../records/filter.ts";

/** What of a document a filter sees. Times ISO. */
export interface FilteredDocument {
  readonly id: string;
  readonly title: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Whether a document is wanted. */
export type IsWantedDocument = (document: FilteredDocument) => boolean;

/** Whether one of a field's values is as wanted. Values are anything that is in JSON but arrays. */
type Test = (values: readonly unknown[]) => boolean;

type Fields = Readonly<Record<string, unknown>>;

const OPERATORS = ["eq", "ne", "in", "nin", "gt", "gte", "lt", "lte", "exists"] as const;
type Operator = (typeof OPERATORS)[number];

/**
 * Numbers compare as numbers; ISO dates (`2026-01-31`, or with a time; UTC unless they name a zone)
 * as times with other ISO dates; other strings by code units; booleans are equal or not. `ne` and
 * `nin` want a value of the type, and that none is equal: for "or not there" there is `not`.
 * `exists` says whether there is a value other than null.
 * @param pointer where the filter stands in what was sent.
 * @throws INVALID with `details.pointer`.
 */
export function compileFilter(filter: unknown, pointer = "/filter"): IsWantedDocument {
  return compileGroup(filter, { pointer, depth: 0, count: { clauses: 0 } });
}

interface At {
  readonly pointer: string;
  readonly depth: number;
  readonly count: { clauses: number };
}

function compileGroup(filter: unknown, at: At): IsWantedDocument {
  if (!isObject(filter)) throw wrong(at.pointer, "must be an object");
  if (at.depth > filterLimits.depth) {
    throw wrong(at.pointer, `is more than ${filterLimits.depth} groups deep`);
  }
  const members = Object.entries(filter).map(([name, value]) => {
    const place = below(at, name);
    if (name === "and") return everyOf(compileList(value, place));
    if (name === "or") return someOf(compileList(value, place));
    if (name !== "not") return compileField(name, value, place);
    const isWanted = compileGroup(value, { ...place, depth: at.depth + 1 });
    return (document: FilteredDocument): boolean => !isWanted(document);
  });
  return everyOf(members);
}

function compileList(value: unknown, at: At): readonly IsWantedDocument[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw wrong(at.pointer, "must be an array of at least one filter");
  }
  const filters: readonly unknown[] = value;
  return filters.map((filter, index) => {
    const place = below(at, `${index}`);
    return compileGroup(filter, { ...place, depth: at.depth + 1 });
  });
}

function compileField(name: string, condition: unknown, at: At): IsWantedDocument {
  const read = readerOf(name, at.pointer);
  const tests = isObject(condition)
    ? compileCondition(condition, at)
    : [testOf("eq", condition, at.pointer)];
  return (document) => {
    const values = read(document);
    return tests.every((isTrue) => isTrue(values));
  };
}

function compileCondition(condition: Fields, at: At): readonly Test[] {
  const members = Object.entries(condition);
  if (members.length === 0) throw wrong(at.pointer, `must have one of ${OPERATORS.join(", ")}`);
  return members.map(([name, operand]) => {
    const pointer = pointerTo(at.pointer, name);
    const operator = OPERATORS.find((known) => known === name);
    if (operator === undefined) throw wrong(pointer, `is none of ${OPERATORS.join(", ")}`);
    return testOf(operator, operand, pointer);
  });
}

function testOf(operator: Operator, operand: unknown, pointer: string): Test {
  switch (operator) {
    case "eq":
      return isAny(comparisonOf(operand, pointer), (order) => order === 0);
    case "ne":
      return isNone([comparisonOf(operand, pointer)]);
    case "in": {
      const tests = itemsOf(operand, pointer).map((compare) =>
        isAny(compare, (order) => order === 0),
      );
      return (values) => tests.some((isTrue) => isTrue(values));
    }
    case "nin":
      return isNone(itemsOf(operand, pointer));
    case "exists":
      if (typeof operand !== "boolean") throw wrong(pointer, "must be a boolean");
      return (values) => values.some((value) => value !== null) === operand;
    default:
      if (typeof operand === "boolean") throw wrong(pointer, "must be a string or a number");
      return isAny(comparisonOf(operand, pointer), ORDERS[operator]);
  }
}

const ORDERS = {
  gt: (order: number) => order > 0,
  gte: (order: number) => order >= 0,
  lt: (order: number) => order < 0,
  lte: (order: number) => order <= 0,
} as const;

/** How a value stands to the operand: below, equal or above 0; undefined when it is of another type. */
type Comparison = (value: unknown) => number | undefined;

function isAny(compare: Comparison, isWanted: (order: number) => boolean): Test {
  return (values) =>
    values.some((value) => {
      const order = compare(value);
      return order !== undefined && isWanted(order);
    });
}

/** Some value is of an operand's type, and none is equal to any. */
function isNone(operands: readonly Comparison[]): Test {
  return (values) => {
    let isComparable = false;
    for (const value of values) {
      for (const compare of operands) {
        const order = compare(value);
        if (order === 0) return false;
        isComparable ||= order !== undefined;
      }
    }
    return isComparable;
  };
}

function itemsOf(operand: unknown, pointer: string): readonly Comparison[] {
  if (!Array.isArray(operand) || operand.length < 1 || operand.length > filterLimits.items) {
    throw wrong(pointer, `must be an array of 1 to ${filterLimits.items} values`);
  }
  const items: readonly unknown[] = operand;
  return items.map((item, index) => comparisonOf(item, `${pointer}/${index}`));
}

function comparisonOf(operand: unknown, pointer: string): Comparison {
  if (typeof operand === "string") return textComparison(operand, pointer);
  if (typeof operand === "number" && Number.isFinite(operand)) {
    return (value) => (typeof value === "number" ? value - operand : undefined);
  }
  if (typeof operand === "boolean") {
    return (value) => (typeof value === "boolean" ? Number(value) - Number(operand) : undefined);
  }
  throw wrong(pointer, "must be a string, a number or a boolean");
}

function textComparison(operand: string, pointer: string): Comparison {
  if (operand.length > filterLimits.valueChars) {
    throw wrong(pointer, `must have at most ${filterLimits.valueChars} characters`);
  }
  const time = timeOf(operand);
  if (time !== undefined) {
    return (value) => {
      const other = typeof value === "string" ? timeOf(value) : undefined;
      return other === undefined ? undefined : other - time;
    };
  }
  return (value) => {
    if (typeof value !== "string") return undefined;
    if (value === operand) return 0;
    return value < operand ? -1 : 1;
  };
}

const ISO_DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/;
/** Nothing longer is an ISO date. */
const DATE_CHARS = 35;

/** Milliseconds of an ISO date; undefined for any other text. */
function timeOf(text: string): number | undefined {
  if (text.length < 10 || text.length > DATE_CHARS) return undefined;
  const parts = ISO_DATE.exec(text);
  if (parts === null) return undefined;
  // A time without a zone would be read as local time.
  const isLocal = parts[1] !== undefined && parts[4] === undefined;
  const time = Date.parse(isLocal ? `${text}Z` : text);
  return Number.isNaN(time) ? undefined : time;
}

function readerOf(
  name: string,
  pointer: string,
): (document: FilteredDocument) => readonly unknown[] {
  const own = documentFields.find((known) => known === name);
  if (own === "document_id") return ({ id }) => [id];
  if (own !== undefined) return (document) => [document[own]];
  const parts = name.split(".");
  if (name.length > filterLimits.nameChars) {
    throw wrong(pointer, `is a name of more than ${filterLimits.nameChars} characters`);
  }
  if (parts.length > filterLimits.nameParts || (parts.length > 1 && parts.includes(""))) {
    throw wrong(pointer, `must be 1 to ${filterLimits.nameParts} names with dots between them`);
  }
  return ({ metadata }) => {
    const values: unknown[] = [];
    // A name that has dots itself goes before a way along dots.
    if (Object.hasOwn(metadata, name)) collect(metadata[name], [], values);
    else if (parts.length > 1) collect(metadata, parts, values);
    return values;
  };
}

/** Puts what lies along a path into `values`. Own members only: metadata is data. */
function collect(value: unknown, path: readonly string[], values: unknown[]): void {
  if (Array.isArray(value)) {
    const elements: readonly unknown[] = value;
    for (const element of elements) collect(element, path, values);
    return;
  }
  const [name, ...rest] = path;
  if (name === undefined) values.push(value);
  else if (isObject(value) && Object.hasOwn(value, name)) collect(value[name], rest, values);
}

function everyOf(tests: readonly IsWantedDocument[]): IsWantedDocument {
  return (document) => tests.every((isWanted) => isWanted(document));
}

function someOf(tests: readonly IsWantedDocument[]): IsWantedDocument {
  return (document) => tests.some((isWanted) => isWanted(document));
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The place of a member; each is a clause. */
function below({ pointer, depth, count }: At, name: string): At {
  const place = pointerTo(pointer, name);
  count.clauses += 1;
  if (count.clauses > filterLimits.clauses) {
    throw wrong(place, `is one clause too many: there may be ${filterLimits.clauses}`);
  }
  return { pointer: place, depth, count };
}

function pointerTo(pointer: string, name: string): string {
  return `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function wrong(pointer: string, what: string): RuntimeError {
  const shown = pointer.slice(0, 1_000);
  return new RuntimeError("INVALID", `${shown.slice(0, 200)} ${what}.`, { pointer: shown });
}
