// What a conversation does when one of its runs has ended: the answer becomes a record, the books
// are settled, the caller gets the reply, and the next waiting run starts. All in the transaction of
// the run's end.

import type { Outcome, RunEnded, Turn } from "../runtime/actor.ts";
import { addressParts } from "../runtime/address.ts";
import { toldOfRun } from "../runtime/errors.ts";
import { tellAskers, tellBegun } from "./answered.ts";
import type { ConversationState, Entry } from "./conversation-state.ts";
import { limits } from "./limits.ts";
import { enterLine, leaveLines, waitsInLine, yields } from "./lines/waiting.ts";
import {
  type ForgetInput,
  forgetKind,
  type MemoryTurnInput,
  memoryTurnKind,
} from "./memory/turn-input.ts";
import { limitRun } from "./money/lines.ts";
import { type ChatReply, type MessageRecord, messageKey } from "./records/conversation.ts";
import { giveRoom } from "./records/tenant-limits.ts";
import { replyOf, settle } from "./reply.ts";
import { tellOutcome } from "./triggers/outcome.ts";
import type { Remembering, TurnInput, TurnResult } from "./turn-input.ts";
import { startWebhooks } from "./webhook.ts";

/** Handles the end of a run: the one under way, one that repeats an answer, or one that never started. */
export function endRun(state: ConversationState, ended: RunEnded, turn: Turn): ConversationState {
  if (ended.kind === forgetKind && ended.outcome.status !== "completed") {
    turn.remind("forget", turn.nowMs + limits.forgetAgainMs, { type: "forget" });
  }
  const repeated = state.adopting.find((entry) => entry.run === ended.run);
  if (repeated !== undefined) {
    const rest = { ...state, adopting: state.adopting.filter((entry) => entry !== repeated) };
    finish(rest, { ...ended, entry: repeated, sequence: null }, turn);
    return rest;
  }
  const fork = state.forks?.find((entry) => entry.run === ended.run);
  if (fork !== undefined) {
    const rest = { ...state, forks: state.forks?.filter((entry) => entry !== fork) ?? [] };
    finish(rest, { ...ended, entry: fork, sequence: null }, turn);
    return rest;
  }
  const waiting = state.waiting.find((entry) => entry.run === ended.run);
  if (waiting !== undefined) {
    const rest = { ...state, waiting: state.waiting.filter((entry) => entry !== waiting) };
    return conclude(rest, waiting, ended, turn);
  }
  if (state.current?.run !== ended.run) return state;
  const { current } = state;
  return startNext(conclude({ ...state, current: null }, current, ended, turn), turn);
}

/** What is remembered of a deleted conversation elsewhere goes too, however often it takes. */
export function startForgetting(state: ConversationState, turn: Turn): void {
  const { agent, user = null, isRemembered, rememberedBy = [] } = state;
  const own = isRemembered && agent !== null ? [agent] : [];
  const conversation = addressParts(turn.self).root;
  for (const one of new Set([...own, ...rememberedBy])) {
    const input: ForgetInput = { agent: one, user, conversation };
    turn.startRun({ kind: forgetKind, input, timeoutMs: limits.forgetRunMs });
  }
}

/** Releases the next waiting run when none is under way; what people have said does not wait for a line. */
export function startNext(state: ConversationState, turn: Turn): ConversationState {
  if (state.current !== null || state.deleted) return state;
  const [first] = state.waiting;
  if (first === undefined) return state;
  const next = state.waiting.find((entry) => !yields(entry)) ?? first;
  const waiting = state.waiting.filter((entry) => entry !== next);
  if (next !== first && first.passed === undefined) {
    // The line knows it from when it would have begun here.
    waiting[0] = enterLine(turn, first) ?? first;
  }
  if (waitsInLine(next)) return { ...state, current: next, waiting };
  const lined = enterLine(turn, next);
  if (lined === null) {
    turn.releaseRun(next.run, inputOf(state, next));
    tellBegun(turn, next);
  }
  return { ...state, current: lined ?? next, waiting };
}

/** The answer's record and the books; then steered messages that were answered too. */
function conclude(
  state: ConversationState,
  entry: Entry,
  { kind, outcome }: RunEnded,
  turn: Turn,
): ConversationState {
  const result = outcome.status === "completed" ? (outcome.result as TurnResult) : null;
  const taken = state.waiting.filter(
    (one) => one.mode === "steer" && result?.steered?.includes(one.sequences[0] ?? 0),
  );
  // After the last message it answers, so that the conversation reads in order.
  const last = Math.max(...entry.sequences, ...taken.flatMap((one) => one.sequences));
  const sequence = last + 1;
  finish(state, { entry, kind, outcome, sequence }, turn);
  if (state.deleted) return state;
  const { agent } = state;
  const takers = takersOf(state, result?.remembering ?? []);
  for (const one of takers) {
    const sequences = [...entry.sequences, ...(result?.steered ?? [])];
    const input: MemoryTurnInput = {
      ...inputOf(state, entry),
      ...one,
      // One that took part in a team is held to the chain of that too.
      guards: [
        ...(entry.guard?.guards ?? []),
        ...(one.agent === agent || agent === null ? [] : [{ id: agent, version: entry.version }]),
      ],
      sequences,
      answer: sequence,
    };
    turn.startRun({ kind: memoryTurnKind, input, timeoutMs: limits.memoryRunMs });
  }
  const next: ConversationState = {
    ...state,
    ...rememberedBy(state, takers),
    count: state.count + 1,
    updatedAtMs: turn.nowMs,
    collected: result?.data == null ? state.collected : result.data.collected,
    waiting: state.waiting.filter((one) => !taken.includes(one)),
    adopting: [...state.adopting, ...taken.map((one) => ({ ...one, adopted: true }))],
  };
  for (const one of taken) {
    const adopt = { sequence, model: result?.model ?? "", builtin: result?.builtin ?? false };
    turn.releaseRun(one.run, { ...inputOf(next, one), adopt });
  }
  return next;
}

