// The skills that an agent or a sub-agent names: each is there, by its id or by its name, which no
// other of the tenant has. Stored is the id, so that what is named is held and found in one way.

import type { AgentRow, SubAgentRow } from "../../../actors/records/agent-version.ts";
import { versionId } from "../../../actors/records/agent-version.ts";
import { resourceTables } from "../../../actors/records/resource.ts";
import type { SkillUse } from "../../../actors/records/skill.ts";
import { skillKind } from "../../../actors/records/skill-kind.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { checkExists } from "../resources/resource-rules.ts";
import type { CheckPlace } from "./agent-checks.ts";
import { skillNamed } from "./skills.ts";

const tables = resourceTables(skillKind);

/** The row with the ids of the skills that it names. @throws INVALID with the pointer. */
export async function withSkillIds(place: CheckPlace, row: AgentRow): Promise<AgentRow> {
  const { skills } = row.agent;
  if (!isToResolve(skills)) return row;
  return { ...row, agent: { ...row.agent, skills: await resolved(place, skills) } };
}

/** As `withSkillIds`, of a sub-agent. */
export async function withSubSkillIds(place: CheckPlace, row: SubAgentRow): Promise<SubAgentRow> {
  const { skills } = row.subAgent;
  if (!isToResolve(skills)) return row;
  return { ...row, subAgent: { ...row.subAgent, skills: await resolved(place, [...skills]) } };
}

function isToResolve(skills: readonly SkillUse[] | null | undefined): skills is SkillUse[] {
  return (skills ?? []).length > 0;
}

async function resolved(place: CheckPlace, uses: readonly SkillUse[]): Promise<SkillUse[]> {
  const all: SkillUse[] = [];
  for (const [at, use] of uses.entries()) {
    const pointer = `/skills/${at}`;
    const id = await idOf(place, use, pointer);
    if (all.some((one) => one.id === id)) throw invalid(`Skill ${id} is named twice.`, pointer);
    const { version } = use;
    if (version !== undefined) await checkVersion(place, versionId(id, version), pointer);
    all.push({ id, ...(version !== undefined && { version }) });
  }
  return all;
}

async function idOf(place: CheckPlace, { id, name }: SkillUse, pointer: string): Promise<string> {
  if (id !== undefined && name === undefined) {
    await checkExists(place, id, { prefixes: [skillKind.prefix], pointer: `${pointer}/id` });
    return id;
  }
  if (name === undefined || id !== undefined) {
    throw invalid("A skill is named by its id or by its name.", pointer);
  }
  const found = await skillNamed(place, name);
  if (found !== null) return found;
  throw invalid(`There is no skill ${JSON.stringify(name)}.`, `${pointer}/name`);
}

async function checkVersion(
  { tables: rows, tenant }: CheckPlace,
  id: string,
  pointer: string,
): Promise<void> {
  if ((await rows.get(tenant, tables.versions, id)) !== undefined) return;
  const [skill, version] = id.split(".");
  throw invalid(`Skill ${skill} has no version ${version}.`, `${pointer}/version`);
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
