// The small files of the data folder beside the database: the admin key, and what the sample knows
// of itself. All are readable by their owner only, and written whole or not at all.

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

/** A folder with this file in it is a copy beside its original: its server acts on nobody outside. */
export const COPY_FILE = "copy-of-another";

/** Says that a folder was made of a backup, until a start has told it in the audit. */
export const RESTORED_FILE = "restored.json";

const OWNER_ONLY = 0o600;
const ADMIN_KEY_FILE = "admin-key";
const ADMIN_KEY_BYTES = 32;

/** Why the server of this folder acts on nobody outside; undefined when it may. */
export function closedBy(folder: string): string | undefined {
  if (!existsSync(join(folder, COPY_FILE))) return undefined;
  return `this server is a copy of another; remove ${COPY_FILE} from its data folder and start it again`;
}

/**
 * The operator's key: the configured one, else the one kept in the folder, else a new one that is
 * kept there. `isNew` only in the last case: then it is shown, once.
 */
export async function adminKey(
  folder: string,
  configured: string | null,
): Promise<{ readonly key: string; readonly isNew: boolean }> {
  if (configured !== null) return { key: configured, isNew: false };
  const kept = (await readSmall(folder, ADMIN_KEY_FILE))?.trim();
  if (kept) return { key: kept, isNew: false };
  const key = `admin_${randomBytes(ADMIN_KEY_BYTES).toString("base64url")}`;
  await writeSmall(folder, ADMIN_KEY_FILE, `${key}\n`);
  return { key, isNew: true };
}

/** The text of a small file, or null when there is none. */
export async function readSmall(folder: string, name: string): Promise<string | null> {
  return await readFile(join(folder, name), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
}

/** Writes a small file so that a crash leaves the old or the new one. Mode 0600. */
export async function writeSmall(folder: string, name: string, text: string): Promise<void> {
  const path = join(folder, name);
  const file = await open(`${path}.new`, "w", OWNER_ONLY);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}
