// Looks through everything that is stored for secrets, some rows at a time: what stands in clear is sealed,
// and what is wrapped by another master key than the current one is wrapped anew; the secret itself is
// not touched. A row that changes meanwhile is left to the next pass, so a pass is repeated until it finds
// nothing to do. It keeps no place: cut at any moment, it begins again and finds less.

import { RuntimeError } from "../../runtime/errors.ts";
import type { RunningSystem } from "../../runtime/pool.ts";
import type { RowPlace, TableRow } from "../../runtime/system.ts";

/** How far it is. */
export interface RewrapProgress {
  /** Rows looked at, in all passes. */
  readonly rows: number;
  /** Rows that were written. */
  readonly changed: number;
  /** Rows with a secret that cannot be read: they stay as they are. */
  readonly unreadable: number;
}

/** What it needs. */
export interface RewrapOptions {
  readonly system: Pick<RunningSystem, "rows" | "tables">;
  /** The row's value with its secrets as they should be; the value itself where they are. @throws SECRET_UNREADABLE. */
  renewed(row: RowPlace & TableRow): unknown;
  onProgress?(progress: RewrapProgress): void;
  readonly signal: AbortSignal;
}

const PAGE_ROWS = 100;
const PASSES_MAX = 10;
/** Between two pages, ms: others read and write too. */
const PAUSE_MS = 1;

/**
 * Resolves when a whole pass has found nothing to do.
 * @throws RuntimeError RATE_LIMITED when rows were changed by others in every pass; the signal's reason.
 */
export async function rewrapAll({
  system,
  renewed,
  onProgress,
  signal,
}: RewrapOptions): Promise<RewrapProgress> {
  let progress: RewrapProgress = { rows: 0, changed: 0, unreadable: 0 };
  for (let pass = 0; pass < PASSES_MAX; pass += 1) {
    let isClean = true;
    let unreadable = 0;
    for (let after: RowPlace | null = null; ; ) {
      signal.throwIfAborted();
      const rows: readonly (RowPlace & TableRow)[] = await system.rows(after, PAGE_ROWS);
      for (const row of rows) {
        const done = await renewRow(system.tables, row, renewed);
        if (done !== "same") isClean = isClean && done === "unreadable";
        if (done === "unreadable") unreadable += 1;
        if (done === "changed") progress = { ...progress, changed: progress.changed + 1 };
      }
      progress = { ...progress, rows: progress.rows + rows.length, unreadable };
      onProgress?.(progress);
      after = rows.at(-1) ?? null;
      if (after === null || rows.length < PAGE_ROWS) break;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    if (isClean) return progress;
  }
  throw new RuntimeError(
    "RATE_LIMITED",
    `Rows were changed during ${PASSES_MAX} passes; try again.`,
  );
}

async function renewRow(
  tables: RunningSystem["tables"],
  row: RowPlace & TableRow,
  renewed: RewrapOptions["renewed"],
): Promise<"same" | "changed" | "busy" | "unreadable"> {
  const { tenant, table, id, revision } = row;
  try {
    const value = renewed(row);
    if (value === row.value) return "same";
    const place = { table, id, value, revision } as const;
    await tables.write(tenant, [{ type: "put-if", ...place, isStored: true }], "committed");
    return "changed";
  } catch (error) {
    const code = error instanceof RuntimeError ? error.code : "";
    if (code === "SECRET_UNREADABLE") return "unreadable";
    if (code === "REVISION_MISMATCH") return "busy";
    throw error;
  }
}
