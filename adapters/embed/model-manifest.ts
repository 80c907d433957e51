// What was fetched into a model's folder, by file: sizes and hashes as the hub gave them. A folder
// that was filled by hand has none.

import { randomUUID } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

/** A file of a model. */
export interface ModelFile {
  /** In the model's folder, with slashes. */
  readonly path: string;
  readonly size: number;
  /** `sha256:...` of its bytes or `git:...`, the hash of the blob; null when the hub gave none. */
  readonly hash: string | null;
}

/** What stands in `troupe-model.json`. */
export interface ModelManifest {
  readonly id: string;
  readonly commit: string;
  readonly files: readonly ModelFile[];
}

const NAME = "troupe-model.json";

/** The manifest of a folder; null when it has none that can be read. */
export async function readManifest(folder: string): Promise<ModelManifest | null> {
  try {
    const read = JSON.parse(await readFile(join(folder, NAME), "utf8")) as ModelManifest;
    return Array.isArray(read.files) && typeof read.id === "string" ? read : null;
  } catch {
    return null;
  }
}

/** Written whole or not at all; the last of several at once counts. */
export async function writeManifest(folder: string, manifest: ModelManifest): Promise<void> {
  const path = join(folder, NAME);
  const part = `${path}.${randomUUID()}.part`;
  const handle = await open(part, "w");
  try {
    await handle.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(part, path);
}
