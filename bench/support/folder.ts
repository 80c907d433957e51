// Temporary folders of the bench, removed however it ends.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Calls with a folder that is there meanwhile. */
export async function withFolder<T>(
  prefix: string,
  call: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    return await call(folder);
  } finally {
    process.off("exit", remove);
    remove();
  }
}
