// The chain of guardrails of a tenant: it holds for all its agents, teams and workflows, before theirs, and
// none of them can weaken it. Each change is another version, so that runs stay on the one they began with.

import {
  guardrailsTable,
  guardrailVersionsTable,
  TENANT,
  type TenantGuardrails,
} from "../../../actors/guard/stored.ts";
import { versionId } from "../../../actors/records/agent-version.ts";
import type { Guardrail } from "../../../actors/records/guardrail.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables } from "../../../runtime/system.ts";
import { checkRules } from "./agent-checks.ts";

/** Changes that may come in between before one is refused. */
const TRIES = 3;

/** The chains of tenants. */
export interface GuardrailService {
  /** Version 0 without rules for a tenant that has set none. */
  get(tenant: string): Promise<TenantGuardrails>;
  /** @throws INVALID with the pointer of what is wrong; CONFLICT when it is changed all the time. */
  set(tenant: string, rules: readonly Guardrail[]): Promise<TenantGuardrails>;
}

const none: TenantGuardrails = {
  version: 0,
  guardrails: [],
  updated_at: new Date(0).toISOString(),
};

/** Over a system's tables. */
export function createGuardrailService(tables: Tables, nowMs: () => number): GuardrailService {
  const read = (tenant: string) => tables.get(tenant, guardrailsTable, TENANT);
  const attempt = async (
    tenant: string,
    guardrails: readonly Guardrail[],
  ): Promise<TenantGuardrails | null> => {
    const row = await read(tenant);
    const before = (row?.value as TenantGuardrails | undefined) ?? none;
    const value: TenantGuardrails = {
      version: before.version + 1,
      guardrails,
      updated_at: new Date(nowMs()).toISOString(),
    };
    const id = versionId(TENANT, value.version);
    const place = { table: guardrailsTable, id: TENANT };
    try {
      await tables.write(tenant, [
        { type: "put-if", ...place, value, revision: row?.revision ?? null },
        { type: "put", table: guardrailVersionsTable, id, value },
      ]);
      return value;
    } catch (error) {
      if (error instanceof RuntimeError && error.code === "REVISION_MISMATCH") return null;
      throw error;
    }
  };
  return {
    get: async (tenant) => ((await read(tenant))?.value as TenantGuardrails | undefined) ?? none,
    async set(tenant, rules) {
      await checkRules(rules);
      for (let count = 0; count < TRIES; count += 1) {
        const value = await attempt(tenant, rules);
        if (value !== null) return value;
      }
      throw new RuntimeError("CONFLICT", "The guardrails are being changed by others.");
    },
  };
}
