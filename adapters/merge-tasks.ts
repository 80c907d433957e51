// What the threads of merges run, by exported name. They are threads of their own: a merge takes
// seconds to minutes, and other tasks do not wait for it.

import { toErrorData } from "../runtime/errors.ts";
import { openBulkReader } from "../runtime/store/bulk-reader.ts";
import type { Reader } from "../runtime/store/store.ts";
import type { BatchResults } from "../runtime/threads/batch-lane.ts";
import { type MergeInput, mergeTask } from "./knowledge/merge-task.ts";
import { createSegmentFiles } from "./segment-files.ts";

const readers = new Map<string, Reader>();
const files = createSegmentFiles();

/** Merges one after the other; the lane gives one at a time. */
export async function mergeCollections(inputs: unknown): Promise<BatchResults> {
  const results: BatchResults[number][] = [];
  for (const input of inputs as readonly MergeInput[]) {
    const reader = readers.get(input.data) ?? openBulkReader(input.data);
    readers.set(input.data, reader);
    try {
      const value = await mergeTask(input, { reader, files, nowMs: Date.now });
      results.push({ ok: true, value });
    } catch (error) {
      results.push({ ok: false, error: toErrorData(error) });
    }
  }
  return results;
}
