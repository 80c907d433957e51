// Prompts and skills of a run, settled before it is accepted: which versions it takes, and whether the values that
// come with it, and the constants of the agents, fill them. Values are for the prompt of whom is asked,
// and for those of the agents that a team or a graph names. So who sent them is told, and nothing is paid.

import { graphLinks } from "../../../actors/flow/links.ts";
import { limits } from "../../../actors/limits.ts";
import type { LoadedPrompt, PinnedPrompts } from "../../../actors/prompts/prompt.ts";
import type { Agent } from "../../../actors/records/agent.ts";
import { type AgentRow, agentTables, versionId } from "../../../actors/records/agent-version.ts";
import { promptLimits } from "../../../actors/records/prompt.ts";
import type { ResourceRow } from "../../../actors/records/resource.ts";
import type { SkillPins } from "../../../actors/skills/pins.ts";
import {
  type Accepting,
  accepting,
  namesSkills,
  targetNamed,
  targetPlace,
} from "../../../actors/targets.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { rowReader } from "../resources/resource-rules.ts";
import { type CheckPlace, checkObject } from "./agent-checks.ts";

type Values = Readonly<Record<string, unknown>>;
type Read = ReturnType<typeof rowReader>;

const POINTER = "/variables";

/** Whom a run asks. */
export interface PromptsOf {
  readonly target: string;
  /** A canary answers some of them. */
  readonly conversation: string;
}

/** Whether a target may have prompts or skills: of most agents that is known without looking further. */
export function mayHavePrompts({
  agent,
  hasSkills,
}: Pick<Accepting, "agent" | "hasSkills">): boolean {
  if (agent === null || agent.prompt_id != null || agent.agent_config?.canary) return true;
  if (hasSkills) return true;
  return agent.graph_definition !== null;
}

/**
 * The versions of the prompts and skills of whom is asked; null without any.
 * @throws INVALID, UNKNOWN_FIELD, TOO_DEEP with the pointer of a value that is missing or does not fit;
 *   INVALID for values when nobody has a prompt; NOT_FOUND for a prompt that is gone.
 */
export async function settlePrompts(
  place: CheckPlace,
  of: PromptsOf,
  values: Values | undefined,
): Promise<PinnedPrompts | null> {
  const most = promptLimits.valuesChars;
  if (values !== undefined && JSON.stringify(values).length > most) {
    throw invalid(`The variables of a run have at most ${most} characters as JSON.`);
  }
  if (values !== undefined) checkObject(values, POINTER);
  const filled = await promptsOf(rowReader(place), of);
  const names = new Set(filled.flatMap(({ prompt }) => prompt.variables.map(({ name }) => name)));
  if (values !== undefined && filled.length === 0) {
    throw invalid(`${targetNamed(of.target)} has no prompt whose variables could be set.`);
  }
  for (const one of filled) await checkFilled(one, values ?? {}, names, of.target);
  const pins = filled.find(({ agent }) => agent.agent_key === of.target)?.pins ?? null;
  const skills = await skillsOf(rowReader(place), of);
  return skills === null ? pins : { of: "", versions: {}, ...pins, skills };
}

/** The versions of the target's skills; others' are settled when they are first asked. */
async function skillsOf(
  read: Read,
  { target, conversation }: PromptsOf,
): Promise<SkillPins | null> {
  const { kind, current } = targetPlace(target);
  const row =
    kind === "agent" ? ((await read(current, target)) as AgentRow | undefined) : undefined;
  if (row === undefined) return null;
  const version = accepting(target, row, conversation)?.version ?? row.version;
  const answering = await rowAt(read, row, version);
  if (!namesSkills(answering)) return null;
  // Loaded by the first agent that names one.
  const { pinnedSkills } = await import("../../../actors/skills/pins.ts");
  return await pinnedSkills(read, answering);
}

/** An agent that answers in the run, by this prompt. */
interface Prompted {
  readonly agent: Agent;
  readonly prompt: LoadedPrompt;
  readonly pins: PinnedPrompts;
}

/** The agents that have prompts: the target, and those that it, if it is no plain agent, names. */
async function promptsOf(read: Read, of: PromptsOf): Promise<readonly Prompted[]> {
  const found: Prompted[] = [];
  const seen = new Set([of.target]);
  for (const id of seen) {
    if (seen.size > limits.flowsReached) break;
    const { kind, current } = targetPlace(id);
    const row = await read(current, id);
    if (row === undefined) continue;
    if (kind !== "agent") {
      const { links = {} } = row as ResourceRow<object>;
      for (const named of Object.values(links)) if (/^(ag|tm|wf)_/.test(named)) seen.add(named);
      continue;
    }
    const target = accepting(id, row, of.conversation);
    const { agent } = await rowAt(read, row as AgentRow, target?.version ?? 0);
    for (const named of Object.values(graphLinks(agent.graph_definition, ""))) {
      if (/^(ag|tm|wf)_/.test(named)) seen.add(named);
    }
    const prompted = await promptOfAgent(read, agent, id === of.target);
    if (prompted !== null) found.push(prompted);
  }
  return found;
}

/** The agent as it is in this version. */
async function rowAt(read: Read, current: AgentRow, version: number): Promise<AgentRow> {
  if (version === current.version) return current;
  const id = versionId(current.agent.agent_key, version);
  const row = (await read(agentTables.agentVersions, id)) as AgentRow | undefined;
  return row ?? current;
}

/** Null for one without a prompt, and for a part whose prompt is gone: the run knows what to do without it. */
async function promptOfAgent(
  read: Read,
  agent: Agent,
  isTarget: boolean,
): Promise<Prompted | null> {
  if (agent.prompt_id == null) return null;
  // The templates' parser comes with these: loaded when first needed.
  const { pinnedPrompts, promptOf } = await import("../../../actors/prompts/system-message.ts");
  const { loadPrompt } = await import("../../../actors/prompts/prompt.ts");
  try {
    const pins = await pinnedPrompts(read, agent);
    const reference = promptOf(agent);
    if (pins === null || reference === null) return null;
    return { agent, pins, prompt: await loadPrompt(read, reference, pins.versions) };
  } catch (error) {
    const isGone = error instanceof RuntimeError && error.code === "NOT_FOUND";
    if (isGone && !isTarget) return null;
    throw error;
  }
}

/** Whether a prompt can be filled. @param names of the variables of all prompts of the run. */
async function checkFilled(
  { agent, prompt: { variables } }: Prompted,
  values: Values,
  names: ReadonlySet<string>,
  target: string,
): Promise<void> {
  const { checkValues, settleValues } = await import("../../../actors/prompts/variables.ts");
  const own = new Set(variables.map(({ name }) => name));
  const sent = Object.entries(values).filter(([name]) => own.has(name) || !names.has(name));
  try {
    checkValues(variables, Object.fromEntries(sent), POINTER);
    settleValues(variables, { ...agent.prompt_variables, ...values }, POINTER);
  } catch (error) {
    throw agent.agent_key === target ? error : ofAgent(agent, error);
  }
}

/** What is wrong with a part of the run says whose prompt it is. */
function ofAgent({ agent_key, name }: Agent, error: unknown): unknown {
  if (!(error instanceof RuntimeError)) return error;
  const message = `Of agent ${agent_key} (${name}): ${error.message}`;
  return new RuntimeError(error.code, message, error.details, { cause: error });
}

function invalid(message: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer: POINTER });
}
