// Small files of JSON beside the vectors that are remembered. Each may be missing, damaged or deleted at
// any time, and several threads write it: it is whole or not there, and the last one counts.

import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** What is in it; null when it cannot be read. */
export async function readSmall(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return null;
  }
}

/** Resolves also when it could not be written: it only saves work. */
export async function writeSmall(path: string, value: unknown): Promise<void> {
  const part = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(part, JSON.stringify(value), { mode: 0o600 });
    await rename(part, path);
  } catch {
    await rm(part, { force: true }).catch(() => {});
  }
}
