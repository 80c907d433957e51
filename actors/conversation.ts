// The conversation: takes messages in short turns, decides about a second one while a run is under
// way, and keeps what was said. It answers nothing itself: that is a run's work. One actor a
// conversation, `conversation:<tenant>/<cv>`; its messages are its records.

import { defineActor, type ReadRequest, type RunEnded, type Turn } from "../runtime/actor.ts";
import { addressParts } from "../runtime/address.ts";
import { tellBegun } from "./answered.ts";
import { runMsOf } from "./constraints/run-time.ts";
import { type AgainMessage, again } from "./conversation-again.ts";
import { endRun, inputOf, startForgetting } from "./conversation-end.ts";
import { cancel, describe, purge, refuse, remove, rename, titleOf } from "./conversation-itself.ts";
import { type NotifyMessage, notify } from "./conversation-notify.ts";
import {
  type ConversationState,
  type Entry,
  emptyConversation,
  rowId,
} from "./conversation-state.ts";
import { withheldReads, withhold } from "./conversation-withheld.ts";
import { limits } from "./limits.ts";
import type { Go } from "./lines/line.ts";
import {
  enterLine,
  isLined,
  linesOf,
  passedLine,
  takeLines,
  waitsInLine,
  yields,
} from "./lines/waiting.ts";
import { addCharged, type Charged, chargeReads } from "./money/charges.ts";
import { limitRun } from "./money/lines.ts";
import {
  type ChatAccepted,
  type ChatMessage,
  type ConversationRequest,
  conversationsTable,
  type MessageRecord,
  messageKey,
} from "./records/conversation.ts";
import { memorySettings } from "./records/memory.ts";
import { type ForgetResponse, forgetResponse, keepResponse } from "./records/response.ts";
import { limitsRead, takePlace, takeRoom } from "./records/tenant-limits.ts";
import { takeCharge } from "./reply.ts";
import { type Accepting, accepting, targetNamed, targetPlace } from "./targets.ts";
import { listenersRead } from "./triggers/listeners.ts";
import type { SteerValue, TurnInput } from "./turn-input.ts";

/** Everything a conversation is told: from outside, by its runs, and by itself while it is deleted. */
export type ConversationMessage =
  | ConversationRequest
  | AgainMessage
  | NotifyMessage
  | ForgetResponse
  | RunEnded
  | Go
  | { readonly type: "purge" }
  | { readonly type: "forget" };

/** Kind `conversation`. */
export const conversationActor = defineActor<ConversationState, ConversationMessage>({
  kind: "conversation",
  version: 1,
  initial: () => emptyConversation,
  reads,
  receive(state, message, turn) {
    switch (message.type) {
      case "chat":
        return chat(state, message, turn);
      case "again":
        return again(state, message, turn);
      case "notify":
        return notify(state, message, turn);
      case "go":
        return goOn(state, message, turn);
      case "run-ended":
        return endRun(withhold(state, message, turn), message, turn);
      case "describe":
        return describe(state, turn);
      case "cancel":
        return cancel(state, message.reason, turn);
      case "rename":
        return rename(state, message.title, turn);
      case "delete":
        return remove(state, turn);
      case "purge":
        return purge(state, turn);
      case "forget":
        startForgetting(state, turn);
        return state;
      case "forget-response":
        forgetResponse(turn, message);
        return state;
    }
  },
});

function reads(
  message: ConversationMessage,
  state: ConversationState,
): Readonly<Record<string, ReadRequest>> {
  if (message.type === "chat") {
    return {
      target: { type: "row", table: targetPlace(message.agent).current, id: message.agent },
      limits: limitsRead,
      ...chargeReads(message.charges),
    };
  }
  if (message.type === "run-ended") {
    const { agent } = state;
    const listeners = agent === null ? {} : { listeners: listenersRead(agent) };
    return { ...listeners, ...withheldReads(message, state) };
  }
  if (message.type === "again") {
    const { agent: id } = message.input;
    const target: ReadRequest = { type: "row", table: targetPlace(id).current, id };
    return { target, ...chargeReads(message.charges) };
  }
  if (message.type === "purge") return { rows: { type: "records", limit: limits.purgeRecords } };
  return {};
}

