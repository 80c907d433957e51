// The budgets of a tenant, and who waits for them: one actor, `treasury:<tenant>/budgets`. It makes and
// changes the rows that limit calls, and keeps those that wait in the order in which they came. It counts
// nothing: what is used stands in counters that purses move, and whoever it wakes asks its purse again.

import { defineActor, type ReadRequest, type RecordRow, type Turn } from "../../runtime/actor.ts";
import type { ErrorCode } from "../../runtime/errors.ts";
import { rootRunOf } from "../../runtime/frame.ts";
import { type AuditFields, type AuditSource, audit } from "../records/audit.ts";
import {
  ANY_SUBJECT,
  BUDGETS_MAX,
  BUDGETS_OF_SUBJECT_MAX,
  type Budget,
  budgetTables,
  isOfRoot,
  subjectId,
} from "../records/budget.ts";
import { microsOf, unitsOf } from "../records/price.ts";
import { countersOf } from "./lines.ts";
import type { PurseCallMessage, TreasuryMessage, Waiting } from "./messages.ts";

/** Those that wait, looked at in one turn. */
const WAITING_PAGE = 16;
/** A hint that something was given back may cross one that somebody waits: it is looked at again. */
const TICK_MS = 250;

/** State. Version 1. */
export interface TreasuryState {
  readonly count: number;
  /** Who waits in line, by budget: how many, and the end of its counters' names. None is left out. */
  readonly queues: Readonly<Record<string, Queue>>;
}

interface Queue {
  readonly count: number;
  readonly of: string;
}

type Kind = Waiting["kind"];

/** Kind `treasury`. */
export const treasuryActor = defineActor<TreasuryState, TreasuryMessage>({
  kind: "treasury",
  version: 1,
  initial: () => ({ count: 0, queues: {} }),
  reads,
  receive(state, message, turn) {
    switch (message.type) {
      case "create":
        return create(state, message, turn);
      case "change":
        return change(state, message, turn);
      case "remove":
        return remove(state, message, turn);
      case "wait":
        return wait(state, message, turn);
      case "over":
        return taken(state, message.waiting, turn);
      case "freed":
        return freed(state, message.budget, turn);
      case "changed":
        return changed(state, message.budget, turn);
      case "tick":
        return tick(state, turn);
    }
  },
});

function reads(
  message: TreasuryMessage,
  state: TreasuryState,
): Readonly<Record<string, ReadRequest>> {
  switch (message.type) {
    case "create": {
      const { scope, subject } = message.budget;
      return { subject: subjectRow(subjectId(scope, subject)) };
    }
    case "change":
    case "remove":
      return {
        budget: { type: "row", table: budgetTables.budgets, id: message.id },
        subject: subjectRow(message.subject),
      };
    case "wait":
    case "over": {
      const key = recordKey(message.waiting);
      const { budget } = message.waiting;
      return {
        waiting: { type: "records", from: key, to: `${key}.`, limit: 1 },
        budget: { type: "row", table: budgetTables.budgets, id: budget },
      };
    }
    case "freed":
      return queueReads(message.budget, state);
    case "changed":
      return {
        queue: pageOf("queue", message.budget, WAITING_PAGE),
        pause: pageOf("pause", message.budget, WAITING_PAGE),
      };
    case "tick":
      return Object.assign({}, ...Object.keys(state.queues).map((one) => queueReads(one, state)));
  }
}

/** The first in line for a budget, and what is left of it. */
function queueReads(budget: string, { queues }: TreasuryState): Record<string, ReadRequest> {
  const queue = queues[budget];
  if (queue === undefined) return {};
  const { used, held } = countersOf(queue);
  return {
    [budget]: pageOf("queue", budget, WAITING_PAGE),
    [`row.${budget}`]: { type: "row", table: budgetTables.budgets, id: budget },
    [used]: { type: "counter", name: used },
    [held]: { type: "counter", name: held },
  };
}

const subjectRow = (id: string): ReadRequest => ({
  ...{ type: "row", table: budgetTables.bySubject, id },
});

/** A place sorts by when it was taken. */
const recordKey = ({ kind, budget, place }: Pick<Waiting, "kind" | "budget" | "place">): string =>
  `${kind.slice(0, 1)}.${budget}.${place}`;

/** Who looks at a run finds what it waits for. */
const pauseRow = ({ run, budget, place }: Waiting): string =>
  `${rootRunOf(run)}.${budget}.${place}`;

