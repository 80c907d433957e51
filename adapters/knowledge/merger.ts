// Has a collection's next index files made by the compute pool and makes them count: one swap of
// the segment row. Two merges at once do no harm, the later swap fails and its files go.

import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Compute } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { SealerSource } from "../../runtime/store/sealer.ts";
import type { StoreOp } from "../../runtime/store/store.ts";
import { indexFolder, removeIndexFolder } from "./index-folder.ts";
import { isMergeDueAt } from "./merge-due.ts";
import { type Merged, type MergeInput, mergeTaskName } from "./merge-task.ts";
import { headOf, type Place, segmentBytes, segmentOf } from "./rows.ts";

/** Limits of a merge. */
export const mergerLimits = { timeoutMs: 3_600_000 } as const;

/** Merges of collections' editions. */
export interface Merger {
  /** Whether a merge would do something. */
  isDue(place: Place): Promise<boolean>;
  /**
   * Resolves to whether there are new files. @param isForced also when little has changed.
   * @throws POOL_FULL, CANCELLED (removed meanwhile), DEADLINE, what the task throws.
   */
  merge(place: Place, options?: { readonly isForced?: boolean }): Promise<boolean>;
  /** After a collection was removed: its files go. */
  removeFiles(place: Place): Promise<void>;
}

/** A merger over one thread's connection. */
export function createMerger(options: {
  readonly bulk: Bulk;
  readonly compute: Compute;
  /** The data folder. */
  readonly data: string;
  /** How what is a tenant's is sealed; absent: it is not. */
  readonly sealer?: SealerSource | undefined;
}): Merger {
  const { bulk, compute, data, sealer } = options;
  const removeFiles = (place: Place): Promise<void> => removeIndexFolder(indexFolder(data, place));
  return {
    removeFiles,
    isDue: (place) => isMergeDueAt(bulk, place),
    merge: ({ tenant, collection }, { isForced = false } = {}) => {
      const place = { tenant, collection };
      return mergeFiles(place, isForced).catch(async (cause: unknown) => {
        if (!(await isGone(bulk, place))) throw cause;
        // Its files went while they were being written.
        throw new RuntimeError("CANCELLED", "The collection was removed.", undefined, { cause });
      });
    },
  };

  async function countingId({ tenant, collection }: Place): Promise<string | undefined> {
    const stored = await bulk.get(keys.segment(tenant, collection));
    return stored && segmentOf(stored).id;
  }

  async function mergeFiles(place: Place, isForced: boolean): Promise<boolean> {
    const { tenant, collection } = place;
    const folder = indexFolder(data, place);
    const input: MergeInput = { ...place, data, sealer, folder, isForced };
    const { timeoutMs } = mergerLimits;
    const before = await countingId(place);
    const merged = await compute
      .run(mergeTaskName, input, { tenant, timeoutMs })
      .then((result) => result as Merged)
      .catch(async (cause: unknown) => {
        // One that was faster has removed the files of this one, which would not have counted.
        if ((await countingId(place)) === before) throw cause;
        return null;
      });
    if (merged === null) return false;
    const isSwapped = await swap(bulk, place, merged);
    if (!isSwapped) {
      await removeFilesOf(folder, (id) => id === merged.row.id);
      return false;
    }
    if (await isGone(bulk, place)) {
      await bulk.commit([{ op: "remove", key: keys.segment(tenant, collection) }]);
      await removeFiles(place);
      return false;
    }
    // Threads that have them mapped keep them until they let go.
    await removeFilesOf(folder, (id) => id < merged.row.id);
    return true;
  }
}

async function isGone(bulk: Bulk, { tenant, collection }: Place): Promise<boolean> {
  return headOf(await bulk.get(keys.collectionHead(tenant, collection))).isRemoved === true;
}

async function swap(
  bulk: Bulk,
  { tenant, collection }: Place,
  { row, before }: NonNullable<Merged>,
): Promise<boolean> {
  const key = keys.segment(tenant, collection);
  const expected = await bulk.get(key);
  const now = expected === undefined ? null : segmentOf(expected).id;
  if (now !== before) return false;
  const value = segmentBytes(row);
  const op: StoreOp =
    expected === undefined ? { op: "insert", key, value } : { op: "swap", key, expected, value };
  try {
    await bulk.commit([op]);
    return true;
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "CONDITION_FAILED") return false;
    throw error;
  }
}

/** Files are named by their segment: ids sort by time, so what a crash left is older than the next. */
async function removeFilesOf(folder: string, isMeant: (id: string) => boolean): Promise<void> {
  for (const name of await readdir(folder)) {
    if (isMeant(name.slice(0, name.indexOf(".")))) await rm(join(folder, name), { force: true });
  }
}
