// Encryption at rest of a server: which keys its data folder needs at a start, and what is done with them
// when a tenant goes or the master key is another one.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { systemTenant } from "../../actors/records/api-key.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Sealer, SealerSource, Sealing } from "../../runtime/store/sealer.ts";
import { createMasterKeys } from "./master-keys.ts";
import { createTenantKeys, TENANT_KEYS } from "./tenant-keys.ts";
import { createSealer, forgetKeys, sharedChanges, type TenantSealing } from "./tenant-sealer.ts";

/** What the operator has set. */
export interface SealingSettings {
  readonly encryption: "on" | "off";
  /** Folder of the tenants' keys; null: in the data folder. */
  readonly tenantKeys: string | null;
  /** The data folder. */
  readonly data: string;
}

/** A data folder that no server has open, with its keys. */
export interface SealedData {
  readonly sealer: Sealer;
  /** As `SealedTenants.destroy`. */
  destroy(tenant: string): void;
}

/** The keys of tenants in this process. */
export interface SealedTenants extends Sealing {
  /** Destroys the key of a tenant: when it returns, nothing of the tenant can be opened any more. */
  destroy(tenant: string): void;
  /** As `TenantKeys.rewrap`; every thread reads them again. */
  rewrap(): { readonly changed: number; readonly unreadable: number };
  /** Tenants whose keys were found missing by the start. */
  lost(): readonly string[];
  /** The keys of a folder that is not new, which no server has open. @throws CONFIG_INVALID. */
  readonly opened: () => Promise<SealedData>;
}

/** Where the keys of tenants lie. */
export function tenantKeysFolder({ tenantKeys, data }: SealingSettings): string {
  return tenantKeys ?? join(data, TENANT_KEYS);
}

/** How a thread comes by its sealer. @param masterKeys see `emptyMasterKeys`. */
export function sealerSource(settings: SealingSettings, masterKeys: SharedArrayBuffer) {
  const folder = tenantKeysFolder(settings);
  const data: TenantSealing = { folder, masterKeys, changes: sharedChanges() };
  return { url: new URL("./tenant-sealer.js", import.meta.url).href, data } satisfies SealerSource;
}

/**
 * Encryption at rest of this process.
 * @param ensureKey makes a master key where there is none; called for a new data folder alone.
 */
export function createSealing(
  settings: SealingSettings,
  masterKeys: SharedArrayBuffer,
  ensureKey: () => Promise<void>,
): SealedTenants {
  const source = sealerSource(settings, masterKeys);
  const { folder, changes } = source.data;
  const keys = createTenantKeys(folder, createMasterKeys(masterKeys));
  const check = (): void => {
    if (ownKey(() => keys.read(systemTenant)) === null) throw missing(settings, folder);
  };
  let lost: readonly string[] = [];
  const destroy = (tenant: string): void => {
    keys.destroy(tenant);
    forgetKeys(changes);
  };
  return {
    source,
    destroy,
    opened: async () => {
      check();
      return { sealer: createSealer(source.data), destroy };
    },
    lost: () => lost,
    prepare: async (isNew, sealed) => {
      if (isNew) {
        await ensureKey();
        ownKey(() => keys.make(systemTenant));
      } else check();
      const destroyed = keys.destroyed();
      // A crash may have cut one short.
      for (const tenant of destroyed) keys.destroy(tenant);
      lost = await keys.lost(sealed);
      return { destroyed, lost };
    },
    rewrap: () => keys.rewrap(),
  };
}

/** The key of the system's tenant, by which a start knows that the keys are the right ones. */
function ownKey(read: () => Buffer | null): Buffer | null {
  try {
    return read();
  } catch (error) {
    throw wrong(error);
  }
}

function wrong(cause: unknown): unknown {
  if (!(cause instanceof RuntimeError) || cause.code !== "SECRET_UNREADABLE") return cause;
  const text = `The keys of tenants cannot be opened with the master key that is given: ${cause.message} Put the right one back, or in front of it the new one.`;
  return new RuntimeError("CONFIG_INVALID", text, {}, { cause });
}

function missing({ data }: SealingSettings, folder: string): RuntimeError {
  const has = existsSync(folder) ? "are not those of" : "are missing; they belong to";
  const text = `encryption is on, and the keys of tenants in ${folder} ${has} the data folder ${data}. They are in no backup: put their copy there, or name its folder as tenant_keys.`;
  return new RuntimeError("CONFIG_INVALID", text);
}
