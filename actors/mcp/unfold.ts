// How large a schema of a stranger becomes when its references are followed: a few that name each other twice are
// gigabytes of work for whoever checks a value. Where one leads back to what it is part of, it is cut: what is below
// is checked by the server alone.

import { RuntimeError } from "../../runtime/errors.ts";

/** Objects and lists of a schema with all references followed. */
const SIZE_MAX = 5_000;

/**
 * References that lead back. @param root the schema, whose references stay within it.
 * @throws SCHEMA_INVALID for one that unfolds to more than 5,000 parts or names what is not there.
 */
export function leadingBack(root: object): ReadonlySet<object> {
  const back = new Set<object>();
  const above = new Set<object>();
  let size = 0;
  const walk = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    size += 1;
    if (size > SIZE_MAX) throw invalid(`It unfolds to more than ${SIZE_MAX} parts.`);
    above.add(node);
    const reference = (node as { readonly $ref?: unknown }).$ref;
    if (typeof reference === "string") {
      const target = found(root, reference);
      if (above.has(target)) back.add(node);
      else walk(target);
    }
    for (const child of Object.values(node)) walk(child);
    above.delete(node);
  };
  walk(root);
  return back;
}

function found(root: object, reference: string): object {
  let at: unknown = root;
  if (!/^#(\/|$)/.test(reference)) throw invalid("A $ref is a pointer within it.");
  for (const part of reference.split("/").slice(1)) {
    const key = decoded(part).replaceAll("~1", "/").replaceAll("~0", "~");
    const isThere = typeof at === "object" && at !== null && Object.hasOwn(at, key);
    at = isThere ? (at as Readonly<Record<string, unknown>>)[key] : undefined;
  }
  if (typeof at === "object" && at !== null) return at;
  throw invalid("A $ref names what is not there.");
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function invalid(message: string): RuntimeError {
  return new RuntimeError("SCHEMA_INVALID", message);
}
