// How large the files of a tenant are that lie beside the stores: those of its collections' indexes.

import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { indexFolder } from "../knowledge/index-folder.ts";

/** Files that are looked at at once. */
const AT_ONCE = 64;

/** Bytes of all of them; one that goes meanwhile counts nothing. */
export async function fileBytes(data: string, tenant: string): Promise<number> {
  const folder = dirname(indexFolder(data, { tenant, collection: "c" }));
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(none);
  const files = entries.filter((entry) => entry.isFile());
  let bytes = 0;
  for (let at = 0; at < files.length; at += AT_ONCE) {
    const some = files.slice(at, at + AT_ONCE);
    const sizes = await Promise.all(
      some.map(({ parentPath, name }) => stat(join(parentPath, name)).catch(() => ({ size: 0 }))),
    );
    for (const { size } of sizes) bytes += size;
  }
  return bytes;
}

/** There is no index, or it has just gone. */
function none(error: unknown): readonly never[] {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
  throw error;
}
