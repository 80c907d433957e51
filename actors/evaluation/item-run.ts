// Kind `evaluation-item`: one item of a data set, answered by each target in a run of its own and scored.
// The answers are completions (completion.ts) at addresses that follow from the item: a run that is taken
// up again asks for none twice. Their ends come by way of the evaluation's actor, as decisions.

import { defineRun, type RunContext } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { type ErrorData, RuntimeError, toErrorData, toldError } from "../../runtime/errors.ts";
import { promptsOf } from "../ask-target.ts";
import { heldTo } from "../guard/guarded.ts";
import { limits } from "../limits.ts";
import { chargeLinesAt, isUsedUp } from "../money/charges.ts";
import { noUsage } from "../money/spent.ts";
import type { Ports } from "../ports.ts";
import type { EndedCompletion } from "../records/completion-report.ts";
import type { ChatAccepted, CompletionMessage } from "../records/conversation.ts";
import { type DatasetItem, itemRowId, itemsTable } from "../records/dataset.ts";
import {
  type EvaluationTarget,
  evaluationLimits,
  pricesOf,
  type Score,
  type SideResult,
} from "../records/evaluation.ts";
import type { GuardInput } from "../records/guardrail.ts";
import { metered } from "../spend.ts";
import { closeBooks, type JudgeBooks } from "./judge-books.ts";
import {
  completionAddress,
  evaluationAddress,
  type ItemRunInput,
  type ItemRunResult,
  itemsKey,
} from "./messages.ts";
import { type Answered, type Scoring, scoreAnswer } from "./score-answer.ts";
import { weighted } from "./scorers.ts";

/** How long the accept of an answer is waited for, ms. */
const ACCEPT_MS = 60_000;

/** Kind `evaluation-item`. */
export const evaluationItemRun = defineRun<ItemRunInput, ItemRunResult, Ports>({
  kind: "evaluation-item",
  run: async (input, context) => {
    const { evaluationJudge: priceMicros } = pricesOf(input.plan);
    const payer = { keyId: input.keyId ?? null, agent: input.plan.targets[0]?.target ?? "" };
    const books: JudgeBooks = { payer, priceMicros, paid: 0, graded: 0, usage: noUsage };
    context.atEnd((write) => closeBooks(context, write, books));
    return await metered(context, payer, async (meter) => {
      const item = await itemOf(input, context);
      const { index, plan } = input;
      if (item === null) {
        const id = await itemIdOf(input, context);
        return { row: { index, item_id: id, item: null, sides: [] }, isBroke: false };
      }
      const sides = await Promise.all(
        plan.targets.map((target, at) => {
          const side = at === 0 ? ("a" as const) : ("b" as const);
          const work: Scoring = { context, meter, books, scorers: plan.scorers, side, item };
          return sideOf(work, input, target);
        }),
      );
      const isBroke = sides.some(({ error }) => isUsedUp(error?.code));
      return { row: { index, item_id: item.id, item, sides }, isBroke };
    });
  },
});

async function itemIdOf({ index }: ItemRunInput, context: RunContext<Ports>): Promise<string> {
  const owner = evaluationAddress(context.tenant, addressParts(context.self).root);
  const range = { from: itemsKey, to: `${itemsKey}_`, limit: 1 };
  const [record] = await context.records(owner, range);
  return (record?.value as readonly string[] | undefined)?.[index] ?? "";
}

/** The item as it is now; null when it was deleted. */
async function itemOf(
  input: ItemRunInput,
  context: RunContext<Ports>,
): Promise<DatasetItem | null> {
  const read = async (): Promise<DatasetItem | null> => {
    const id = itemRowId(input.plan.dataset_id, await itemIdOf(input, context));
    return ((await context.row(itemsTable, id)) as DatasetItem | undefined) ?? null;
  };
  return await context.step("item", read, { repeat: "safe", local: true });
}

