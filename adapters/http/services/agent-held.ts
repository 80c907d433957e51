// Versions beside an agent's current one that answer, or are made to: its canary, and its newest drafts.
// What they name stays, as what the current version names.

import { limits } from "../../../actors/limits.ts";
import {
  type AgentRow,
  agentTables,
  type HeldVersion,
  versionId,
} from "../../../actors/records/agent-version.ts";
import type { Tables } from "../../../runtime/system.ts";
import { agentLinks } from "./agent-listing.ts";

/** A change of an agent, as far as it decides what is held. */
export interface HeldChange {
  readonly from: AgentRow | null;
  readonly to: AgentRow;
  /** A draft that is made with it. */
  readonly draft: AgentRow | null;
  /** Number of the version that becomes the current one again. */
  readonly restored?: number | undefined;
}

/** What is held after a change, oldest first. */
export async function heldAfter(
  tables: Tables,
  tenant: string,
  { from, to, draft, restored }: HeldChange,
): Promise<readonly HeldVersion[]> {
  const canary = to.agent.agent_config?.canary?.version;
  const before = (from?.held ?? []).filter(({ version }) => version !== restored);
  const drafts = before.filter(({ isDraft }) => isDraft);
  if (draft !== null) drafts.push({ version: draft.version, isDraft: true, links: named(draft) });
  const kept = drafts.slice(-limits.draftsHeld);
  if (canary === undefined || kept.some(({ version }) => version === canary)) return kept;
  const known = before.find(({ version }) => version === canary);
  if (known !== undefined) return [known, ...kept];
  const id = versionId(to.agent.agent_key, canary);
  const row = (await tables.get(tenant, agentTables.agentVersions, id))?.value;
  if (row === undefined) return kept;
  return [{ version: canary, isDraft: false, links: named(row as AgentRow) }, ...kept];
}

/** Links of versions that were not held before: each must exist. */
export function newlyHeld(
  from: AgentRow | null,
  held: readonly HeldVersion[],
): readonly (readonly [string, string])[] {
  const known = new Set((from?.held ?? []).map(({ version }) => version));
  const fresh = held.filter(({ version }) => !known.has(version));
  return fresh.flatMap(({ links }) => links.map((link) => ["/version", link] as const));
}

/** What a version names beside its own sub-agents. */
function named(row: AgentRow): readonly string[] {
  const links = Object.values(agentLinks(row)).filter((link) => !link.startsWith("sa_"));
  return [...new Set(links)];
}
