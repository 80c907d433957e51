// Where chains are stored, and which hold for a run: named by who has them and at which version, so that a
// run that is resumed, forked or replayed is held to the same rules. Loaded at every start: it only reads.

import type { RunContext } from "../../runtime/actor.ts";
import { limits } from "../limits.ts";
import type { Ports } from "../ports.ts";
import { type AgentRow, versionId } from "../records/agent-version.ts";
import type { GuardRef, Guardrail } from "../records/guardrail.ts";
import type { ResourceRow } from "../records/resource.ts";
import { targetPlace } from "../targets.ts";

/** A chain as it is stored. */
export interface StoredChain {
  readonly ref: GuardRef;
  readonly rules: readonly Guardrail[];
}

/** Id of the chain that holds for all of a tenant. */
export const TENANT = "tenant";

/** Id of the chain that the operator of the server has set for all tenants. */
export const OPERATOR = "operator";

/** Whether a chain is of no agent, team or workflow, but holds for all of them. */
export function isForAll(id: string): boolean {
  return id === TENANT || id === OPERATOR;
}

/** A chain that holds for all, from its row. */
export function chainOf(id: string, row: TenantGuardrails | undefined): StoredChain {
  return { ref: { id, version: row?.version ?? 0 }, rules: row?.guardrails ?? [] };
}

/** Table of the tenant's chain as it is: one row, `TENANT`; and of its versions, and the operator's. */
export const guardrailsTable = "guardrails";
export const guardrailVersionsTable = "guardrails-versions";

/** The tenant's chain as it is stored. */
export interface TenantGuardrails {
  readonly version: number;
  readonly guardrails: readonly Guardrail[];
  readonly updated_at: string;
}

/** Versions never change: each worker keeps them. */
const cache = new Map<string, StoredChain>();

/** The chain of one owner; without rules when it has none or is gone. */
export async function storedChain(context: RunContext<Ports>, ref: GuardRef): Promise<StoredChain> {
  const key = `${context.tenant}/${versionId(ref.id, ref.version)}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const chain = { ref, rules: await read(context, ref) };
  cache.set(key, chain);
  if (cache.size > limits.compiledAgents) {
    const oldest = cache.keys().next().value;
    if (oldest !== undefined) cache.delete(oldest);
  }
  return chain;
}

async function read(
  context: RunContext<Ports>,
  { id, version }: GuardRef,
): Promise<readonly Guardrail[]> {
  const table = isForAll(id) ? guardrailVersionsTable : targetPlace(id).versions;
  const row = await context.row(table, versionId(id, version));
  return isForAll(id) ? ((row as TenantGuardrails | undefined)?.guardrails ?? []) : rulesIn(row);
}

/** The rules that the row of a target has. */
export function rulesIn(row: unknown): readonly Guardrail[] {
  if (row === undefined) return [];
  const { agent, record } = row as Partial<AgentRow> & Partial<ResourceRow<Holder>>;
  return agent?.guardrails ?? record?.guardrails ?? [];
}

interface Holder {
  readonly name: string;
  readonly guardrails?: readonly Guardrail[];
}
