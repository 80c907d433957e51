// An agent, a team, a workflow or an agent elsewhere as a part of another run: a member of a team, a node of
// a workflow, a tool of a model. It answers in a child run of its own kind, on the version that was current when it
// was first asked in this run.

import type { RunContext } from "../runtime/actor.ts";
import { addressParts } from "../runtime/address.ts";
import { fromErrorData, RuntimeError } from "../runtime/errors.ts";
import type { Ports } from "./ports.ts";
import type { PinnedPrompts } from "./prompts/prompt.ts";
import { pinnedPrompts, withSkills } from "./prompts/system-message.ts";
import { type AgentRow, versionId } from "./records/agent-version.ts";
import type { Meter } from "./spend.ts";
import {
  accepting,
  namesSkills,
  PIN_PREFIX,
  type TargetPin,
  targetNamed,
  targetPlace,
} from "./targets.ts";
import type { Task, TurnInput, TurnReference, TurnResult } from "./turn-input.ts";

/** Whom to ask for what. */
export interface TargetAsk {
  /** `ag_`, `tm_`, `wf_`, or `tl_` of type `remote_agent`. */
  readonly target: string;
  /** The input of the run that asks: its messages, who speaks, whether text is streamed. */
  readonly of: TurnReference;
  readonly task: Task;
  readonly timeoutMs?: number;
  /** What it shows is no part of the answer. Default false. */
  readonly aside?: boolean;
  /** Given the id of its run before it begins. */
  onStart?(run: string): void;
}

/** @throws NOT_FOUND when the target does not exist any more. */
export async function pinTarget(context: RunContext<Ports>, target: string): Promise<TargetPin> {
  return await context.step(
    `${PIN_PREFIX}${target}`,
    async () => {
      const row = await context.row(targetPlace(target).current, target);
      const found = accepting(target, row, addressParts(context.self).root);
      if (found !== undefined) {
        const { version, runKind } = found;
        const prompts = await promptsOf(context, target, version);
        return { target, version, runKind, ...(prompts && { prompts }) };
      }
      throw new RuntimeError("NOT_FOUND", `${targetNamed(target)} does not exist.`);
    },
    { repeat: "safe" },
  );
}

/**
 * The versions that the prompts of a target have now; null without one, and for prompts that are gone: the
 * run that needs them says so.
 */
export async function promptsOf(
  context: Pick<RunContext, "row">,
  target: string,
  version: number,
): Promise<PinnedPrompts | null> {
  const { kind, versions } = targetPlace(target);
  if (kind !== "agent") return null;
  const row = (await context.row(versions, versionId(target, version))) as AgentRow | undefined;
  if (row === undefined) return null;
  const read = (table: string, id: string) => context.row(table, id);
  // Loaded by the first agent that names one.
  const skills = namesSkills(row)
    ? await (await import("./skills/pins.ts")).pinnedSkills(read, row)
    : null;
  try {
    return withSkills(await pinnedPrompts(read, row.agent), skills);
  } catch (error) {
    if (!(error instanceof RuntimeError && error.code === "NOT_FOUND")) throw error;
    return withSkills(null, skills);
  }
}

/**
 * Asks a target under `key`, as a child run. Its spend is settled with `meter`.
 * @throws NOT_FOUND, and what the child failed with.
 */
export async function askTarget(
  context: RunContext<Ports>,
  key: string,
  { target, of, task, timeoutMs, aside, onStart }: TargetAsk,
  meter: Meter,
): Promise<TurnResult> {
  const { version, runKind, prompts } = await pinTarget(context, target);
  const input: TurnInput = {
    owner: of.owner,
    agent: target,
    version,
    sequences: of.sequences,
    stream: of.stream,
    ...(of.user === undefined ? {} : { user: of.user }),
    ...(of.keyId === undefined ? {} : { keyId: of.keyId }),
    ...(of.variables && { variables: of.variables }),
    ...(prompts && { prompts }),
    task,
  };
  const outcome = await context.child(key, {
    kind: runKind,
    input,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(aside && { aside }),
    ...(onStart && { onStart }),
  });
  if (outcome.status !== "completed") throw fromErrorData(outcome.error);
  const result = outcome.result as TurnResult;
  meter.settle(key, result.usage);
  return result;
}
