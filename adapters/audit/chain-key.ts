// The key that entries are signed by: made with the first chain of a data folder, and stored like every
// other secret, sealed under the master key. Who has the folder alone cannot sign.

import { createHash, randomBytes } from "node:crypto";
import { systemTenant } from "../../actors/records/api-key.ts";
import { auditKeysTable } from "../../actors/records/audit.ts";
import type { Tables } from "../../runtime/system.ts";
import type { ChainKey } from "./chain.ts";

/** Its row in the table. */
export const chainKeyRow = "chain";
const KEY_BYTES = 32;

/** The row; the secret is sealed where there is a vault. */
export interface ChainKeyRow {
  /** base64url. */
  readonly secret: string;
}

/** The key of a data folder, made when there is none. */
export async function chainKey(tables: Tables): Promise<ChainKey> {
  const read = async (): Promise<ChainKeyRow | undefined> =>
    (await tables.get(systemTenant, auditKeysTable, chainKeyRow))?.value as ChainKeyRow | undefined;
  const found = await read();
  if (found !== undefined) return keyOfRow(found);
  const value: ChainKeyRow = { secret: randomBytes(KEY_BYTES).toString("base64url") };
  const place = { table: auditKeysTable, id: chainKeyRow, value, revision: null } as const;
  await tables.write(systemTenant, [{ type: "put-if", ...place }]).catch(async (error: unknown) => {
    // Somebody else has made one at the same moment.
    if ((await read()) === undefined) throw error;
  });
  const made = await read();
  return keyOfRow(made ?? value);
}

/** The key of its row. Its id says nothing of it. */
export function keyOfRow({ secret }: ChainKeyRow): ChainKey {
  const bytes = Buffer.from(secret, "base64url");
  const hash = createHash("sha256").update("troupe audit key\0").update(bytes).digest("hex");
  return { id: hash.slice(0, 8), bytes };
}
