// How large the data is and how much room its disk has, for the figures.

import { stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { DiskFigures } from "./telemetry/family.ts";

/** How it is. @throws what the disk says. */
export async function lookAtDisk(data: string): Promise<DiskFigures> {
  const sizeOf = async (file: string): Promise<number> =>
    (await stat(join(data, file)).catch(() => null))?.size ?? 0;
  const [{ bavail, blocks, bsize }, hot, bulk] = await Promise.all([
    statfs(data),
    sizeOf("hot.mdb"),
    sizeOf("bulk.mdb"),
  ]);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, files: { hot, bulk } };
}
