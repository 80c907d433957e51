// Whether a call of a tool may be made, where a person decides: nothing is done before, and nothing at
// all when it is declined. The run waits meanwhile, as long as it takes.

import type { RunContext } from "../../runtime/actor.ts";
import { type Confirmed, confirm } from "../approvals/confirm.ts";
import { compileExpression, loadExpressions } from "../expression.ts";
import type { Ports } from "../ports.ts";
import type { Arguments, Tool } from "./tool.ts";

/** Where a call stands: the key of its step, and whether viewers are told. */
export interface ConfirmPlace {
  readonly key: string;
  readonly show: boolean;
  /** Given what a person is asked: it may leave before there is an answer. */
  asking?<T>(answer: Promise<T>): Promise<T>;
}

/** The arguments to call with, which a person may have changed, or why it is not to be called. */
export async function confirmed(
  context: RunContext<Ports>,
  tool: Tool,
  given: Arguments,
  { key, show, asking = (answer) => answer }: ConfirmPlace,
): Promise<Confirmed> {
  const { confirmation, spec } = tool;
  if (confirmation === undefined) return { approved: true, arguments: given };
  const { agent, when, approveWhen, quorum } = confirmation;
  if (when !== undefined && !(await holds(when, given))) {
    return { approved: true, arguments: given };
  }
  const answer = confirm(context, {
    ...{ key, step: key, show, agent, tool: spec.name, arguments: given },
    reason: `Calls of ${spec.name} are made only when a person agrees.`,
    parameters: spec.parameters,
    ...(approveWhen !== undefined && { approveWhen }),
    ...(quorum !== undefined && { quorum }),
  });
  return await asking(answer);
}

/** A rule that fails on these arguments is one that a person looks at. */
async function holds(when: string, args: Arguments): Promise<boolean> {
  await loadExpressions();
  try {
    return compileExpression(when, "/confirm_when")({ args }) !== false;
  } catch {
    return true;
  }
}