/** Takes a message: its record, its price and its run commit together, or nothing of it. */
function chat(state: ConversationState, message: ChatMessage, turn: Turn): ConversationState {
  const { root } = addressParts(turn.self);
  const target = accepting(message.agent, turn.loaded["target"], root);
  const named = targetNamed(message.agent);
  if (state.deleted || (state.agent !== null && state.agent !== message.agent)) {
    return refuse(state, turn, "NOT_FOUND", `${named} has no conversation ${root}.`);
  }
  if (target === undefined) {
    return refuse(state, turn, "NOT_FOUND", `${named} does not exist.`);
  }
  if (state.agent !== null && message.user !== undefined && message.user !== state.user) {
    return refuse(state, turn, "NOT_FOUND", `This user has no conversation ${root}.`);
  }
  const mode = message.on_busy ?? target.onBusy ?? "enqueue";
  const room = madeRoom(state, message);
  if (room.current !== null && mode === "reject") {
    const code = "CONVERSATION_BUSY";
    return refuse(state, turn, code, `Conversation ${root} is answering; on_busy is reject.`);
  }
  const joins = room.current !== null && (mode === "merge" || mode === "steer");
  if (joins && message.maxSpendMicros !== undefined) {
    const text = `max_spend limits a run of its own: with on_busy ${mode} this message joins another.`;
    return refuse(state, turn, "INVALID", text);
  }
  if (waitingMessages(state) >= limits.conversationWaiting) {
    const most = limits.conversationWaiting;
    return refuse(
      state,
      turn,
      "MAILBOX_FULL",
      `Conversation ${root} has ${most} messages waiting.`,
    );
  }
  const charged = takeCharge(turn, message.priceMicros, message.charges);
  const sequence = state.next;
  const base = remembering(opened(room, message, turn), target);
  const merged =
    mode === "merge" ? base.waiting.findLast((_, at, all) => at === all.length - 1) : null;
  const next =
    base.current !== null && merged?.mode === "merge"
      ? mergeInto(base, merged, { sequence, message, charged })
      : startOrWait(base, { message, mode, target, sequence, charged }, turn);
  const run = runOf(next, sequence);
  const record: MessageRecord = {
    id: turn.newId("ms"),
    sequence,
    role: "user",
    content: message.text,
    ...(message.images && { images: message.images }),
    ...(message.data === undefined ? {} : { data: message.data }),
    ...(message.guard?.screened && { guardrails: message.guard.screened }),
    run_id: run,
    created_at: new Date(turn.nowMs).toISOString(),
  };
  turn.put(messageKey(sequence), record);
  if (message.response) keepResponse(turn, { run, note: message.response, expires: false });
  if (state.agent === null) {
    // Its place in the list; what the list shows of it is its state.
    turn.putRow(conversationsTable, rowId(message.agent, root), null);
    takeRoom(turn, "conversations", turn.loaded["limits"], message.tenantDefaults);
  }
  const accepted: ChatAccepted = {
    run,
    conversation_key: root,
    message_id: record.id,
    agent_version: target.version,
    model: target.model,
    ...(isQueued(next, run) && { queued: true }),
  };
  turn.reply(accepted, { follow: run });
  return next;
}

/** Where somebody speaks while a run waits in line that nobody waits for: that one begins later. */
function madeRoom(state: ConversationState, { atOnce }: ChatMessage): ConversationState {
  const { current } = state;
  if (current === null || atOnce !== undefined || !yields(current)) return state;
  return { ...state, current: null, waiting: [current, ...state.waiting] };
}

/** The state with room for one more message, opened by its first one. */
function opened(state: ConversationState, message: ChatMessage, turn: Turn): ConversationState {
  const isFirst = state.agent === null;
  return {
    ...state,
    agent: message.agent,
    title: isFirst ? titleOf(message.text) : state.title,
    createdAtMs: isFirst ? turn.nowMs : state.createdAtMs,
    ...(isFirst && { isCounted: true }),
    updatedAtMs: turn.nowMs,
    count: state.count + 1,
    next: state.next + 2,
    ...(isFirst && message.user !== undefined ? { user: message.user } : {}),
  };
}

function remembering(state: ConversationState, { agent }: Accepting): ConversationState {
  const isRemembered = memorySettings(agent?.memory ?? null) !== null;
  return isRemembered ? { ...state, isRemembered } : state;
}

interface NewRun {
  readonly message: ChatMessage;
  readonly mode: Entry["mode"];
  readonly target: Accepting;
  readonly sequence: number;
  readonly charged: Charged;
}

function startOrWait(state: ConversationState, wanted: NewRun, turn: Turn): ConversationState {
  const { message, mode, target, sequence } = wanted;
  const { version, runKind } = target;
  const isBusy = state.current !== null;
  const input: TurnInput = {
    owner: "conversation",
    agent: message.agent,
    version,
    sequences: [sequence],
    stream: message.stream,
    ...(state.collected === null ? {} : { collected: state.collected }),
    ...(state.user === undefined ? {} : { user: state.user }),
    ...(message.keyId === undefined ? {} : { keyId: message.keyId }),
    ...(message.maxSpendMicros !== undefined && { maxSpendMicros: message.maxSpendMicros }),
    ...(message.variables && { variables: message.variables }),
    ...(message.prompts && { prompts: message.prompts }),
    ...message.guard,
  };
  const lined = linesOf(target, message.atOnce);
  const run = turn.startRun({
    kind: runKind,
    input,
    timeoutMs: runMsOf(target, message.timeoutMs),
    ...(isBusy || isLined(lined) ? { held: true } : {}),
  });
  takeLines(turn, lined);
  limitRun(turn, run, message.maxSpendMicros);
  const isCounted = takePlace(
    turn,
    "concurrent_runs",
    turn.loaded["limits"],
    message.tenantDefaults,
  );
  const entry = entryOf(wanted, { run, ...lined, ...(isCounted && { isCounted }) });
  if (state.current === null) return { ...state, current: enterLine(turn, entry) ?? entry };
  const waiting = { ...state, waiting: [...state.waiting, entry] };
  if (mode === "interrupt") return interrupt(waiting, entry, turn);
  if (mode === "steer" && !waitsInLine(state.current)) {
    const value: SteerValue = { sequence };
    turn.steerRun(state.current.run, value);
  }
  return waiting;
}

