// What removals of tenants work with.

import type { Log } from "../../runtime/log.ts";
import type { System } from "../../runtime/system.ts";
import type { SealedTenants } from "../vault/sealing.ts";

/** What a removal works with. */
export interface RemovalContext {
  readonly system: Pick<System, "tables" | "tenants" | "ask">;
  /** The data folder. */
  readonly data: string;
  /** Writes a small file of the data folder, whole or not at all. */
  readonly note: (name: string, text: string) => Promise<void>;
  /** Keys of tenants, where what is theirs is sealed on the disk. */
  readonly sealed?: Pick<SealedTenants, "destroy"> | undefined;
  readonly log: Log;
  nowMs(): number;
}
