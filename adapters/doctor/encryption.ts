// What lies sealed on the disk: whether the setting is the folder's, and whether the keys of tenants are
// there, private, and wrapped under the master key that is given.

import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { decode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import { environmentFile, READERS_MAX } from "../../runtime/store/lmdb.ts";
import { open } from "../../runtime/store/lmdb-library.ts";
import { sealedFolder } from "../vault/sealed-folder.ts";
import { tenantKeysFolder } from "../vault/sealing.ts";
import { LOST } from "../vault/tenant-keys.ts";
import { type Check, error, type Finding, ok, warning, wordsOf } from "./check.ts";

/** Rights of anybody but the owner. */
const OTHERS = 0o077;
/** Tenants that one line names. */
const TOLD_MAX = 20;
const NOT_SEALED =
  "not sealed are names and ids that are keys of rows, counters, and vectors of large collections";

export const encryptionCheck: Check = {
  name: "encryption",
  run: async ({ config, data }) => {
    if (config === null) return [];
    const isSealed = await isFolderSealed(data);
    const { encryption } = config;
    if (isSealed !== null && isSealed !== (encryption === "on")) {
      const made = `${data} was made ${isSealed ? "with" : "without"} encryption, and encryption is ${encryption}.`;
      const fix = `Set encryption: ${isSealed ? "on" : "off"}, or name a new folder: TROUPE_DATA=FOLDER.`;
      return [error(made, fix)];
    }
    if (encryption === "off") {
      return [ok("encryption is off: what tenants have lies in clear on the disk.")];
    }
    if (isSealed === null) return [ok(`encryption is on; ${NOT_SEALED}.`)];
    const folder = tenantKeysFolder({ ...config, data });
    try {
      await sealedFolder({ ...config, data });
    } catch (thrown) {
      const fix = `Put the keys of tenants into ${folder}, and the master key that wraps them where the settings say.`;
      return [error(wordsOf(thrown), fix)];
    }
    return [...(await rightsOf(folder)), ...(await countOf(folder))];
  },
};

/** As the header of the folder says; null for a folder that is not there yet. */
async function isFolderSealed(data: string): Promise<boolean | null> {
  const path = environmentFile(data, "hot");
  if (!existsSync(path)) return null;
  const database = open<Uint8Array, string>({
    ...{ path, encoding: "binary", readOnly: true, maxReaders: READERS_MAX },
  });
  try {
    const header = database.getBinary(keys.header);
    if (header === undefined) return null;
    return (decode(header) as { readonly sealed?: boolean }).sealed ?? false;
  } finally {
    await database.close();
  }
}

async function rightsOf(folder: string): Promise<Finding[]> {
  const { mode } = await stat(folder);
  if ((mode & OTHERS) === 0) return [];
  const text = `${folder} holds the keys of tenants and other users may look into it.`;
  return [warning(text, `chmod 700 ${folder}`)];
}

async function countOf(folder: string): Promise<Finding[]> {
  const names = await readdir(folder);
  const count = names.filter((name) => !name.includes(".")).length;
  const lost = names.filter((name) => name.endsWith(LOST));
  const where = `encryption is on: ${count} keys of tenants lie in ${folder} and in no backup`;
  const found = ok(`${where}; ${NOT_SEALED}.`);
  if (lost.length === 0) return [found];
  const some = lost.slice(0, TOLD_MAX).map((name) => name.slice(0, -LOST.length));
  const text = `The last start missed the keys of ${lost.length} tenants, which rest: ${some.join(", ")}.`;
  return [
    found,
    error(text, `Put the keys back into ${folder} from their mirror, and start again.`),
  ];
}