/** A run as the conversation remembers it. */
function entryOf(
  { message, mode, target: { version }, sequence, charged }: NewRun,
  of: Pick<Entry, "run" | "lines" | "isCounted">,
): Entry {
  return {
    ...of,
    version,
    sequences: [sequence],
    mode,
    stream: message.stream,
    priceMicros: message.priceMicros,
    service: message.service,
    ...(Object.keys(charged).length > 0 && { charged }),
    ...(message.keyId === undefined ? {} : { keyId: message.keyId }),
    ...(message.maxSpendMicros !== undefined && { maxSpendMicros: message.maxSpendMicros }),
    ...(message.variables && { variables: message.variables }),
    ...(message.prompts && { prompts: message.prompts }),
    ...(message.webhook === undefined ? {} : { webhooks: [message.webhook] }),
    ...(message.guard && { guard: message.guard }),
    ...(message.tells && { tells: [message.tells] }),
  };
}

/**
 * Cancels the run under way, and waiting ones that had themselves interrupted: the last word counts.
 * The new run starts when the cancelled one has ended.
 */
function interrupt(state: ConversationState, by: Entry, turn: Turn): ConversationState {
  const reason = "interrupted by a later message";
  const stopped = (entry: Entry): Entry => {
    if (!entry.interrupted) turn.cancelRun(entry.run, reason);
    return { ...entry, interrupted: true };
  };
  return {
    ...state,
    current: state.current === null ? null : stopped(state.current),
    waiting: state.waiting.map((entry) =>
      entry !== by && entry.mode === "interrupt" ? stopped(entry) : entry,
    ),
  };
}

function mergeInto(
  state: ConversationState,
  into: Entry,
  { sequence, message, charged }: Pick<NewRun, "sequence" | "message" | "charged">,
): ConversationState {
  const entry: Entry = {
    ...into,
    ...(into.charged && { charged: addCharged(into.charged, charged) }),
    sequences: [...into.sequences, sequence],
    stream: into.stream || message.stream,
    // One prompt is filled for both: of values with one name the last counts.
    ...(message.variables && { variables: { ...into.variables, ...message.variables } }),
    ...(message.webhook === undefined
      ? {}
      : { webhooks: [...(into.webhooks ?? []), message.webhook] }),
    ...(message.tells && { tells: [...(into.tells ?? []), message.tells] }),
  };
  return { ...state, waiting: state.waiting.map((one) => (one === into ? entry : one)) };
}

function isQueued({ current, waiting }: ConversationState, run: string): boolean {
  const isWaiting = waiting.some((entry) => entry.run === run);
  return isWaiting || (current?.run === run && waitsInLine(current));
}

/** The run that waited in a line goes on: into the next one, or it begins. */
function goOn(state: ConversationState, message: Go, turn: Turn): ConversationState {
  const { current, waiting, forks = [] } = state;
  const one = [current, ...waiting, ...forks].find((entry) => entry?.run === message.run);
  const next = one == null ? undefined : passedLine(turn, one, message);
  if (one == null || next === undefined) return state;
  // Where somebody is answered meanwhile it begins after that.
  if (next === null && !waiting.includes(one)) {
    turn.releaseRun(one.run, one.isAgain ? undefined : inputOf(state, one));
    tellBegun(turn, one);
  }
  const entry = next ?? { ...one, passed: one.lines?.length ?? 0 };
  const moved = (all: readonly Entry[]) => all.map((other) => (other === one ? entry : other));
  if (one === current) return { ...state, current: entry };
  return { ...state, waiting: moved(waiting), ...(state.forks && { forks: moved(forks) }) };
}

function runOf(state: ConversationState, sequence: number): string {
  const entries = state.current === null ? state.waiting : [state.current, ...state.waiting];
  return entries.find((entry) => entry.sequences.includes(sequence))?.run ?? "";
}

function waitingMessages(state: ConversationState): number {
  return state.waiting.reduce((sum, entry) => sum + entry.sequences.length, 0);
}
