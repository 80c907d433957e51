// The stored log of a run, in pages: what replays and traces read, on main or in another program,
// while the run may still be writing.

import { type Address, addressParts } from "../address.ts";
import { keys, prefixRange } from "../store/keys.ts";
import type { Reader } from "../store/store.ts";
import { loadMerged } from "./journal.ts";
import { decodeChunk } from "./journal-codec.ts";
import type { LogEntry } from "./log-entry.ts";

/** Chunks of one page at most. */
export const LOG_PAGE_CHUNKS = 50;

/** A piece of a run's log. */
export interface LogPage {
  readonly entries: readonly LogEntry[];
  /** Number of the first chunk of the next page; null: these are the last that are stored. */
  readonly next: number | null;
}

/**
 * Reads a root run's log from a chunk on.
 * @param page.from number of the first chunk, 0 for the beginning.
 * @param page.limit chunks read, 1 to 50.
 */
export async function readLog(
  reader: Reader,
  root: Address,
  page: { readonly from: number; readonly limit: number },
): Promise<LogPage> {
  const limit = Math.min(LOG_PAGE_CHUNKS, Math.max(1, page.limit));
  const { to } = prefixRange(keys.journalOf(root), limit);
  const rows = await reader.range({ from: keys.journal(root, page.from), to, limit: limit + 1 });
  const { path } = addressParts(root);
  if (rows.length === 0 && page.from === 0) {
    return { entries: await loadMerged(reader, root), next: null };
  }
  const entries = rows.slice(0, limit).flatMap((row) => decodeChunk(row.value, path));
  const next = rows[limit];
  const chunk = next === undefined ? null : next.key.slice(next.key.lastIndexOf("/") + 1);
  return { entries, next: chunk === null ? null : Number.parseInt(chunk, 36) };
}
