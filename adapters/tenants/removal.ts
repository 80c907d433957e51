// The removals of tenants that are under way in this process: begun by whoever asks for one, and by a start
// that finds one begun. What each of them does is remove-all.ts, loaded with the first one.

import type { AuditSource } from "../../actors/records/audit.ts";
import { newPurge, purgesTable, removedTenant } from "../../actors/records/tenant.ts";
import { byServer } from "../audit/act.ts";
import { auditWrites } from "../audit/audit-writes.ts";
import { changeTenant, findPurge } from "./records.ts";
import type { RemovalContext } from "./removal-context.ts";

/** Removals under way in this process, by tenant. */
export class TenantRemovals {
  readonly #context: RemovalContext;
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();

  constructor(context: RemovalContext) {
    this.#context = context;
  }

  /** Begins, or goes on, with a tenant that is retired. Resolves when its record says so. */
  async begin(tenant: string, by: AuditSource = byServer): Promise<void> {
    if (this.#underWay.has(tenant) || this.#stop.signal.aborted) return;
    const begun = beginRecord(this.#context, tenant, by);
    const done = begun
      .then(async () => {
        const { removeAll } = await import("./remove-all.ts");
        await removeAll(this.#context, tenant, this.#stop.signal);
      })
      .catch((error: unknown) => {
        if (this.#stop.signal.aborted) return;
        // What is left goes with the next start, or with a compaction.
        this.#context.log.write("error", "A tenant could not be removed whole.", {
          tenant,
          err: error,
        });
      })
      .finally(() => this.#underWay.delete(tenant));
    this.#underWay.set(tenant, done);
    await begun.catch(() => undefined);
  }

  /** Resolves when the removal of a tenant that is under way has ended. */
  async settled(tenant: string): Promise<void> {
    await this.#underWay.get(tenant);
  }

  /** Ends them at their next slice; the next start goes on. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#underWay.values());
  }
}

/** What its people wrote into the record of the tenant goes first; a crash may have come before. */
async function beginRecord(
  { system: { tables }, nowMs }: Pick<RemovalContext, "system" | "nowMs">,
  tenant: string,
  by: AuditSource,
): Promise<void> {
  if ((await findPurge(tables, tenant)) !== null) return;
  const value = newPurge(new Date(nowMs()).toISOString());
  await changeTenant(tables, tenant, removedTenant, () => [
    { type: "put", table: purgesTable, id: tenant, value },
    // What it was called is in no row: the trail outlives the tenant.
    ...auditWrites(by, { action: "tenant.delete", subject: tenant }),
  ]);
}