async function sideOf(
  work: Scoring,
  input: ItemRunInput,
  target: EvaluationTarget,
): Promise<SideResult> {
  const { side } = work;
  const ended = await answer(work, input, target);
  if (ended.reply === null) {
    const error = ended.error ?? { code: "INTERNAL" as const, message: "It has no answer." };
    return failed(side, ended.run, error, ended);
  }
  const { reply } = ended;
  const answered: Answered = {
    text: reply.response,
    output: reply.output,
    routing: reply.routing_info,
  };
  const { scores, usage, graded } = await scoreAnswer(
    await heldWork(work, target, ended),
    answered,
  );
  const score = weighted(work.scorers, scores);
  const isSure = scores.every((one: Score) => one.error !== true);
  const { action_name, sub_agent_key } = reply.routing_info;
  return {
    ...{ side, run_id: ended.run, status: "completed", error: null, scores, score },
    answer: reply.response.slice(0, evaluationLimits.answerChars),
    routing: { action_name, sub_agent_key },
    model: reply.model,
    // What a scorer could not tell is not taken for passed.
    passed: isSure && score !== null && score >= input.plan.threshold,
    latency_ms: ended.tookMs,
    usage: reply.usage,
    judge_usage: usage,
    micros: ended.micros + graded * pricesOf(input.plan).evaluationJudge,
  };
}

/** What judges say of an answer is held to the chains of who has given it. */
async function heldWork(
  work: Scoring,
  { target: agent, version }: EvaluationTarget,
  { guards = [] }: Ended,
): Promise<Scoring> {
  const { context, meter } = work;
  return { ...work, context: await heldTo(context, { agent, version, guards }, meter) };
}

function failed(
  side: SideResult["side"],
  run: string | null,
  error: ErrorData,
  ended: Pick<EndedCompletion, "tookMs" | "micros"> | null,
): SideResult {
  const { code, message } = toldError(error);
  return {
    ...{ side, run_id: run, status: "failed", answer: "", routing: null, model: null },
    error: { code, message },
    ...{ scores: [], score: 0, passed: false },
    latency_ms: ended?.tookMs ?? null,
    ...{ usage: noUsage, judge_usage: noUsage },
    micros: ended?.micros ?? 0,
  };
}

type Ended = Omit<EndedCompletion, "run"> &
  Pick<GuardInput, "guards"> & { readonly run: string | null };

/** Asks the target, and waits for the end. What cannot be answered is an end too. */
async function answer(
  { context, side, item }: Scoring,
  input: ItemRunInput,
  { target, version }: EvaluationTarget,
): Promise<Ended> {
  const { root: evaluation } = addressParts(context.self);
  const { tenant } = context;
  const to = completionAddress({ tenant, evaluation, index: input.index }, side);
  const endKey = `end:${side}`;
  const cancel = { type: "cancel", reason: "its evaluation ended" } as const;
  let run: string | null = null;
  try {
    const pins = await context.step(`prompts:${side}`, () => promptsOf(context, target, version), {
      repeat: "safe",
      local: true,
    });
    const sent: CompletionMessage = {
      ...{ type: "complete", agent: target, version, ...askedOf(item) },
      ...(pins && { prompts: pins }),
      ...{ stream: false, overrides: {}, priceMicros: pricesOf(input.plan).chat },
      service: input.service,
      ...(input.keyId === undefined ? {} : { keyId: input.keyId }),
      ...(input.tenantDefaults && { tenantDefaults: input.tenantDefaults }),
      report: { to: evaluationAddress(tenant, evaluation), run: context.id, key: endKey },
    };
    const paid = { keyId: input.keyId ?? null, agent: target };
    const charges = await chargeLinesAt(context, `pay-at:${side}`, paid);
    const { screenedIn } = await import("../guard/screened-in.ts");
    const message = await screenedIn(context, `screen:${side}`, { ...sent, charges });
    context.sendAtEnd(`cancel:${side}`, to, cancel, { unless: endKey });
    const asked = await context.ask(`ask:${side}`, to, message, { timeoutMs: ACCEPT_MS });
    ({ run } = asked as ChatAccepted);
    const timeoutMs = limits.runMs + ACCEPT_MS;
    const ended = (await context.decision(endKey, { timeoutMs })) as EndedCompletion;
    const { guards } = message.guard ?? {};
    return guards === undefined ? ended : { ...ended, guards };
  } catch (error) {
    if (context.signal.aborted || !(error instanceof RuntimeError)) throw error;
    return { run, tookMs: 0, micros: 0, reply: null, error: toErrorData(error) };
  }
}

function askedOf(item: DatasetItem): Pick<CompletionMessage, "messages" | "data" | "variables"> {
  const { messages, input, variables } = item;
  const content = JSON.stringify(input ?? {});
  return {
    messages: messages ?? [{ role: "user", content }],
    ...(input && { data: input }),
    ...(variables && { variables }),
  };
}
