// The conversation: takes messages in short turns, decides about a second one while a run is under
// way, and keeps what was said. It answers nothing itself: that is a run's work. One actor a
// conversation, `conversation:<tenant>/<cv>`; its messages are its records.

import {
  defineActor,
  type ReadRequest,
  type RecordRow,
  type RunEnded,
  type Turn,
} from "../runtime/actor.ts";
import { addressParts } from "../runtime/address.ts";
import type { ErrorCode } from "../runtime/errors.ts";
import { approvalsAddress } from "./approvals/approval.ts";
import { type AgainMessage, again } from "./conversation-again.ts";
import { endRun, startForgetting, startNext } from "./conversation-end.ts";
import { type NotifyMessage, notify } from "./conversation-notify.ts";
import {
  type ConversationState,
  type Entry,
  emptyConversation,
  rowId,
  rowOf,
} from "./conversation-state.ts";
import { dropPictures, withheldReads, withhold } from "./conversation-withheld.ts";
import { limits } from "./limits.ts";
import { addCharged, type Charged, chargeReads } from "./money/charges.ts";
import { limitRun } from "./money/lines.ts";
import {
  type ChatAccepted,
  type ChatMessage,
  type ConversationDescription,
  type ConversationRequest,
  conversationsTable,
  type MessageRecord,
  messageKey,
} from "./records/conversation.ts";
import { memorySettings } from "./records/memory.ts";
import { type ForgetResponse, forgetResponse, keepResponse } from "./records/response.ts";
import { giveRoom, limitsRead, takePlace, takeRoom } from "./records/tenant-limits.ts";
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
  if (message.type === "again") return chargeReads(message.charges);
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
  if (state.current !== null && mode === "reject") {
    const code = "CONVERSATION_BUSY";
    return refuse(state, turn, code, `Conversation ${root} is answering; on_busy is reject.`);
  }
  const joins = state.current !== null && (mode === "merge" || mode === "steer");
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
  const base = remembering(opened(state, message, turn), target);
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
    ...(next.waiting.some((entry) => entry.run === run) && { queued: true }),
  };
  turn.reply(accepted, { follow: run });
  return next;
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
  const { message, mode, target, sequence, charged } = wanted;
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
  const run = turn.startRun({
    kind: runKind,
    input,
    timeoutMs: message.timeoutMs ?? limits.runMs,
    ...(isBusy ? { held: true } : {}),
  });
  limitRun(turn, run, message.maxSpendMicros);
  const isCounted = takePlace(
    turn,
    "concurrent_runs",
    turn.loaded["limits"],
    message.tenantDefaults,
  );
  const entry: Entry = {
    run,
    ...(isCounted && { isCounted }),
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
  if (state.current === null) return { ...state, current: entry };
  const waiting = { ...state, waiting: [...state.waiting, entry] };
  if (mode === "interrupt") return interrupt(waiting, entry, turn);
  if (mode === "steer") {
    const value: SteerValue = { sequence };
    turn.steerRun(state.current.run, value);
  }
  return waiting;
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

function runOf(state: ConversationState, sequence: number): string {
  const entries = state.current === null ? state.waiting : [state.current, ...state.waiting];
  return entries.find((entry) => entry.sequences.includes(sequence))?.run ?? "";
}

function waitingMessages(state: ConversationState): number {
  return state.waiting.reduce((sum, entry) => sum + entry.sequences.length, 0);
}

function titleOf(text: string): string {
  const line = text
    .slice(0, 4 * limits.titleChars)
    .replaceAll(/\s+/g, " ")
    .trim();
  return line.length <= limits.titleChars ? line : `${line.slice(0, limits.titleChars - 1)}…`;
}

function describe(state: ConversationState, turn: Turn): ConversationState {
  const description: ConversationDescription = {
    row: rowOf(state, addressParts(turn.self).root),
    running: state.current?.run ?? null,
    waiting: state.waiting.map((entry) => entry.run),
  };
  turn.reply(description);
  return state;
}

/** Cancels the run under way and everything that waits behind it. */
function cancel(state: ConversationState, reason: string, turn: Turn): ConversationState {
  const row = rowOf(state, addressParts(turn.self).root);
  if (row === null) return refuse(state, turn, "NOT_FOUND", "There is no such conversation.");
  turn.reply({ cancelled: cancelAll(state, reason, turn) });
  return state;
}

function cancelAll(state: ConversationState, reason: string, turn: Turn): readonly string[] {
  const own = state.current === null ? state.waiting : [state.current, ...state.waiting];
  const entries = [...own, ...(state.forks ?? [])];
  for (const entry of entries) turn.cancelRun(entry.run, reason);
  return entries.map((entry) => entry.run);
}

function rename(state: ConversationState, title: string, turn: Turn): ConversationState {
  const { root } = addressParts(turn.self);
  const next = { ...state, title: titleOf(title), updatedAtMs: turn.nowMs };
  const row = rowOf(next, root);
  if (row === null) return refuse(state, turn, "NOT_FOUND", "There is no such conversation.");
  turn.reply(row);
  return next;
}

/** Gone for everybody at once; the records follow in slices, so that no turn grows with them. */
function remove(state: ConversationState, turn: Turn): ConversationState {
  const { root } = addressParts(turn.self);
  const row = rowOf(state, root);
  if (row === null) return refuse(state, turn, "NOT_FOUND", "There is no such conversation.");
  cancelAll(state, "the conversation was deleted", turn);
  if (state.isCounted) giveRoom(turn, "conversations");
  turn.putRow(conversationsTable, rowId(row.agent_key, root), undefined);
  turn.send(turn.self, { type: "purge" });
  turn.send(approvalsAddress(addressParts(turn.self).tenant, root), { type: "purge" });
  startForgetting(state, turn);
  turn.reply({ deleted: true });
  return { ...state, title: "", collected: null, deleted: true };
}

function purge(state: ConversationState, turn: Turn): ConversationState {
  const rows = (turn.loaded["rows"] ?? []) as readonly RecordRow[];
  for (const { key, value } of rows) {
    dropPictures(value, turn);
    turn.remove(key);
  }
  if (rows.length === limits.purgeRecords) turn.send(turn.self, { type: "purge" });
  return state.current === null ? startNext(state, turn) : state;
}

function refuse(
  state: ConversationState,
  turn: Turn,
  code: ErrorCode,
  message: string,
): ConversationState {
  turn.refuse({ code, message });
  return state;
}