/** Those who take in a turn: of a conversation that many remember already, none but these. */
function takersOf(
  { agent, rememberedBy = [] }: ConversationState,
  remembering: readonly Remembering[],
): readonly Remembering[] {
  let room = limits.conversationMemories - rememberedBy.length;
  return remembering.filter((one) => {
    if (one.agent === agent || rememberedBy.includes(one.agent)) return true;
    room -= 1;
    return room >= 0;
  });
}

/** Of a team its agents remember, whoever they are at the time. */
function rememberedBy(
  { agent, rememberedBy: known = [] }: ConversationState,
  remembering: readonly Remembering[],
): Pick<ConversationState, "rememberedBy"> {
  const others = remembering.map((one) => one.agent).filter((one) => one !== agent);
  const all = new Set([...known, ...others]);
  return all.size === 0 ? {} : { rememberedBy: [...all] };
}

/** Settles one run, keeps its answer under `sequence` (null: kept already) and replies. */
function finish(
  state: ConversationState,
  ended: {
    readonly entry: Entry;
    readonly kind: string;
    readonly outcome: Outcome;
    readonly sequence: number | null;
  },
  turn: Turn,
): void {
  const { entry, outcome, sequence } = ended;
  if (entry.isCounted) giveRoom(turn, "concurrent_runs");
  limitRun(turn, entry.run, entry.maxSpendMicros, true);
  leaveLines(turn, entry);
  const target = state.agent ?? "";
  const charge = settle(turn, { calls: entry.sequences.length, agent: target, ...entry }, outcome);
  const id = turn.newId("ms");
  if (!state.deleted && sequence !== null) {
    turn.put(messageKey(sequence), recordOf(entry, outcome, { id, sequence, nowMs: turn.nowMs }));
  }
  const conversation = addressParts(turn.self).root;
  const reply: ChatReply | null =
    outcome.status !== "completed"
      ? null
      : replyOf(outcome.result as TurnResult, {
          agent_key: target,
          conversation_key: conversation,
          message_id: id,
          run_id: entry.run,
          charge,
        });
  if (reply !== null) turn.reply(reply);
  if (entry.tells !== undefined) {
    const { response: text, unseen_pictures: unseen } = reply ?? {};
    tellAskers(turn, entry, { outcome, text, unseen });
  }
  // Answers that are repeated, and forks, are no outcome of their own.
  if (sequence !== null) tellOutcome(turn, entry, { of: target, outcome, text: reply?.response });
  if (entry.webhooks === undefined) return;
  const { status } = outcome;
  const error = outcome.status === "completed" ? null : outcome.error;
  const run = { run: entry.run, kind: ended.kind, status, target, conversation };
  startWebhooks(turn, entry.webhooks, { ...run, endedAtMs: turn.nowMs, reply, error });
}

/** The answer as it is kept; of a run that did not complete, what viewers saw of it. */
function recordOf(
  entry: Entry,
  outcome: Outcome,
  known: { readonly id: string; readonly sequence: number; readonly nowMs: number },
): MessageRecord {
  const base = {
    id: known.id,
    sequence: known.sequence,
    role: "assistant",
    run_id: entry.run,
    created_at: new Date(known.nowMs).toISOString(),
  } as const;
  if (outcome.status === "completed") {
    const { text, routing, sources, nothingRelevant, degraded, usage, guardrails, engine } =
      outcome.result as TurnResult;
    return {
      content: text,
      routing_info: routing,
      usage,
      ...base,
      ...(sources.length === 0 ? {} : { sources }),
      ...(nothingRelevant && { nothing_relevant: true }),
      ...(degraded && { degraded }),
      ...(guardrails && { guardrails }),
      ...(engine && { engine }),
    };
  }
  const { code, message } = toldOfRun(outcome.error, entry.run);
  const cut = entry.interrupted ? "interrupted" : "cancelled";
  return {
    ...base,
    content: outcome.shown ?? "",
    status: outcome.status === "cancelled" ? cut : "failed",
    ...(outcome.status === "cancelled" ? {} : { error: { code, message } }),
  };
}

/** What a run of it is given. */
export function inputOf(state: ConversationState, entry: Entry): TurnInput {
  return {
    owner: "conversation",
    agent: state.agent ?? "",
    version: entry.version,
    sequences: entry.sequences,
    stream: entry.stream,
    ...(state.collected === null ? {} : { collected: state.collected }),
    ...(state.user === undefined ? {} : { user: state.user }),
    ...(entry.keyId === undefined ? {} : { keyId: entry.keyId }),
    ...(entry.maxSpendMicros !== undefined && { maxSpendMicros: entry.maxSpendMicros }),
    ...(entry.variables && { variables: entry.variables }),
    ...(entry.prompts && { prompts: entry.prompts }),
    ...entry.guard,
  };
}
