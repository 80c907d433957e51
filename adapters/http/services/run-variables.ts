// Values of a prompt's variables that come with a run: checked before the run is accepted, against the
// prompt of the version that will answer, so that who sent them is told and nothing is paid.

import { type AgentRow, agentTables, versionId } from "../../../actors/records/agent-version.ts";
import { promptLimits } from "../../../actors/records/prompt.ts";
import { accepting, targetNamed, targetPlace } from "../../../actors/targets.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { rowReader } from "../resources/resource-rules.ts";
import { type CheckPlace, checkObject } from "./agent-checks.ts";

type Values = Readonly<Record<string, unknown>>;

const POINTER = "/variables";

/**
 * @param of whom is asked, and in which conversation: a canary answers some of them.
 * @throws INVALID, UNKNOWN_FIELD, TOO_DEEP with the pointer of the value; INVALID for whom has no prompt.
 */
export async function checkRunVariables(
  place: CheckPlace,
  of: { readonly target: string; readonly conversation: string },
  values: Values,
): Promise<void> {
  const most = promptLimits.valuesChars;
  if (JSON.stringify(values).length > most) {
    throw invalid(`The variables of a run have at most ${most} characters as JSON.`);
  }
  checkObject(values, POINTER);
  const read = rowReader(place);
  const { target: id } = of;
  const row = await read(targetPlace(id).current, id);
  const target = accepting(id, row, of.conversation);
  const agent = target?.agent ? await versionOf(read, row as AgentRow, target.version) : null;
  // The templates' parser comes with these: loaded when first needed.
  const { promptOf } = await import("../../../actors/prompts/system-message.ts");
  const reference = agent === null ? null : promptOf(agent);
  if (agent === null || reference === null) {
    throw invalid(`${targetNamed(id)} has no prompt whose variables could be set.`);
  }
  const { loadPrompt, pinPrompts } = await import("../../../actors/prompts/prompt.ts");
  const { checkValues, settleValues } = await import("../../../actors/prompts/variables.ts");
  const { variables } = await loadPrompt(read, reference, await pinPrompts(read, reference));
  checkValues(variables, values, POINTER);
  settleValues(variables, { ...agent.prompt_variables, ...values }, POINTER);
}

/** The agent as it is in this version. */
async function versionOf(
  read: ReturnType<typeof rowReader>,
  current: AgentRow,
  version: number,
): Promise<AgentRow["agent"]> {
  if (version === current.version) return current.agent;
  const id = versionId(current.agent.agent_key, version);
  const row = (await read(agentTables.agentVersions, id)) as AgentRow | undefined;
  return (row ?? current).agent;
}

function invalid(message: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer: POINTER });
}
