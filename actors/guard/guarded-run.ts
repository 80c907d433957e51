// A run under guardrails: its chain is put together, what it is asked to do is checked, and what was found
// goes into its result.

import type { RunContext } from "../../runtime/actor.ts";
import { fromErrorData } from "../../runtime/errors.ts";
import { rootRunOf } from "../../runtime/frame.ts";
import { loadAsked } from "../answer/history.ts";
import { addUsage, noUsage } from "../money/spent.ts";
import type { Ports, Usage } from "../ports.ts";
import type { Finding, GuardRef } from "../records/guardrail.ts";
import type { Meter } from "../spend.ts";
import { type Chain, checkText, contentOf, lateOn } from "./chain.ts";
import { compiledChain } from "./compiled.ts";
import { Guard } from "./guard.ts";
import { GuardedContext } from "./guarded-context.ts";
import type { GuardedInput } from "./input.ts";
import { refusalBy } from "./screen.ts";
import type { StoredChain } from "./stored.ts";
import { checkValue } from "./values.ts";

/** What holds, and what is to be done. */
interface Under<I, R> {
  readonly chains: readonly StoredChain[];
  /** Who answers, if what it is asked was not looked at by its rules yet. */
  readonly own: GuardRef | null;
  readonly meter: Meter;
  readonly work: (context: RunContext<Ports>, input: I) => Promise<R>;
}

/** Does the work of a run under these chains. @throws GUARDRAIL_BLOCKED. */
export async function underGuard<I extends GuardedInput, R extends object>(
  context: RunContext<Ports>,
  input: I,
  { chains, own, meter, work }: Under<I, R>,
): Promise<R> {
  const all = await compiledChain(context.tenant, chains);
  // What repeats an answer asks nobody again.
  const chain = input.adopt === undefined ? all : all.filter(({ isLate }) => !isLate);
  const refs = chains.map(({ ref }) => ref);
  const isRoot = context.id === rootRunOf(context.id);
  const guard = new Guard({ chain, refs, own: own?.id ?? null, meter, isRoot });
  const under = new GuardedContext(context, guard);
  if (input.screened !== undefined) under.tell("input", input.screened);
  const ownChain = chain.filter(({ of }) => of === own?.id);
  const asked = withTask(under, input, ownChain);
  await admitted(under, asked);
  const result = await work(under, asked);
  const left = withValues(under, result);
  const { findings, isOutputBlocked, usage } = guard;
  const { usage: spent = noUsage } = result as { readonly usage?: Usage };
  return {
    ...left,
    ...(usage !== noUsage && { usage: addUsage(spent, usage) }),
    ...(findings.length > 0 && { guardrails: findings }),
    ...(isOutputBlocked && { finishReason: "content_filter" }),
  };
}

/** What it is asked, as a whole: models and people look at it before anything is done. */
async function admitted(context: GuardedContext, input: GuardedInput): Promise<void> {
  const { guard } = context;
  if (lateOn(guard.onInput, "input").length === 0) return;
  const { task, variables } = input;
  if (task === undefined && !guard.isRoot) return;
  const { text, data, sent } =
    task === undefined || task.asSent ? await loadAsked(context, input) : { ...task, sent: null };
  const said = sent?.messages.filter(({ role }) => role !== "system" && role !== "assistant");
  const whole = said === undefined ? text : said.map(({ content }) => content).join("\n\n");
  const more = { ...(data && { data }), ...(variables && { variables }) };
  const isText = Object.keys(more).length === 0;
  await context.admit(
    "input",
    isText ? whole : data === undefined ? { text: whole, ...more } : more,
  );
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
