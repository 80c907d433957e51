// Reads records of an actor for main, a slice at a time: main also serves everybody else.

import type { Data } from "../actor.ts";
import { RuntimeError } from "../errors.ts";
import { decode } from "../store/codec.ts";
import { keys, prefixRange } from "../store/keys.ts";
import type { Reader } from "../store/store.ts";
import type { System } from "../system.ts";

const RECORDS_MAX = 1_000;
const SLICE_ROWS = 200;

/** As `System.records`. @throws INVALID for a page of none or more than 1,000. */
export async function readRecords(
  hot: Reader,
  ...[owner, range]: Parameters<System["records"]>
): Promise<readonly { key: string; value: Data }[]> {
  const { limit, reverse = false } = range;
  if (!Number.isInteger(limit) || limit < 1 || limit > RECORDS_MAX) {
    throw new RuntimeError("INVALID", `A page has 1 to ${RECORDS_MAX} records.`);
  }
  const base = keys.recordOf(owner);
  const all = prefixRange(base, limit);
  let from = range.from === undefined ? all.from : base + range.from;
  let to = range.to === undefined ? all.to : base + range.to;
  const found: { key: string; value: Data }[] = [];
  while (found.length < limit) {
    const slice = Math.min(SLICE_ROWS, limit - found.length);
    const rows = await hot.range({ from, to, limit: slice, reverse });
    for (const { key, value } of rows) {
      found.push({ key: key.slice(base.length), value: decode(value) });
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < SLICE_ROWS) break;
    if (reverse) to = last.key;
    else from = `${last.key} `;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return found;
}
