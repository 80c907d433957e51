// A run under guardrails: its chain is put together, what it is asked to do is checked, and what was found
// goes into its result.

import type { RunContext } from "../../runtime/actor.ts";
import { fromErrorData } from "../../runtime/errors.ts";
import type { Ports } from "../ports.ts";
import type { Finding, GuardRef } from "../records/guardrail.ts";
import { type Chain, checkText, contentOf } from "./chain.ts";
import { compiledChain } from "./compiled.ts";
import { Guard, GuardedContext } from "./guarded-context.ts";
import type { GuardedInput } from "./input.ts";
import { refusalBy } from "./screen.ts";
import type { StoredChain } from "./stored.ts";
import { checkValue } from "./values.ts";

/** What holds, and what is to be done. */
interface Under<I, R> {
  readonly chains: readonly StoredChain[];
  /** Who answers, if what it is asked was not looked at by its rules yet. */
  readonly own: GuardRef | null;
  readonly work: (context: RunContext<Ports>, input: I) => Promise<R>;
}

/** Does the work of a run under these chains. @throws GUARDRAIL_BLOCKED. */
export async function underGuard<I extends GuardedInput, R extends object>(
  context: RunContext<Ports>,
  input: I,
  { chains, own, work }: Under<I, R>,
): Promise<R> {
  const chain = await compiledChain(context.tenant, chains);
  const refs = chains.map(({ ref }) => ref);
  const under = new GuardedContext(context, new Guard(chain, refs));
  if (input.screened !== undefined) under.tell("input", input.screened);
  const ownChain = chain.filter(({ of }) => of === own?.id);
  const result = await work(under, withTask(under, input, ownChain));
  const left = withValues(under, result);
  const { findings, isOutputBlocked } = under.guard;
  return {
    ...left,
    ...(findings.length > 0 && { guardrails: findings }),
    ...(isOutputBlocked && { finishReason: "content_filter" }),
  };
}

/** Of a result what is no shown text: the typed output, and what was collected. */
function withValues<R extends object>(context: GuardedContext, result: R): R {
  const { chain, placeholders } = context.guard;
  const { output, data, ...rest } = result as Readonly<Record<string, unknown>>;
  const values = { ...(output !== undefined && { output }), ...(data !== undefined && { data }) };
  const verdict = checkValue(contentOf(chain), values, { on: "output", placeholders });
  if (verdict.findings.length > 0) context.tell("values", verdict.findings);
  const isBlocked = verdict.blockedBy !== null || context.guard.isOutputBlocked;
  return { ...rest, ...(isBlocked ? { data: null } : verdict.value) } as R;
}

/** The input with what its own rules leave of what it is asked. */
function withTask<I extends GuardedInput>(context: GuardedContext, input: I, own: Chain): I {
  const { task } = input;
  if (task === undefined || own.length === 0) return input;
  const where = { on: "input", placeholders: context.guard.placeholders } as const;
  const said = checkText(own, task.text, where);
  const data = checkValue(own, task.data, where);
  const findings: readonly Finding[] = [...said.findings, ...data.findings];
  if (findings.length > 0) context.tell("task", findings);
  const blockedBy = said.blockedBy ?? data.blockedBy;
  if (blockedBy !== null) throw fromErrorData(refusalBy(blockedBy, findings));
  const left = { ...task, text: said.text, ...(task.data && { data: data.value }) };
  return { ...input, task: left };
}
