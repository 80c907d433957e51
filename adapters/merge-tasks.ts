// What the threads of merges run, by exported name. They are threads of their own: a merge takes
// seconds to minutes, and other tasks do not wait for it.

import { toErrorData } from "../runtime/errors.ts";
import { openBulkReader } from "../runtime/store/bulk-reader.ts";
import { loadSealer } from "../runtime/store/sealed-rows.ts";
import type { BatchResults } from "../runtime/threads/batch-lane.ts";
import { type MergeInput, type MergeTools, mergeTask } from "./knowledge/merge-task.ts";
import { createSegmentFiles } from "./segment-files.ts";

/** By data folder. */
const opened = new Map<string, Promise<MergeTools>>();

/** Merges one after the other; the lane gives one at a time. */
export async function mergeCollections(inputs: unknown): Promise<BatchResults> {
  const results: BatchResults[number][] = [];
  for (const input of inputs as readonly MergeInput[]) {
    const tools = opened.get(input.data) ?? open(input);
    opened.set(input.data, tools);
    try {
      const value = await mergeTask(input, await tools);
      results.push({ ok: true, value });
    } catch (error) {
      results.push({ ok: false, error: toErrorData(error) });
    }
  }
  return results;
}

async function open({ data, sealer: source }: MergeInput): Promise<MergeTools> {
  const sealer = source && (await loadSealer(source));
  return {
    reader: openBulkReader(data, sealer),
    files: createSegmentFiles(sealer),
    nowMs: Date.now,
  };
}
