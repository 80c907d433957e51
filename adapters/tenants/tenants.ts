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
import type { Static } from "../../actors/schema.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { newId } from "../../runtime/id.ts";
import type { System, TableWrite, TenantState } from "../../runtime/system.ts";
import { auditWrites } from "../audit/audit-writes.ts";
import { createSerial } from "../serial.ts";
import { countAgents, limitsWrite } from "./limits.ts";
import { changeTenant, findPurge, findTenant, unknownTenant } from "./records.ts";
import type { TenantRemovals } from "./removal.ts";

/** Tenants as the operator's routes use them. */
export interface TenantService {
  create(input: Static<typeof newTenant>, by: AuditSource): Promise<ShownTenant>;
  /** @throws NOT_FOUND. */
  get(id: string): Promise<ShownTenant>;
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

/** What it works with. */
export interface TenantOptions {
  readonly system: Pick<System, "tables" | "tenants">;
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
        ...(after.limits === before.limits ? [] : [limitsWrite(id, after.limits)]),
      ];
      const after = await changeTenant(tables, id, change, audit);
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
          limits: { ...before.limits, ...patch.limits },
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
  { system, changed = () => undefined, nowMs }: TenantOptions,
  shown: (tenant: Tenant) => Promise<ShownTenant>,
): Pick<TenantService, "create" | "get" | "list"> {
  const { tables } = system;
  return {
    create: async (input, by) => {
      const value = readTenant({
        id: newId("tn", nowMs()),
        created_at: new Date(nowMs()).toISOString(),
        ...input,
      });
      const { id } = value;
      await tables.write(systemTenant, [
        { type: "put-if", table: systemTables.tenants, id, value, revision: null },
        ...(input.limits === undefined ? [] : [limitsWrite(id, input.limits)]),
        ...auditWrites(by, { action: "tenant.create", subject: id, after: value }),
      ]);
      changed(value);
      return await shown(value);
    },
    get: async (id) => {
      const found = isTenantId(id) ? await findTenant(tables, id) : undefined;
      if (found === undefined) throw unknownTenant(id);
      return await shown(found);
    },
    list: async (page) => {
      const rows = await tables.list(systemTenant, systemTables.tenants, page);
      return await Promise.all(rows.map((row) => shown(readTenant(row.value as StoredTenant))));
    },
  };
}

/** Whether a text can be a tenant's id. */
export function isTenantId(id: string): boolean {
  return /^tn_[A-Za-z0-9_]{1,61}$/.test(id);
}
