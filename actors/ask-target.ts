// An agent, a team or a workflow as a part of another run: a member of a team, a node of a workflow, a
// tool of a model. It answers in a child run of its own kind, on the version that was current when it
// was first asked in this run.

import type { RunContext } from "../runtime/actor.ts";
import { addressParts } from "../runtime/address.ts";
import { fromErrorData, RuntimeError } from "../runtime/errors.ts";
import type { Ports } from "./ports.ts";
import type { Meter } from "./spend.ts";
import { type Accepting, accepting, targetNamed, targetPlace } from "./targets.ts";
import type { Task, TurnInput, TurnReference, TurnResult } from "./turn-input.ts";

/** Whom to ask for what. */
export interface TargetAsk {
  /** `ag_`, `tm_` or `wf_`. */
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

/** Prefix of the keys under which versions are pinned; a record of the run finds them by it. */
export const PIN_PREFIX = "pin:";

/** The version of a target that this run uses from its first use on. */
export interface TargetPin extends Pick<Accepting, "version" | "runKind"> {
  readonly target: string;
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
        return { target, version, runKind };
      }
      throw new RuntimeError("NOT_FOUND", `${targetNamed(target)} does not exist.`);
    },
    { repeat: "safe" },
  );
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
  const { version, runKind } = await pinTarget(context, target);
  const input: TurnInput = {
    owner: of.owner,
    agent: target,
    version,
    sequences: of.sequences,
    stream: of.stream,
    ...(of.user === undefined ? {} : { user: of.user }),
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
