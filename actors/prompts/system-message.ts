// The system message of an agent that has a prompt: filled when a run begins, as a step of the run, from
// the versions that were the newest when the run was accepted, or when the run that asks this one first
// looked. All its answers, its children's too, are given the same text, whatever becomes of the prompts
// meanwhile, and so is a replay.

import type { RunContext } from "../../runtime/actor.ts";
import type { Agent } from "../records/agent.ts";
import type { SkillPins } from "../skills/pins.ts";
import {
  fillPrompt,
  loadPrompt,
  type PinnedPrompts,
  type PromptPins,
  type PromptReference,
  pinPrompts,
  type ReadRow,
  referenceText,
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

/** What came with a run for the prompts of those that answer. */
export interface PromptValues {
  /** They count before the agent's constants. */
  readonly variables?: Values;
  /** Settled at the accept; for another prompt than the agent's they are nothing. */
  readonly prompts?: PinnedPrompts;
  /** Set for a run within another one, whose values are for the prompts of several. */
  readonly task?: unknown;
}

/** The versions that a run by this prompt takes; null for an agent without one. @throws as `pinPrompts`. */
export async function pinnedPrompts(
  read: ReadRow,
  agent: PromptFields,
): Promise<PinnedPrompts | null> {
  const prompt = promptOf(agent);
  if (prompt === null) return null;
  return { of: referenceText(prompt), versions: await pinPrompts(read, prompt) };
}

/** What is pinned of an agent's prompts together with its skills; null when it has neither. */
export function withSkills(
  prompts: PinnedPrompts | null,
  skills: SkillPins | null,
): PinnedPrompts | null {
  return skills === null ? prompts : { of: "", versions: {}, ...prompts, skills };
}

/**
 * What takes the place of an agent's `system_message` in a run; nothing for an agent without a prompt.
 * @throws INVALID with the pointer of a variable that is missing or of another type, NOT_FOUND.
 */
export async function systemMessageFor(
  context: Pick<RunContext, "row" | "step">,
  agent: PromptFields,
  { variables = {}, prompts, task }: PromptValues,
): Promise<{ readonly systemMessage?: string }> {
  const prompt = promptOf(agent);
  if (prompt === null) return {};
  const read: ReadRow = (table, id) => context.row(table, id);
  const constants = agent.prompt_variables ?? {};
  const pins = prompts?.of === referenceText(prompt) ? prompts.versions : null;
  const given = { constants, variables, pins, isPart: task !== undefined };
  const { filled } = await context.step(
    "prompt",
    // Not called `text`: what a step calls so is shown to viewers.
    async () => ({ filled: await fillFor(read, prompt, given) }),
    { repeat: "safe", input: { ...prompt, constants, variables, ...(pins && { pins }) } },
  );
  return { systemMessage: filled };
}

interface Given {
  readonly constants: Values;
  readonly variables: Values;
  readonly pins: PromptPins | null;
  readonly isPart: boolean;
}

async function fillFor(
  read: ReadRow,
  reference: PromptReference,
  { constants, variables, pins, isPart }: Given,
): Promise<string> {
  const prompt = await loadPrompt(read, reference, pins ?? (await pinPrompts(read, reference)));
  const ofThis = (values: Values): Values =>
    Object.fromEntries(
      Object.entries(values).filter(([name]) =>
        prompt.variables.some((variable) => variable.name === name),
      ),
    );
  // A constant of a variable that a newer version of the prompt no longer has is nobody's error.
  const own = ofThis(constants);
  const sent = isPart ? ofThis(variables) : variables;
  checkValues(prompt.variables, own, "/prompt_variables");
  checkValues(prompt.variables, sent, "/variables");
  return fillPrompt(prompt, { ...own, ...sent }, "/variables").text;
}