function pageOf(kind: Kind, budget: string, limit: number): ReadRequest {
  const from = recordKey({ kind, budget, place: "" });
  return { type: "records", from, to: `${from}~`, limit };
}

function create(
  state: TreasuryState,
  { budget, by }: TreasuryMessage & { readonly type: "create" },
  turn: Turn,
): TreasuryState {
  const others = (turn.loaded["subject"] ?? []) as readonly Budget[];
  if (others.length >= BUDGETS_OF_SUBJECT_MAX || state.count >= BUDGETS_MAX) {
    const text = `At most ${BUDGETS_OF_SUBJECT_MAX} budgets are of one subject, and ${BUDGETS_MAX} of a tenant.`;
    return refused(state, turn, "CONFLICT", text);
  }
  turn.putRow(budgetTables.budgets, budget.id, budget);
  putSubject(turn, budget, [...others, budget]);
  if (state.count === 0) turn.putRow(budgetTables.bySubject, ANY_SUBJECT, null);
  note(turn, "create", by, { id: budget.id, after: budget });
  turn.reply(budget);
  return { ...state, count: state.count + 1 };
}

function change(
  state: TreasuryState,
  { id, patch, by }: TreasuryMessage & { readonly type: "change" },
  turn: Turn,
): TreasuryState {
  const before = turn.loaded["budget"] as Budget | undefined;
  if (before === undefined) return refused(state, turn, "NOT_FOUND", `There is no budget ${id}.`);
  const next: Budget = {
    ...before,
    name: patch.name === undefined ? before.name : patch.name,
    limitMicros: patch.limit === undefined ? before.limitMicros : microsOf(patch.limit),
    on_exhausted: patch.on_exhausted ?? before.on_exhausted,
    updated_at: new Date(turn.nowMs).toISOString(),
    version: before.version + 1,
  };
  turn.putRow(budgetTables.budgets, id, next);
  const others = (turn.loaded["subject"] ?? []) as readonly Budget[];
  putSubject(
    turn,
    next,
    others.map((one) => (one.id === id ? next : one)),
  );
  const isMore = next.limitMicros > before.limitMicros;
  const isLess = next.limitMicros < before.limitMicros;
  note(turn, isMore ? "raise" : isLess ? "lower" : "update", by, { id, before, after: next });
  turn.send(turn.self, { type: "changed", budget: id } satisfies TreasuryMessage);
  turn.reply(next);
  return state;
}

function remove(
  state: TreasuryState,
  { id, by }: TreasuryMessage & { readonly type: "remove" },
  turn: Turn,
): TreasuryState {
  const before = turn.loaded["budget"] as Budget | undefined;
  if (before === undefined) return refused(state, turn, "NOT_FOUND", `There is no budget ${id}.`);
  const others = (turn.loaded["subject"] ?? []) as readonly Budget[];
  turn.putRow(budgetTables.budgets, id, undefined);
  putSubject(
    turn,
    before,
    others.filter((one) => one.id !== id),
  );
  if (state.count === 1) turn.putRow(budgetTables.bySubject, ANY_SUBJECT, undefined);
  note(turn, "delete", by, { id, before });
  turn.send(turn.self, { type: "changed", budget: id } satisfies TreasuryMessage);
  turn.reply(before);
  return { ...state, count: Math.max(0, state.count - 1) };
}

function putSubject(turn: Turn, { scope, subject }: Budget, all: readonly Budget[]): void {
  const row = all.length === 0 ? undefined : all;
  turn.putRow(budgetTables.bySubject, subjectId(scope, subject), row);
}

function note(
  turn: Turn,
  what: string,
  by: AuditSource,
  of: { readonly id: string; readonly before?: Budget; readonly after?: Budget },
): void {
  const { id, before, after } = of;
  const sides = {
    ...(before && { before: shownOf(before) }),
    ...(after && { after: shownOf(after) }),
  };
  audit(turn, {
    ...by,
    action: `budget.${what}`,
    subject: id,
    run_id: null,
    details: {},
    ...sides,
  });
}

/** What of a budget somebody sets. */
function shownOf(budget: Budget): AuditFields {
  const { name, scope, subject, limitMicros, period, on_exhausted, counts = "spend" } = budget;
  return { name, scope, subject, limit: unitsOf(limitMicros), period, on_exhausted, counts };
}

