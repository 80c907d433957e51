// What a record comes to name: a key that is limited to some records must not reach others by way of one
// that it may change. Ids are looked for anywhere in what was sent; names, where records are named by
// them. What the stored record names already may stay.

import { agentTables } from "../../../actors/records/agent-version.ts";
import {
  kindOfId,
  type ResourceKindName,
  reaches,
  reachesAll,
} from "../../../actors/records/resource-scope.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { RouteContext } from "../route.ts";

type Context = RouteContext<unknown>;
type Fields = Readonly<Record<string, unknown>>;

/** Ids as they are made, wherever they stand in a text. */
const IDS = /(?<![A-Za-z0-9_])(?:ag|tm|wf|cl|pr|tl|sk|ds)_[0-9a-z]{26}(?![A-Za-z0-9_])/g;
const DEPTH_MAX = 64;

/** @throws INVALID with the pointer, as for what does not exist. */
export async function checkMentions(context: Context, body: Fields): Promise<void> {
  const { allowedResources: allowed } = context.principal;
  const foreign: (readonly [string, string])[] = [];
  walk(body, "", 0, (text, pointer) => {
    for (const [id] of text.matchAll(IDS)) if (!reaches(allowed, id)) foreign.push([id, pointer]);
  });
  const [skills, partials] = [skillsIn(body), await partialsOf(context, body)];
  if (foreign.length === 0 && skills.length === 0 && partials.length === 0) return;
  const stored = await storedText(context);
  for (const [id, pointer] of foreign) {
    if (!stored.includes(id)) throw invalid(`${titleOf(id)} ${id} does not exist.`, pointer);
  }
  await checkSkills(context, skills, stored);
  for (const name of partials) {
    if (stored.includes(JSON.stringify(name).slice(1, -1))) continue;
    throw invalid(`There is no prompt "${name.slice(0, 200)}".`, "/template");
  }
}

/** The records that the path names, as they are stored: what is looked for in it is an id or a name. */
async function storedText({ system, principal, params }: Context): Promise<string> {
  const rows = await Promise.all(
    Object.values(params).map(async (id) => {
      const table = id.startsWith("sa_") ? agentTables.subAgents : kindOfId(id);
      if (table === null || !/^[a-z]{2}_[A-Za-z0-9]{1,61}$/.test(id)) return null;
      return (await system.tables.get(principal.tenant, table, id))?.value ?? null;
    }),
  );
  return JSON.stringify(rows);
}

/** Agents and sub-agents name skills by their names too. */
function skillsIn({ skills }: Fields): readonly (readonly [string, string])[] {
  if (!Array.isArray(skills)) return [];
  return skills.flatMap((use: unknown, at) => {
    const name = typeof use === "object" && use !== null && (use as Fields)["name"];
    return typeof name === "string" ? [[name, `/skills/${at}/name`] as const] : [];
  });
}

async function checkSkills(
  { system, principal }: Context,
  skills: readonly (readonly [string, string])[],
  stored: string,
): Promise<void> {
  const { allowedResources: allowed, tenant } = principal;
  if (skills.length === 0 || reachesAll(allowed, "skills")) return;
  const { skillNamed } = await import("../services/skills.ts");
  for (const [name, pointer] of skills) {
    const id = await skillNamed({ tables: system.tables, tenant }, name);
    if (id !== null && (reaches(allowed, id) || stored.includes(id))) continue;
    throw invalid(`There is no skill ${JSON.stringify(name)}.`, pointer);
  }
}

/** Prompts that a template names by their names: several may have one, so only ids say which are reached. */
async function partialsOf({ route, principal }: Context, { template }: Fields) {
  const isPrompt = route.service === "prompts" && typeof template === "string";
  if (!isPrompt || reachesAll(principal.allowedResources, "prompts")) return [];
  const [{ partialsIn, parseTemplate }, { promptReference }] = await Promise.all([
    import("../../../actors/prompts/template.ts"),
    import("../../../actors/prompts/prompt.ts"),
  ]);
  return partialsIn(parseTemplate(template)).filter((name) => promptReference(name) === null);
}

function walk(
  value: unknown,
  pointer: string,
  depth: number,
  look: (text: string, pointer: string) => void,
): void {
  if (typeof value === "string") look(value, pointer);
  if (typeof value !== "object" || value === null || depth > DEPTH_MAX) return;
  for (const [name, child] of Object.entries(value)) {
    const at = `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    look(name, at);
    walk(child, at, depth + 1, look);
  }
}

/** What records of a kind are called in messages. */
export const titles: Readonly<Record<ResourceKindName, string>> = {
  agents: "Agent",
  teams: "Team",
  workflows: "Workflow",
  collections: "Collection",
  prompts: "Prompt",
  tools: "Tool",
  skills: "Skill",
  datasets: "Dataset",
};

const titleOf = (id: string): string => titles[kindOfId(id) ?? "agents"];

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
