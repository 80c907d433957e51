// Work in slices: long reads and indexing give the event loop its turn every few milliseconds.

import { setImmediate as nextTurn } from "node:timers/promises";
import { prefixRange } from "../../runtime/store/keys.ts";
import type { Reader, Row } from "../../runtime/store/store.ts";

/** Limits of a slice. */
export const sliceLimits = {
  /** Work before the event loop gets its turn, in ms. */
  workMs: 2,
  /** Rows read at once. */
  rows: 32,
} as const;

/** Gives the event loop its turn when this work has had its time. */
export class Slices {
  #since = performance.now();

  get isDue(): boolean {
    return performance.now() - this.#since >= sliceLimits.workMs;
  }

  async breathe(): Promise<void> {
    if (!this.isDue) return;
    await nextTurn();
    this.#since = performance.now();
  }
}

/** Rows of a range, read a few at a time. Each few are of one snapshot, all of them need not be. */
export async function* rowsOf(
  reader: Reader,
  range: { readonly from: string; readonly to: string },
  slices: Slices,
): AsyncGenerator<Row> {
  let { from } = range;
  for (;;) {
    const rows = await reader.range({ from, to: range.to, limit: sliceLimits.rows });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < sliceLimits.rows) return;
    from = `${last.key}!`;
    await slices.breathe();
  }
}

/** All rows of a prefix. */
export function rowsWith(reader: Reader, prefix: string, slices: Slices): AsyncGenerator<Row> {
  return rowsOf(reader, prefixRange(prefix, 0), slices);
}
