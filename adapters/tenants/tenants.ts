// What an operator does with tenants: creates, changes, suspends and removes them. Whether a tenant's work
// goes on is the runtime's to know, who it is stands in its record; each act is one row of the audit, in
// the write of the record.

import { systemTables, systemTenant } from "../../actors/records/api-key.ts";
import type { AuditSource } from "../../actors/records/audit.ts";
import {
  type newTenant,
  readTenant,
  type ShownTenant,
  type StoredTenant,
  type Tenant,
  type TenantStatus,
  type tenantPatch,
} from "../../actors/records/tenant.ts";
import { changedLimits, type TenantLimits } from "../../actors/records/tenant-limits.ts";
import type { Static } from "../../actors/schema.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { newId } from "../../runtime/id.ts";
import type { TableWrite, TenantState } from "../../runtime/system.ts";
import { auditWrites } from "../audit/audit-writes.ts";
import { createSerial } from "../serial.ts";
import type { EffectiveLimits, EffectiveParts } from "./effective-limits.ts";
import { countAgents, limitsWrite } from "./limits.ts";
import { changeTenant, findPurge, findTenant, unknownTenant } from "./records.ts";
import type { TenantRemovals } from "./removal.ts";
import { weighing, weightWrite } from "./weights.ts";

/** Tenants as the operator's routes use them. */
export interface TenantService {
  create(input: Static<typeof newTenant>, by: AuditSource): Promise<ShownTenant>;
  /** @throws NOT_FOUND. */
  get(id: string): Promise<ShownTenant>;
  /** The same with its limits as they hold, and what of them is used. @throws NOT_FOUND. */
  details(id: string): Promise<TenantDetails>;
  list(page: { readonly after?: string; readonly limit: number }): Promise<readonly ShownTenant[]>;
  /** @throws NOT_FOUND, CONFLICT for one that is being removed. */
  patch(id: string, patch: Static<typeof tenantPatch>, by: AuditSource): Promise<ShownTenant>;
  /** At rest, and its keys refused, when it resolves. @throws as `patch`. */
  suspend(id: string, by: AuditSource): Promise<ShownTenant>;
  resume(id: string, by: AuditSource): Promise<ShownTenant>;
  /** Out of reach when it resolves; its data goes from then on. @throws NOT_FOUND. */
  remove(id: string, by: AuditSource): Promise<ShownTenant>;
  /** Goes on with removals that an earlier life began. */
  goOn(): void;
  /** Removals end at their next slice. */
  stop(): Promise<void>;
}

/** A tenant, and what it has. */
export interface TenantDetails extends ShownTenant {
  readonly effective_limits: EffectiveLimits;
}

/** What it works with. */
export interface TenantOptions extends EffectiveParts {
  readonly removals: TenantRemovals;
  /** Told of a tenant whose record has changed. */
  readonly changed?: (tenant: Tenant) => void;
  nowMs(): number;
}

const statuses: Readonly<Record<TenantState, TenantStatus>> = {
  active: "active",
  suspended: "suspended",
  removing: "purging",
  gone: "purged",
};

