// Which versions of skills a run takes: those that its agent names, or the newest when it is accepted.
// Its answers, its children's too, are given the same ones, whatever becomes of the skills meanwhile.

import {
  type AgentRow,
  agentTables,
  type SubAgentRow,
  versionId,
} from "../records/agent-version.ts";
import { type ResourceRow, resourceTables } from "../records/resource.ts";
import type { SkillInput, SkillUse } from "../records/skill.ts";
import { skillKind } from "../records/skill-kind.ts";

/** Versions of skills by their ids: of those that are not named with a version. */
export type SkillPins = Readonly<Record<string, number>>;

/** Reads a row of the tenant. */
type ReadRow = (table: string, id: string) => Promise<unknown>;

const tables = resourceTables(skillKind);

/** The newest versions of the skills of an agent and of its sub-agents; null without any. */
export async function pinnedSkills(read: ReadRow, row: AgentRow): Promise<SkillPins | null> {
  const uses = [...(row.agent.skills ?? [])];
  for (const { key, version, names = [] } of row.subAgents) {
    if (!names.some((name) => name.startsWith("sk_"))) continue;
    const id = versionId(key, version);
    const sub = (await read(agentTables.subAgentVersions, id)) as SubAgentRow | undefined;
    uses.push(...(sub?.subAgent.skills ?? []));
  }
  return uses.length === 0 ? null : await newestOf(read, uses);
}

/** The newest versions of skills that are not named with one. Those that are gone are left out. */
export async function newestOf(read: ReadRow, uses: readonly SkillUse[]): Promise<SkillPins> {
  const pins: Record<string, number> = {};
  for (const { id, version } of uses) {
    if (id === undefined || version !== undefined || pins[id] !== undefined) continue;
    const row = (await read(tables.current, id)) as ResourceRow<SkillInput> | undefined;
    if (row !== undefined) pins[id] = row.version;
  }
  return pins;
}

/** The result of a step that looks versions up, as a run's log has it. */
export interface FoundSkills {
  readonly skills: SkillPins;
}

/** Row ids of the versions of skills in the result of any step: [] of another one's. */
export function skillVersionsOf(result: unknown): readonly string[] {
  const { skills } = (result ?? {}) as Partial<Record<keyof FoundSkills, unknown>>;
  return rowsOfPins(skills);
}

/** Row ids of pinned versions. */
export function rowsOfPins(pins: unknown): readonly string[] {
  if (typeof pins !== "object" || pins === null) return [];
  return Object.entries(pins).flatMap(([id, version]) =>
    id.startsWith("sk_") && typeof version === "number" ? [versionId(id, version)] : [],
  );
}
