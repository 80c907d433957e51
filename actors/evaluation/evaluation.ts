// Kind `evaluation`: runs the items of a data set, so many at once and within a budget, and keeps what
// became of each. Everything that it does is decided in its turns, so that an evaluation goes on where it
// was after any death: an item's run is started in the turn that counts it, and its result is stored in
// the transaction of its end. It also has a run of kind `evaluation-progress`, which viewers follow.

import { defineActor, defineRun, type RunEnded, type Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { type ErrorData, toldError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import type { CompletionEnded } from "../records/completion-report.ts";
import {
  type EvaluationPlan,
  type EvaluationRow,
  type EvaluationStatus,
  evaluationLimits,
  evaluationsTable,
  pricesOf,
  type ResultRow,
  type RunningEvaluation,
  resultId,
  resultsTable,
  runningTable,
} from "../records/evaluation.ts";
import { unitsOf } from "../records/price.ts";
import type { TenantLimits } from "../records/tenant-limits.ts";
import {
  completionAddress,
  type EvaluationProgress,
  type EvaluationRequest,
  type EvaluationStart,
  type ItemRunInput,
  type ItemRunResult,
  itemsKey,
  progressKey,
} from "./messages.ts";
import { emptySummary, withResult } from "./summary.ts";

const ITEM_KIND = "evaluation-item";
const PROGRESS_KIND = "evaluation-progress";

/** An item that is being run. */
interface Open {
  readonly run: string;
  readonly index: number;
}

/** One evaluation; null before it is begun. One that was deleted is not begun again. Version 1. */
export interface EvaluationState {
  readonly row: EvaluationRow;
  readonly service: string;
  readonly keyId?: string;
  readonly tenantDefaults?: TenantLimits;
  /** Index of the item that is begun next. */
  readonly next: number;
  readonly open: readonly Open[];
  /** What it ends as when nothing is open any more; null while items are begun. */
  readonly ending: Exclude<EvaluationStatus, "running"> | null;
  /** Steps that its progress run was told. */
  readonly told: number;
  /** Results that are removed already, of one that is deleted. */
  readonly removed: number;
}

const DELETED = "deleted";
type State = EvaluationState | typeof DELETED | null;
type Message = EvaluationRequest | CompletionEnded | RunEnded | { readonly type: "remove" };

/** Kind `evaluation`. */
export const evaluationActor = defineActor<State, Message>({
  kind: "evaluation",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if (state === DELETED) return missing(state, message, turn);
    if (message.type === "start") return start(state, message, turn);
    if (state === null) return missing(state, message, turn);
    switch (message.type) {
      case "cancel":
        return replied(stopped(state, "cancelled", turn), turn);
      case "delete":
        return replied(stopped(state, "deleting", turn), turn);
      case "remove":
        return remove(state, turn);
      case "completion-ended":
        turn.decideRun(message.run, message.key, message.ended);
        return state;
      case "run-ended":
        return message.kind === PROGRESS_KIND
          ? endProgress(state, message, turn)
          : endItem(state, message, turn);
    }
  },
});

/** Kind `evaluation-progress`: shows how far an evaluation is, and ends with it. */
export const evaluationProgressRun = defineRun<
  { readonly evaluation: string },
  EvaluationProgress,
  unknown
>({
  kind: PROGRESS_KIND,
  async run(_, context) {
    for (let step = 1; ; step += 1) {
      const key = progressKey(step);
      const timeoutMs = evaluationLimits.lifeMs;
      const told = (await context.decision(key, { timeoutMs, pausing: true })) as Told;
      const { isLast, ...progress } = told;
      context.emit(`shown:${step}`, progress);
      if (isLast) return progress;
    }
  },
});

type Told = EvaluationProgress & { readonly isLast: boolean };

/** Charged at most for one item, in millionths: an answer and all grades, of each target. */
export function itemMicros(plan: EvaluationPlan): number {
  const { targets, scorers } = plan;
  const { chat, evaluationJudge } = pricesOf(plan);
  const judges = scorers.filter(({ type }) => type === "judge").length;
  return targets.length * (chat + judges * evaluationJudge);
}

function start(state: EvaluationState | null, message: EvaluationStart, turn: Turn): State {
  if (state !== null) return replied(state, turn);
  const { plan, items, service, keyId, tenantDefaults } = message;
  const { root: id } = addressParts(turn.self);
  turn.put(itemsKey, items);
  turn.putRow(runningTable, id, runningOf(plan));
  const run = turn.startRun({
    ...{ kind: PROGRESS_KIND, input: { evaluation: id } },
    timeoutMs: evaluationLimits.lifeMs,
  });
  const row: EvaluationRow = {
    ...{ id, plan, status: "running", run, total: items.length, done: 0, skipped: 0, micros: 0 },
    sides: plan.targets.map(() => emptySummary(plan.scorers)),
    comparison: plan.targets.length > 1 ? { a: 0, b: 0, ties: 0 } : null,
    ...{ error: null, created_at: new Date(turn.nowMs).toISOString(), ended_at: null },
  };
  const begun: EvaluationState = {
    ...{ row, service, next: 0, open: [], ending: null, told: 0, removed: 0 },
    ...(keyId === undefined ? {} : { keyId }),
    ...(tenantDefaults && { tenantDefaults }),
  };
  return replied(advance(begun, turn), turn);
}

function runningOf({ name, dataset_id, targets }: EvaluationPlan): RunningEvaluation {
  const links = targets.map(({ target, version }) => `${target}@${version}`);
  return { name, links: [dataset_id, ...links] };
}

function missing(state: State, message: Message, turn: Turn): State {
  if (message.type === "start" || message.type === "cancel" || message.type === "delete") {
    const { root } = addressParts(turn.self);
    const what = state === DELETED ? "was deleted" : "does not exist";
    turn.refuse({ code: "NOT_FOUND", message: `Evaluation ${root} ${what}.` });
  }
  return state;
}

function replied(state: State, turn: Turn): State {
  turn.reply(state === null || state === DELETED ? null : state.row);
  return state;
}

/** Begins as many items as may be, and ends the evaluation when there are none. Writes its row. */
function advance(before: EvaluationState, turn: Turn): State {
  let state = before;
  const { plan, total } = state.row;
  const each = itemMicros(plan);
  while (state.ending === null && state.open.length < plan.concurrency) {
    if (state.next >= total) {
      state = { ...state, ending: "completed" };
      break;
    }
    // What is open may cost as much as it can: so nothing is ever overspent.
    const reserved = state.row.micros + (state.open.length + 1) * each;
    if (plan.budgetMicros !== null && reserved > plan.budgetMicros) {
      // Something that is open may turn out to cost less.
      if (state.open.length === 0) state = { ...state, ending: "budget" };
      break;
    }
    const index = state.next;
    const { service, keyId, tenantDefaults } = state;
    const input: ItemRunInput = {
      ...{ plan, index, service },
      ...(keyId === undefined ? {} : { keyId }),
      ...(tenantDefaults && { tenantDefaults }),
    };
    const timeoutMs = limits.runMs + evaluationLimits.scoringMs;
    const run = turn.startRun({ kind: ITEM_KIND, input, timeoutMs });
    state = { ...state, next: index + 1, open: [...state.open, { run, index }] };
  }
  if (state.ending !== null && state.open.length === 0) return finish(state, state.ending, turn);
  return told(state, turn, false);
}

function finish(
  state: EvaluationState,
  ending: Exclude<EvaluationStatus, "running">,
  turn: Turn,
): State {
  if (state.row.status !== "running") return ending === "deleting" ? remove(state, turn) : state;
  turn.putRow(runningTable, state.row.id, undefined);
  const ended_at = new Date(turn.nowMs).toISOString();
  const next = told({ ...state, row: { ...state.row, status: ending, ended_at } }, turn, true);
  return ending === "deleting" ? remove(next, turn) : next;
}

/** Writes the row, and tells the progress run when there is enough that is new, or the end. */
function told(state: EvaluationState, turn: Turn, isLast: boolean): EvaluationState {
  const { row } = state;
  turn.putRow(evaluationsTable, row.id, row);
  const every = Math.ceil(row.total / evaluationLimits.events);
  if (!isLast && row.done < (state.told + 1) * every) return state;
  const step = state.told + 1;
  const progress: Told = {
    ...{ type: "evaluation_progress", status: row.status, total: row.total, done: row.done },
    ...{ passed: row.sides.map(({ passed }) => passed), units: unitsOf(row.micros), isLast },
  };
  turn.decideRun(row.run, progressKey(step), progress);
  return { ...state, told: step };
}

function endItem(state: EvaluationState, { run, outcome }: RunEnded, turn: Turn): State {
  const open = state.open.find((one) => one.run === run);
  if (open === undefined) return state;
  const rest = { ...state, open: state.open.filter((one) => one !== open) };
  if (outcome.status === "completed") {
    const { row, isBroke } = outcome.result as ItemRunResult;
    turn.putRow(resultsTable, resultId(state.row.id, open.index), row);
    const next = { ...rest, row: withResult(state.row, row) };
    return advance(isBroke ? failing(next, balanceGone) : next, turn);
  }
  // Cut by a cancel, the item has no result. What it cost is not known: it counts as all that it may.
  const micros = state.row.micros + itemMicros(state.row.plan);
  const counted = { ...rest, row: { ...state.row, micros } };
  if (outcome.status === "cancelled" && state.ending !== null) return advance(counted, turn);
  const row = brokenResult(state.row.plan, open.index, toldError(outcome.error));
  turn.putRow(resultsTable, resultId(state.row.id, open.index), row);
  const next = withResult(counted.row, row);
  return advance({ ...counted, row: next }, turn);
}

const balanceGone: Pick<ErrorData, "code" | "message"> = {
  code: "BALANCE_EXHAUSTED",
  message: "The balance did not cover an item; none was begun after it.",
};

function failing(
  state: EvaluationState,
  error: Pick<ErrorData, "code" | "message">,
): EvaluationState {
  const ending = state.ending ?? "failed";
  return { ...state, ending, row: { ...state.row, error } };
}

/** The result of an item whose own run failed. */
function brokenResult(plan: EvaluationPlan, index: number, error: ErrorData): ResultRow {
  const { code, message } = error;
  const none = { promptTokens: 0, completionTokens: 0 };
  const sides = plan.targets.map((_, at) => ({
    ...{ side: at === 0 ? ("a" as const) : ("b" as const), run_id: null },
    ...{ status: "failed" as const, answer: "", routing: null, model: null },
    ...{ error: { code, message }, scores: [], score: 0, passed: false, latency_ms: null },
    ...{ usage: none, judge_usage: none, micros: 0 },
  }));
  return { index, item_id: "", item: null, sides };
}

/** Stops what is under way; what is done is kept. One that has ended stays as it is. */
function stopped(state: EvaluationState, ending: "cancelled" | "deleting", turn: Turn): State {
  const isOver = state.row.status !== "running";
  if (isOver && ending === "cancelled") return state;
  for (const { run } of state.open) turn.cancelRun(run, "the evaluation was cancelled");
  return advance({ ...state, ending }, turn);
}

/** The run that shows progress has ended: by itself, or because somebody cancelled it. */
function endProgress(state: EvaluationState, { outcome }: RunEnded, turn: Turn): State {
  if (state.row.status !== "running" || outcome.status === "completed") return state;
  return stopped(state, "cancelled", turn);
}

/** Removes results, so many a turn, and the messages of their runs; then itself. */
function remove(state: EvaluationState, turn: Turn): State {
  const { id, plan } = state.row;
  const { tenant } = addressParts(turn.self);
  // Nobody finds it from here on.
  turn.putRow(evaluationsTable, id, undefined);
  const to = Math.min(state.next, state.removed + evaluationLimits.removedAtOnce);
  for (let index = state.removed; index < to; index += 1) {
    turn.putRow(resultsTable, resultId(id, index), undefined);
    for (const at of plan.targets.keys()) {
      const place = { tenant, evaluation: id, index };
      turn.send(completionAddress(place, at === 0 ? "a" : "b"), { type: "forget" });
    }
  }
  if (to < state.next) {
    turn.send(turn.self, { type: "remove" });
    return { ...state, ending: "deleting", removed: to };
  }
  turn.remove(itemsKey);
  return DELETED;
}
