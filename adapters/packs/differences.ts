// What differs between two states of a record, field by field, for people to read before they agree.

import { isSame } from "../http/services/same.ts";
import type { Fields } from "./kinds/kind.ts";

/** A field that differs; null where it is not set. */
export interface Difference {
  /** RFC 6901, within the record. */
  readonly pointer: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Fields that differ; those of lists and objects one by one where both have them. */
export function differencesOf(
  before: unknown,
  after: unknown,
  pointer = "",
): readonly Difference[] {
  if (isSame(before, after)) return [];
  if (!isObject(before) || !isObject(after)) {
    return [{ pointer, before: before ?? null, after: after ?? null }];
  }
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((name) =>
    differencesOf(before[name], after[name], `${pointer}/${escaped(name)}`),
  );
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function escaped(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
