// Files that are written once and never changed: caches of what the store holds. A file counts under
// its seal, size and SHA-256, kept apart from it; whoever reads one checks the seal first, so that
// garbage, a cut or a foreign file is an error in words and never reaches a native library.

import { createHash } from "node:crypto";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { RuntimeError } from "../errors.ts";

/** What a file must be. */
export interface FileSeal {
  /** Within its folder. Never used for another content. */
  readonly name: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** Hashed at once; the event loop gets its turn in between. */
const SLICE_BYTES = 256 * 1_024;

/**
 * Makes a written file count under its final name: flushed to the disk, then renamed, then its
 * folder flushed.
 */
export async function sealFile(folder: string, temporary: string, name: string): Promise<FileSeal> {
  const path = join(folder, temporary);
  const file = await open(path, "r+");
  let bytes: number;
  let sha256: string;
  try {
    await file.sync();
    ({ bytes, sha256 } = await digest(file));
  } finally {
    await file.close();
  }
  await rename(path, join(folder, name));
  const directory = await open(folder, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
  return { name, bytes, sha256 };
}

/** @throws DATA_DAMAGED when the file is missing or is not what was sealed. */
export async function checkFile(folder: string, seal: FileSeal): Promise<void> {
  const found = await read(join(folder, seal.name));
  if (found?.bytes === seal.bytes && found.sha256 === seal.sha256) return;
  const what = found === undefined ? "is missing" : "is not what was written";
  throw new RuntimeError("DATA_DAMAGED", `The index file ${seal.name} ${what}.`);
}

type File = Awaited<ReturnType<typeof open>>;

async function read(path: string): Promise<{ bytes: number; sha256: string } | undefined> {
  let file: File;
  try {
    file = await open(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return await digest(file);
  } finally {
    await file.close();
  }
}

async function digest(file: File): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash("sha256");
  const slice = new Uint8Array(SLICE_BYTES);
  let bytes = 0;
  for (;;) {
    const { bytesRead } = await file.read(slice, 0, SLICE_BYTES, bytes);
    if (bytesRead === 0) return { bytes, sha256: hash.digest("hex") };
    hash.update(slice.subarray(0, bytesRead));
    bytes += bytesRead;
  }
}
