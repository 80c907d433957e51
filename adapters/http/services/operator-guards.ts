// The chain of the server's operator, which holds for all tenants before their own. Each tenant's tables have
// the versions that it was held to, so that a run goes on, and is replayed, under the rules it began with,
// whatever the settings say by then. A version is made of the rules themselves: the same rules are the same.

import { createHash } from "node:crypto";
import {
  guardrailVersionsTable,
  OPERATOR,
  type StoredChain,
  type TenantGuardrails,
} from "../../../actors/guard/stored.ts";
import { versionId } from "../../../actors/records/agent-version.ts";
import type { Guardrail } from "../../../actors/records/guardrail.ts";
import type { Tables } from "../../../runtime/system.ts";

/** Tenants of which is remembered that their tables have it. */
const KNOWN_MAX = 10_000;
/** Hexadecimal digits of a digest that make a version: whole numbers up to 2^48. */
const VERSION_DIGITS = 12;

/** The operator's chain, by tenant. */
export interface OperatorGuards {
  /** The chain as the tenant's tables have it by then; null where the operator has set none. */
  of(tenant: string): Promise<StoredChain | null>;
  /** Other rules from now on, checked; runs that have begun stay under theirs. */
  set(rules: readonly Guardrail[]): void;
}

interface Held {
  readonly chain: StoredChain;
  /** Tenants whose tables have it. */
  readonly known: Set<string>;
}

const heldOf = (rules: readonly Guardrail[]): Held => {
  const version = rules.length === 0 ? 0 : versionOf(rules);
  return { chain: { ref: { id: OPERATOR, version }, rules }, known: new Set() };
};

/** @param rules checked; [] for none. */
export function createOperatorGuards(
  rules: readonly Guardrail[],
  tables: Pick<Tables, "get" | "write">,
  nowMs: () => number,
): OperatorGuards {
  let held = heldOf(rules);
  const keep = async (tenant: string, of: Held): Promise<void> => {
    const place = { table: guardrailVersionsTable, id: OPERATOR } as const;
    const row = await tables.get(tenant, place.table, place.id);
    const before = (row?.value as TenantGuardrails | undefined)?.version ?? 0;
    const { version } = of.chain.ref;
    // Others were set meanwhile: who is kept for last is what holds.
    if (before === version || of !== held) return;
    const value: TenantGuardrails = {
      ...{ version, guardrails: of.chain.rules },
      updated_at: new Date(nowMs()).toISOString(),
    };
    // Whoever is first: the same version is the same rules.
    const stored = { ...place, id: versionId(OPERATOR, version) };
    await tables.write(tenant, [
      { type: "put", ...place, value },
      { type: "put", ...stored, value },
    ]);
  };
  return {
    async of(tenant) {
      for (;;) {
        const now = held;
        if (!now.known.has(tenant)) {
          await keep(tenant, now);
          if (now !== held) continue;
          if (now.known.size >= KNOWN_MAX) now.known.clear();
          now.known.add(tenant);
        }
        return now.chain.rules.length === 0 ? null : now.chain;
      }
    },
    set(next) {
      held = heldOf(next);
    },
  };
}

function versionOf(rules: readonly Guardrail[]): number {
  const digest = createHash("sha256").update(JSON.stringify(rules)).digest("hex");
  return Number.parseInt(digest.slice(0, VERSION_DIGITS), 16);
}
