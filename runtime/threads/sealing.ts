// Encryption at rest of a system from its start: keys are made ready when the folder is open and known to
// be sealed, before anything in it is read or written. Loaded where there is encryption.

import { openStore } from "../store/lmdb.ts";
import { loadSeals, type Seals } from "../store/sealed-rows.ts";
import { sealedTenants } from "../store/sealed-tenants.ts";
import type { PreparedKeys, Sealing } from "../store/sealer.ts";
import type { Storage } from "../store/storage.ts";

/** What a start has of it. */
export interface Unsealed extends PreparedKeys {
  /** Absent: nothing is sealed. */
  readonly seals?: Seals;
}

/** The keys of a folder that is open. @throws as `Sealing.prepare`. */
export async function unseal(
  sealing: Sealing,
  { path, storage }: { readonly path: string; readonly storage: Storage },
): Promise<Unsealed> {
  const hot = openStore({ path, environment: "hot", port: storage.connect("hot") });
  try {
    const [first] = await hot.range({ from: "!header ", to: "~", limit: 1 });
    const prepared = await sealing.prepare(first === undefined, sealedTenants(hot));
    return { seals: await loadSeals(sealing.source), ...prepared };
  } finally {
    await hot.close();
  }
}
