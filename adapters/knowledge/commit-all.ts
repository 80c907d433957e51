// Rows in commits of a bounded size. The level is the last one's: a flush covers what came before it.

import type { Bulk } from "../../runtime/store/bulk.ts";
import type { Level, StoreOp } from "../../runtime/store/store.ts";

/** Rows and bytes of one commit. */
export const commitLimits = { rows: 1_000, bytes: 2_000_000 } as const;

/** Rows in the order given, in pieces within the limits. */
export function* inPieces<Op extends StoreOp>(
  ops: Iterable<Op>,
  rowsMax: number = commitLimits.rows,
): Generator<readonly Op[]> {
  let piece: Op[] = [];
  let bytes = 0;
  for (const op of ops) {
    piece.push(op);
    bytes += op.key.length + ("value" in op ? (op.value?.length ?? 0) : 0);
    if (piece.length < rowsMax && bytes < commitLimits.bytes) continue;
    yield piece;
    piece = [];
    bytes = 0;
  }
  if (piece.length > 0) yield piece;
}

/** Commits them all. */
export async function commitAll(bulk: Bulk, ops: Iterable<StoreOp>, level: Level): Promise<void> {
  let before: readonly StoreOp[] | undefined;
  for (const piece of inPieces(ops)) {
    if (before !== undefined) await bulk.commit(before);
    before = piece;
  }
  if (before !== undefined) await bulk.commit(before, level);
}
