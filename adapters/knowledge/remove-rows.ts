// Removes rows of a collection, in commits of a bounded size; what is cut by a crash is begun again.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import type { StoreOp } from "../../runtime/store/store.ts";
import { documentOf, type Place, rowBytes, type Write } from "./rows.ts";

/** Rows of one commit. */
export const REMOVE_ROWS = 200;

/** Whether a commit was refused because somebody else was faster. */
export const isRace = (error: unknown): boolean =>
  error instanceof RuntimeError && error.code === "CONDITION_FAILED";

/**
 * Removes the rows of a write that is not visible. Its own row is marked first, so that nothing is
 * written to it or published from it any more, and goes last, so that a sweep finds what a crash left.
 */
export async function removeWrite(bulk: Bulk, place: Place, write: Write): Promise<void> {
  const { tenant, collection } = place;
  const { documentId, writeId } = write;
  const key = keys.write(tenant, collection, documentId, writeId);
  const expected = await bulk.get(key);
  if (expected === undefined) return;
  const stored = await bulk.get(keys.document(tenant, collection, documentId));
  if (stored !== undefined && documentOf(stored).writeId === writeId) {
    await commitIfSame(bulk, [{ op: "swap", key, expected }]);
    return;
  }
  const value = rowBytes({ id: documentId, writeId, since: 0 });
  if (!(await commitIfSame(bulk, [{ op: "swap", key, expected, value }]))) return;
  const text = keys.documentText(tenant, collection, documentId, writeId);
  await removeRange(bulk, keys.chunksOf(tenant, collection, documentId, writeId));
  // Refused when another thread removes the same and was faster.
  await commitIfSame(bulk, [
    { op: "remove", key: text },
    { op: "swap", key, expected: value },
  ]);
}

async function commitIfSame(bulk: Bulk, ops: readonly StoreOp[]): Promise<boolean> {
  try {
    await bulk.commit(ops);
    return true;
  } catch (error) {
    if (isRace(error)) return false;
    throw error;
  }
}

/** Removes every row of a prefix, some at a time. */
export async function removeRange(bulk: Bulk, prefix: string): Promise<void> {
  let { from, to } = prefixRange(prefix, 0);
  for (;;) {
    const rows = await bulk.range({ from, to, limit: REMOVE_ROWS });
    const last = rows.at(-1);
    if (last === undefined) return;
    await bulk.commit(rows.map(({ key }): StoreOp => ({ op: "remove", key })));
    from = `${last.key}!`;
  }
}