/** Makes the service. */
export function createTenantService(options: TenantOptions): TenantService {
  const { system, removals, changed = () => undefined, nowMs } = options;
  const { tables, tenants } = system;
  const serial = createSerial();
  const shown = async (tenant: Tenant): Promise<ShownTenant> => ({
    ...tenant,
    status: statuses[tenants.stateOf(tenant.id)],
    purge: await findPurge(tables, tenant.id),
  });
  const now = (): string => new Date(nowMs()).toISOString();

  /** An act on a tenant that is not being removed, one at a time. */
  async function act(
    of: { readonly id: string; readonly action: string; readonly by: AuditSource },
    first: (tenant: Tenant) => Promise<void>,
    change: (before: Tenant) => Tenant,
  ): Promise<ShownTenant> {
    const { id, action, by } = of;
    return await serial.run(id, async () => {
      const found = isTenantId(id) ? await findTenant(tables, id) : undefined;
      if (found === undefined) throw unknownTenant(id);
      const state = tenants.stateOf(id);
      if (state === "removing" || state === "gone") {
        throw new RuntimeError("CONFLICT", `The tenant ${id} is ${statuses[state]}.`);
      }
      await first(found);
      const audit = (before: Tenant, after: Tenant): readonly TableWrite[] => [
        ...auditWrites(by, { action, subject: id, before, after }),
        ...(after.limits === before.limits ? [] : limitsWrites(id, after.limits)),
      ];
      const { limits } = change(found);
      const write = () => changeTenant(tables, id, change, audit);
      const after = await weighing(system, { tenant: id, limits }, write);
      changed(after);
      return await shown(after);
    });
  }

  return {
    ...records(options, shown),
    patch: (id, patch, by) =>
      act(
        { id, action: "tenant.update", by },
        () => countAgents(tables, id),
        (before) => ({
          ...before,
          ...patch,
          limits: changedLimits(before.limits, patch.limits ?? {}),
        }),
      ),
    suspend: (id, by) =>
      act(
        { id, action: "tenant.suspend", by },
        () => tenants.suspend(id),
        (before) => ({ ...before, suspended_at: before.suspended_at ?? now() }),
      ),
    resume: (id, by) =>
      act(
        { id, action: "tenant.resume", by },
        () => tenants.resume(id),
        (before) => ({ ...before, suspended_at: null }),
      ),
    remove: async (id, by) => {
      const found = isTenantId(id) ? await findTenant(tables, id) : undefined;
      if (found === undefined) throw unknownTenant(id);
      await serial.run(id, async () => {
        // Asked for again, it is on its way.
        if (["removing", "gone"].includes(tenants.stateOf(id))) return;
        await tenants.retire(id);
        tenants.weigh(id, 1);
        await removals.begin(id, by);
      });
      const after = (await findTenant(tables, id)) ?? found;
      changed(after);
      return await shown(after);
    },
    goOn: () => {
      for (const tenant of tenants.list("removing")) void removals.begin(tenant);
    },
    stop: () => removals.stop(),
  };
}

/** What needs no tenant to be at rest. */
function records(
  options: TenantOptions,
  shown: (tenant: Tenant) => Promise<ShownTenant>,
): Pick<TenantService, "create" | "get" | "details" | "list"> {
  const { system, changed = () => undefined, nowMs } = options;
  const { tables } = system;
  const get = async (id: string): Promise<ShownTenant> => {
    const found = isTenantId(id) ? await findTenant(tables, id) : undefined;
    if (found === undefined) throw unknownTenant(id);
    return await shown(found);
  };
  return {
    create: async (input, by) => {
      const value = readTenant({
        id: newId("tn", nowMs()),
        created_at: new Date(nowMs()).toISOString(),
        ...input,
      });
      const { id } = value;
      const writes = [
        { type: "put-if", table: systemTables.tenants, id, value, revision: null } as const,
        ...(input.limits === undefined ? [] : limitsWrites(id, input.limits)),
        ...auditWrites(by, { action: "tenant.create", subject: id, after: value }),
      ];
      const { limits } = value;
      await weighing(system, { tenant: id, limits }, () => tables.write(systemTenant, writes));
      changed(value);
      return await shown(value);
    },
    get,
    details: async (id) => {
      const tenant = await get(id);
      const { effectiveLimits } = await import("./effective-limits.ts");
      return { ...tenant, effective_limits: await effectiveLimits(options, tenant) };
    },
    list: async (page) => {
      const rows = await tables.list(systemTenant, systemTables.tenants, page);
      return await Promise.all(rows.map((row) => shown(readTenant(row.value as StoredTenant))));
    },
  };
}

/** What is written of limits beside the tenant's record. */
function limitsWrites(tenant: string, limits: TenantLimits): readonly TableWrite[] {
  return [limitsWrite(tenant, limits), weightWrite(tenant, limits)];
}

/** Whether a text can be a tenant's id. */
export function isTenantId(id: string): boolean {
  return /^tn_[A-Za-z0-9_]{1,61}$/.test(id);
}
