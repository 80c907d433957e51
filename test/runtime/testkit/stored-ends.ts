// Which steps have their end in rows that were written: what is gone when the power takes those rows.

import { decodeChunk } from "../../../runtime/runs/journal-codec.ts";
import type { LogEntry } from "../../../runtime/runs/log-entry.ts";

/** A chunk of the log of the root run that is named in it. */
const CHUNK = /^a\/[^/]+\/[^/]+\/([^/:]+):[^/]+\/j\//;

/** Runs and keys of the steps whose result or failure lies in one of these rows. */
export function storedEnds(
  rows: readonly { readonly key: string; readonly value: Uint8Array | undefined }[],
): readonly { readonly run: string; readonly key: string }[] {
  return rows.flatMap(({ key, value }) => {
    const root = CHUNK.exec(key)?.[1];
    return root === undefined || value === undefined ? [] : decodeChunk(value, root).filter(isEnd);
  });
}

function isEnd(entry: LogEntry): entry is LogEntry & { readonly type: "step" | "failed" } {
  return entry.type === "step" || entry.type === "failed";
}
