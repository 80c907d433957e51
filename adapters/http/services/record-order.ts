// The order of records in a list: by one field, absent ones last, ties by id, so that there is exactly
// one order and a place in it stays one while records come, change and go.

/** What records are compared by. Texts are cut and folded (`sortKey`). */
export type SortKey = string | number | boolean | null;

/** A place in a list: after the record that has, or had, this key and id. */
export interface ListPlace {
  readonly key: SortKey;
  readonly id: string;
}

/** Characters of a text that are compared, and that a cursor may hold. */
const KEY_CHARS = 256;

/** What a value of a field is compared by: texts without regard to case, cut. */
export function sortKey(value: unknown): SortKey {
  if (typeof value === "string") return fold(value).slice(0, KEY_CHARS);
  if (typeof value === "number" || typeof value === "boolean") return value;
  return null;
}

/** A text as it is searched and sorted: upper and lower case, and forms of one letter, are the same. */
export function fold(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}

/** Negative when `left` comes first. */
export function comparePlaces(left: ListPlace, right: ListPlace): number {
  const byKey = compareKeys(left.key, right.key);
  if (byKey !== 0) return byKey;
  return left.id < right.id ? -1 : left.id > right.id ? 1 : 0;
}

const ranks: Readonly<Record<string, number>> = { boolean: 0, number: 1, string: 2, object: 3 };

function compareKeys(left: SortKey, right: SortKey): number {
  const byType = (ranks[typeof left] ?? 0) - (ranks[typeof right] ?? 0);
  if (byType !== 0 || left === null || right === null) return byType;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The first of the ordered records that comes after a place. */
export function firstAfter(ordered: readonly ListPlace[], place: ListPlace): number {
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = ordered[middle];
    if (at !== undefined && comparePlaces(at, place) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
