// What crosses between the door and an engine on the same thread is copied as between two threads, so
// that neither sees what the other changes later. Structured clone costs several times what a walk
// over plain data does: it is left for what is none.

/** Deeper data, and circles, are left to structured clone. */
const DEPTH_MAX = 64;
/** So is what has more values: one that is reached on many ways would be copied for each of them. */
const VALUES_MAX = 65_536;

/** Not plain data. */
const OTHER = Symbol("other");

/** Values of the copy under way. */
let values = 0;

/** A copy. @throws DataCloneError for what cannot be sent to another thread. */
export function copied<T>(value: T): T {
  values = 0;
  const copy = copyPlain(value, 0);
  return copy === OTHER ? structuredClone(value) : (copy as T);
}

function copyPlain(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) {
    return typeof value === "function" || typeof value === "symbol" ? OTHER : value;
  }
  values += 1;
  if (depth >= DEPTH_MAX || values > VALUES_MAX) return OTHER;
  return Array.isArray(value) ? copyList(value, depth) : copyFields(value, depth);
}

function copyList(list: readonly unknown[], depth: number): unknown {
  values += list.length;
  if (values > VALUES_MAX) return OTHER;
  const copies: unknown[] = [];
  for (let at = 0; at < list.length; at += 1) {
    const copy = copyPlain(list[at], depth + 1);
    // A hole stays one.
    if (copy === OTHER || (copy === undefined && !(at in list))) return OTHER;
    copies.push(copy);
  }
  return copies;
}

function copyFields(value: object, depth: number): unknown {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return OTHER;
  const fields: Record<string, unknown> = {};
  for (const field of Object.keys(value)) {
    const copy = copyPlain((value as Record<string, unknown>)[field], depth + 1);
    if (copy === OTHER || field === "__proto__") return OTHER;
    fields[field] = copy;
  }
  return fields;
}
