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
import type { Answer } from "../turn-input.ts";
import { type Chain, checkText, contentOf, lateOn } from "./chain.ts";
import { compiledChain } from "./compiled.ts";
import { Guard } from "./guard.ts";
import { GuardedContext } from "./guarded-context.ts";
import type { GuardedInput, Said, Speaking } from "./input.ts";
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
  const { task } = input;
  const asked =
    task === undefined ? input : { ...input, task: leftOf(under, task, ownChain, "task") };
  await admitted(under, asked);
  const result = await work(under, asked);
  return withFound(guard, withValues(under, result));
}

/** What another one says in the run, e.g. the leader of a team. @throws GUARDRAIL_BLOCKED. */
export async function speakingUnder<A extends Said>(
  context: RunContext<Ports>,
  asked: A,
  { chain, meter }: { readonly chain: StoredChain; readonly meter: Meter },
): Promise<Speaking<A>> {
  const { ref } = chain;
  const own = await compiledChain(context.tenant, [chain]);
  const isAlone = !(context instanceof GuardedContext);
  const under = isAlone
    ? await contextUnder(context, [chain], { ref, meter })
    : context.speaking(own, ref);
  const key = `speaker:${ref.id}`;
  const left = leftOf(under, asked, own, key);
  const { text, data } = left;
  await under.admit(key, data ?? text);
  return {
    context: under,
    asked: left,
    // The run itself tells all that was found in it.
    ended: (result) => (isAlone ? withFound(under.guard, result) : result),
  };
}

/** A context for one who speaks, chooses, or keeps something, for itself: all these chains look at what it is asked. */
export async function contextUnder(
  context: RunContext<Ports>,
  chains: readonly StoredChain[],
  { ref, meter }: { readonly ref: GuardRef; readonly meter: Meter },
): Promise<GuardedContext> {
  const chain = await compiledChain(context.tenant, chains);
  const refs = chains.map((one) => one.ref);
  return new GuardedContext(context, new Guard({ chain, refs, own: ref.id, meter, isRoot: true }));
}

/** A result with what was found in its run, and what looking has cost. */
function withFound<R extends object>({ findings, isOutputBlocked, usage }: Guard, result: R): R {
  const { usage: spent = noUsage } = result as { readonly usage?: Usage };
  return {
    ...result,
    ...(usage !== noUsage && { usage: addUsage(spent, usage) }),
    ...(findings.length > 0 && { guardrails: findings }),
    ...(isOutputBlocked && { finishReason: "content_filter" }),
  };
}

/** What it is asked, as a whole: models and people look at it before anything is done. */
async function admitted(context: GuardedContext, input: GuardedInput): Promise<void> {
  const { guard } = context;
  const isOnResults = lateOn(guard.chain, "tool_results").length > 0;
  if (!isOnResults && lateOn(guard.onInput, "input").length === 0) return;
  const { task, variables } = input;
  if (task === undefined && !guard.isRoot) return;
  const { text, data, sent } =
    task === undefined || task.asSent ? await loadAsked(context, input) : { ...task, sent: null };
  for (const [at, { role, content }] of (sent?.messages ?? []).entries()) {
    if (role === "tool") await context.admit(`sent:${at + 1}`, content, { on: "tool_results" });
  }
  const said = sent?.messages.filter(({ role }) => role === "user");
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
  const { output, data, ...rest } = result as Pick<Answer, "output"> &
    Partial<Pick<Answer, "data">>;
  // A list: names of ours are none of what was said.
  const where = { on: "output", placeholders } as const;
  const verdict = checkValue(contentOf(chain), [output, data?.collected] as const, where);
  if (verdict.findings.length > 0) context.tell("values", verdict.findings);
  if (verdict.blockedBy !== null || context.guard.isOutputBlocked) {
    return { ...rest, data: null } as unknown as R;
  }
  const [left, collected] = verdict.value;
  return {
    ...rest,
    ...(left !== undefined && { output: left }),
    ...(data !== undefined && { data: data && { ...data, ...(collected && { collected }) } }),
  } as unknown as R;
}

/** What its own rules leave of what it is asked. @throws GUARDRAIL_BLOCKED. */
function leftOf<A extends Said>(context: GuardedContext, asked: A, own: Chain, key: string): A {
  if (own.length === 0) return asked;
  const where = { on: "input", placeholders: context.guard.placeholders } as const;
  const said = checkText(own, asked.text, where);
  const data = checkValue(own, asked.data, where);
  const findings: readonly Finding[] = [...said.findings, ...data.findings];
  if (findings.length > 0) context.tell(key, findings);
  const blockedBy = said.blockedBy ?? data.blockedBy;
  if (blockedBy !== null) throw fromErrorData(refusalBy(blockedBy, findings));
  return { ...asked, text: said.text, ...(asked.data && { data: data.value }) };
}
