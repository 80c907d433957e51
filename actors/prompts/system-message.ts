// The system message of an agent that has a prompt: filled when a run begins, from the versions that
// are the newest then, as a step of the run. All its answers, its children's too, are given the same
// text, whatever becomes of the prompts meanwhile, and so is a replay.

import type { RunContext } from "../../runtime/actor.ts";
import type { Agent } from "../records/agent.ts";
import {
  fillPrompt,
  loadPrompt,
  type PromptReference,
  pinPrompts,
  type ReadRow,
} from "./prompt.ts";
import { checkValues } from "./variables.ts";

/** Fields of an agent that say which prompt it runs by, and with what. */
export type PromptFields = Pick<Agent, "prompt_id" | "prompt_version" | "prompt_variables">;

type Values = Readonly<Record<string, unknown>>;

/** The prompt that an agent runs by; null when its own `system_message` counts. */
export function promptOf({
  prompt_id: id,
  prompt_version: version,
}: Pick<PromptFields, "prompt_id" | "prompt_version">): PromptReference | null {
  return id == null ? null : { id, version: version ?? null };
}

/**
 * What takes the place of an agent's `system_message` in a run; nothing for an agent without a prompt.
 * @param variables values that came with the run; they count before the agent's constants.
 * @throws INVALID with the pointer of a variable that is missing or of another type, NOT_FOUND.
 */
export async function systemMessageFor(
  context: Pick<RunContext, "row" | "step">,
  agent: PromptFields,
  variables: Values = {},
): Promise<{ readonly systemMessage?: string }> {
  const prompt = promptOf(agent);
  if (prompt === null) return {};
  const read: ReadRow = (table, id) => context.row(table, id);
  const constants = agent.prompt_variables ?? {};
  const { filled } = await context.step(
    "prompt",
    // Not called `text`: what a step calls so is shown to viewers.
    async () => ({ filled: await fillFor(read, prompt, constants, variables) }),
    { repeat: "safe", input: { ...prompt, constants, variables } },
  );
  return { systemMessage: filled };
}

async function fillFor(
  read: ReadRow,
  reference: PromptReference,
  constants: Values,
  variables: Values,
): Promise<string> {
  const prompt = await loadPrompt(read, reference, await pinPrompts(read, reference));
  // A constant of a variable that a newer version of the prompt no longer has is nobody's error.
  const known = Object.entries(constants).filter(([name]) =>
    prompt.variables.some((variable) => variable.name === name),
  );
  const own = Object.fromEntries(known);
  checkValues(prompt.variables, own, "/prompt_variables");
  checkValues(prompt.variables, variables, "/variables");
  return fillPrompt(prompt, { ...own, ...variables }, "/variables").text;
}
