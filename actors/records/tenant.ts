// Tenants as they lie in the system's own tenant: who they are, and where their removal
// stands. A tenant that is removed keeps its id and its times, and nothing that anybody wrote.

import { Type } from "../schema.ts";
import { limitsPatch, type TenantLimits, tenantLimits } from "./tenant-limits.ts";

/**
 * `suspended`: nothing of it goes on and its keys are refused, until it is resumed. `purging`: nobody
 * reaches it any more, and its data goes. `purged`: none of it is left on the disk.
 */
export type TenantStatus = "active" | "suspended" | "purging" | "purged";

/** The tenant that is there from the first start on. Its owners are the server's operators: what is the whole server's is written there. */
export const firstTenant = "tn_default";

const name = Type.String({ minLength: 1, maxLength: 200 });

/** What a client sends to create a tenant. */
export const newTenant = Type.Object(
  { name, limits: Type.Optional(tenantLimits) },
  { additionalProperties: false },
);

/** What a client sends to change one. */
export const tenantPatch = Type.Object(
  { name: Type.Optional(name), limits: Type.Optional(limitsPatch) },
  { additionalProperties: false },
);

/** Where the removal of a tenant stands. Times are ISO 8601. */
export interface TenantPurge {
  readonly requested_at: string;
  /** `removing`: rows and files go. `compacting`: what they leave in the files waits for a compaction. */
  readonly phase: "removing" | "compacting" | "done";
  readonly rows_removed: number;
  /** When the last row and file was gone. */
  readonly removed_at: string | null;
  /** When nothing was left of them in any file. */
  readonly purged_at: string | null;
}

/**
 * A tenant as it is stored; those of earlier versions have an id, a name and a time. Whether its work goes
 * on is not said here: the runtime knows it before anything of the tenant is begun.
 */
export interface StoredTenant {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
  readonly limits?: TenantLimits;
  readonly suspended_at?: string | null;
}

/** A tenant with what its row need not say. */
export type Tenant = Required<StoredTenant>;

/** A tenant as it is shown. */
export interface ShownTenant extends Tenant {
  readonly status: TenantStatus;
  readonly purge: TenantPurge | null;
}

/** A tenant as it was stored. */
export function readTenant(stored: StoredTenant): Tenant {
  return { limits: {}, suspended_at: null, ...stored };
}

/** A tenant that is being removed: nothing is left in its row that anybody wrote. */
export function removedTenant({ id, created_at }: StoredTenant): Tenant {
  return readTenant({ id, created_at, name: "" });
}

/** Table of the system's tenant: a `TenantPurge` of each that is being removed or was. */
export const purgesTable = "tenant-purges";

/** Table of the system's tenant: `{weight}` of each tenant whose weight is not 1. */
export const weightsTable = "tenant-weights";

/** A removal that begins. */
export function newPurge(requested_at: string): TenantPurge {
  const begun = { phase: "removing", rows_removed: 0, removed_at: null, purged_at: null } as const;
  return { requested_at, ...begun };
}
