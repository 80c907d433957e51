// The record of a run and of all its children: one ordered log, stored in chunks under the root run,
// one chunk a commit; when the run has ended and its log is short, in the run's row. Loading it again
// gives back every stored step, and viewers read their frames from it; a position in the log is what
// a cursor names.

import { createHash } from "node:crypto";
import type { Data } from "../actor.ts";
import { type Address, addressParts } from "../address.ts";
import { keys, prefixRange } from "../store/keys.ts";
import type { Reader } from "../store/store.ts";
import { decodeChunk } from "./journal-codec.ts";
import type { LogEntry } from "./log-entry.ts";
import { logInRow } from "./run-row.ts";

/** Chunks read of one run at most: 1,000 steps and their events come nowhere near. */
const CHUNKS_MAX = 20_000;

/** The whole log of a root run and the number of its next chunk; nothing of one that is trimmed. */
export async function loadLog(
  reader: Reader,
  root: Address,
): Promise<{ readonly log: LogEntry[]; readonly nextChunk: number }> {
  const rows = await reader.range(prefixRange(keys.journalOf(root), CHUNKS_MAX));
  if (rows.length === 0) return { log: await loadMerged(reader, root), nextChunk: 0 };
  const log: LogEntry[] = [];
  // Being trimmed from its start: what is left of it is no log.
  if (rows[0] && rows[0].key !== keys.journal(root, 0)) return { log, nextChunk: 0 };
  const { path } = addressParts(root);
  for (const row of rows) log.push(...decodeChunk(row.value, path));
  const last = rows.at(-1);
  const nextChunk = last
    ? Number.parseInt(last.key.slice(last.key.lastIndexOf("/") + 1), 36) + 1
    : 0;
  return { log, nextChunk };
}

/** The log that lies in the row of a run that has ended; empty when there is none. */
export async function loadMerged(reader: Reader, root: Address): Promise<LogEntry[]> {
  const { tenant, path } = addressParts(root);
  const bytes = await reader.get(keys.run(tenant, path));
  return bytes === undefined ? [] : (logInRow(bytes, path) ?? []);
}

/** Fingerprint of a step's input; "" when the step gave none. */
export function fingerprint(input: Data): string {
  if (input === undefined) return "";
  return createHash("sha1").update(JSON.stringify(input)).digest("base64").slice(0, 16);
}
