// What a tenant may have and what it has, limit by limit: its own value, else that of the configuration,
// else none.

import {
  type Counted,
  roomCounter,
  type TenantLimits,
} from "../../actors/records/tenant-limits.ts";
import type { System } from "../../runtime/system.ts";
import { agentsCounter } from "./limits.ts";

/** One limit of a tenant. */
export interface EffectiveLimit {
  /** Null: none. */
  readonly value: number | null;
  /** Who has set it: also that there is none can be the tenant's own. */
  readonly origin: "tenant" | "configuration" | "none";
  /** Null: nobody counts it. */
  readonly used: number | null;
  /** Of bytes: what was stored before there was a count is still being counted. */
  readonly counting?: boolean;
}

/** All of them. */
export type EffectiveLimits = Readonly<Record<keyof TenantLimits, EffectiveLimit>>;

/** What they are read from. */
export interface EffectiveParts {
  readonly system: Pick<System, "tables" | "tenants">;
  /** Of the configuration. */
  readonly defaults: TenantLimits;
  /** Bytes of a tenant's files. */
  readonly files: (tenant: string) => Promise<number>;
}

/** @param own limits that the tenant has been given. */
export async function effectiveLimits(
  { system: { tables, tenants }, defaults, files }: EffectiveParts,
  { id, limits: own }: { readonly id: string; readonly limits: TenantLimits },
): Promise<EffectiveLimits> {
  const down = async (what: Counted): Promise<number> =>
    Math.max(0, -(await tables.counter(id, roomCounter(what))));
  const [agents, conversations, runs, stored, fileBytes] = await Promise.all([
    tables.counter(id, agentsCounter),
    down("conversations"),
    down("concurrent_runs"),
    tenants.storedBytes(id),
    files(id),
  ]);
  const of = (name: keyof TenantLimits, used: number | null): EffectiveLimit => {
    const isOwn = own[name] !== undefined;
    const value = (isOwn ? own[name] : defaults[name]) ?? null;
    return { value, origin: isOwn ? "tenant" : value === null ? "none" : "configuration", used };
  };
  return {
    agents: of("agents", agents),
    conversations: of("conversations", conversations),
    // Answers are counted only where there is a limit.
    concurrent_runs: of("concurrent_runs", runs),
    requests_per_second: of("requests_per_second", null),
    weight: of("weight", null),
    storage_bytes: {
      ...of("storage_bytes", stored.bytes + fileBytes),
      ...(stored.isCounting && { counting: true }),
    },
  };
}