/** Takes its place in line, or the one it had. */
function wait(
  state: TreasuryState,
  { waiting, turnsAtMs }: TreasuryMessage & { readonly type: "wait" },
  turn: Turn,
): TreasuryState {
  const { budget, kind } = waiting;
  const isThere = ((turn.loaded["waiting"] ?? []) as readonly RecordRow[]).length > 0;
  const row = turn.loaded["budget"] as Budget | undefined;
  // What changed before it had its place it would never hear of.
  if (kind === "pause" && row?.version !== waiting.version) {
    wake(turn, { key: recordKey(waiting), value: waiting });
    return state;
  }
  turn.put(recordKey(waiting), waiting);
  if (kind === "pause") {
    turn.putRow(budgetTables.pauses, pauseRow(waiting), null);
    if (turnsAtMs !== null) turn.remind(`turns.${budget}`, turnsAtMs, { type: "changed", budget });
    return state;
  }
  turn.remind("tick", turn.nowMs + TICK_MS, { type: "tick" });
  return isThere ? state : queued(state, waiting, 1, turn);
}

/** So many more stand in line for a budget. */
function queued(
  state: TreasuryState,
  { budget, of }: { readonly budget: string; readonly of?: string },
  more: number,
  turn: Turn,
): TreasuryState {
  if (more === 0) return state;
  const { [budget]: before = { count: 0, of: "" }, ...others } = state.queues;
  const count = Math.max(0, before.count + more);
  turn.putRow(budgetTables.queues, budget, count === 0 ? undefined : count);
  const next: Queue = { count, of: of ?? before.of };
  return { ...state, queues: count === 0 ? others : { ...others, [budget]: next } };
}

/** It waits no more: its run has ended. */
function taken(state: TreasuryState, waiting: Waiting, turn: Turn): TreasuryState {
  const isThere = ((turn.loaded["waiting"] ?? []) as readonly RecordRow[]).length > 0;
  if (!isThere) return state;
  leave(turn, waiting);
  return waiting.kind === "pause" ? state : queued(state, waiting, -1, turn);
}

/** The first in line go on, as many as what is free may do for. */
function freed(state: TreasuryState, budget: string, turn: Turn): TreasuryState {
  const queue = state.queues[budget];
  if (queue === undefined) return state;
  const counters = countersOf(queue);
  const used = -Number(turn.loaded[counters.used] ?? 0);
  const held = Number(turn.loaded[counters.held] ?? 0);
  const row = turn.loaded[`row.${budget}`] as Budget | undefined;
  // One that was deleted limits nobody; of one that counts under each root nothing is known here.
  const limit = row === undefined || isOfRoot(row) ? Number.MAX_SAFE_INTEGER : row.limitMicros;
  let free = limit - used;
  const rows = (turn.loaded[budget] ?? []) as readonly RecordRow[];
  let woken = 0;
  for (const one of rows) {
    const { needMicros } = one.value as Waiting;
    // Where nobody gives back enough any more, it is to be told so.
    const isHopeless = needMicros > limit - used + held;
    if (needMicros > free && !isHopeless) break;
    if (!isHopeless) free -= needMicros;
    wake(turn, one);
    woken += 1;
  }
  return queued(state, { budget }, rows.length === 0 ? -queue.count : -woken, turn);
}

function changed(state: TreasuryState, budget: string, turn: Turn): TreasuryState {
  const queue = (turn.loaded["queue"] ?? []) as readonly RecordRow[];
  const pause = (turn.loaded["pause"] ?? []) as readonly RecordRow[];
  for (const row of [...queue, ...pause]) wake(turn, row);
  if (Math.max(queue.length, pause.length) === WAITING_PAGE) {
    turn.send(turn.self, { type: "changed", budget } satisfies TreasuryMessage);
  }
  return queued(state, { budget }, -queue.length, turn);
}

function tick(state: TreasuryState, turn: Turn): TreasuryState {
  const next = Object.keys(state.queues).reduce((now, budget) => freed(now, budget, turn), state);
  if (Object.keys(next.queues).length > 0) {
    turn.remind("tick", turn.nowMs + TICK_MS, { type: "tick" });
  }
  return next;
}

function wake(turn: Turn, { value }: RecordRow): void {
  const waiting = value as Waiting;
  const { purse, run, key } = waiting;
  turn.send(purse, { type: "wake", run, key } satisfies PurseCallMessage);
  leave(turn, waiting);
}

function leave(turn: Turn, waiting: Waiting): void {
  turn.remove(recordKey(waiting));
  if (waiting.kind === "pause") turn.putRow(budgetTables.pauses, pauseRow(waiting), undefined);
}

function refused(
  state: TreasuryState,
  turn: Turn,
  code: ErrorCode,
  message: string,
): TreasuryState {
  turn.refuse({ code, message });
  return state;
}
