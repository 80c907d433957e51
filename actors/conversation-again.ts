// A run of a conversation once more, from somewhere in its log: resumed, where it came to a bad end, or
// forked at a step. A resumed run takes the place of the one that ended, so it must be the last of its
// conversation; a fork's answer goes to who asked for it alone and is no message.

import type { Fork, Turn } from "../runtime/actor.ts";
import { addressParts } from "../runtime/address.ts";
import { runMsOf } from "./constraints/run-time.ts";
import type { ConversationState, Entry } from "./conversation-state.ts";
import { limits } from "./limits.ts";
import { enterLine, isLined, linesOf, takeLines, waitsInLine } from "./lines/waiting.ts";
import { limitRun } from "./money/lines.ts";
import type { ChatAccepted, ChatMessage } from "./records/conversation.ts";
import { takeCharge } from "./reply.ts";
import { accepting } from "./targets.ts";
import type { TurnInput } from "./turn-input.ts";

/** What the conversation is told. */
export interface AgainMessage
  extends Pick<
    ChatMessage,
    "stream" | "priceMicros" | "service" | "keyId" | "timeoutMs" | "charges"
  > {
  readonly type: "again";
  /** In place of the run that ended, or beside it. */
  readonly way: "resume" | "fork";
  readonly from: Fork;
  /** Kind and input of that run, as its row says. */
  readonly kind: string;
  readonly input: TurnInput;
}

/** Starts the run, or refuses: NOT_FOUND, CONVERSATION_BUSY, CONFLICT, MAILBOX_FULL. */
export function again(
  state: ConversationState,
  message: AgainMessage,
  turn: Turn,
): ConversationState {
  const refusal = refusalOf(state, message, addressParts(turn.self).root);
  if (refusal !== null) {
    turn.refuse(refusal);
    return state;
  }
  const charged = takeCharge(turn, message.priceMicros, message.charges);
  const { kind, input, from, way, stream } = message;
  // As its target is now; one that is gone limits nothing.
  const { root } = addressParts(turn.self);
  const target = accepting(input.agent, turn.loaded["target"], root) ?? { agent: null };
  const lined = linesOf(target, undefined);
  const run = turn.startRun({
    kind,
    input: { ...input, stream },
    timeoutMs: runMsOf(target, message.timeoutMs),
    fork: from,
    ...(isLined(lined) && { held: true }),
  });
  takeLines(turn, lined);
  const { maxSpendMicros } = input;
  limitRun(turn, run, maxSpendMicros);
  const made: Entry = {
    run,
    ...lined,
    isAgain: true,
    ...(maxSpendMicros !== undefined && { maxSpendMicros }),
    version: input.version,
    sequences: input.sequences,
    mode: "enqueue",
    stream,
    priceMicros: message.priceMicros,
    service: message.service,
    ...(Object.keys(charged).length > 0 && { charged }),
    ...(message.keyId === undefined ? {} : { keyId: message.keyId }),
  };
  const entry = enterLine(turn, made) ?? made;
  const accepted: ChatAccepted = {
    run,
    conversation_key: root,
    message_id: turn.newId("ms"),
    agent_version: input.version,
    model: "",
    ...(waitsInLine(entry) && { queued: true }),
  };
  turn.reply(accepted, { follow: run });
  if (way === "fork") return { ...state, forks: [...(state.forks ?? []), entry] };
  // Its answer replaces the message that says how the other run ended.
  const resumed = { run, next: state.next };
  return { ...state, current: entry, count: state.count - 1, resumed, updatedAtMs: turn.nowMs };
}

function refusalOf(state: ConversationState, message: AgainMessage, root: string) {
  const { input, way, from } = message;
  if (state.deleted || state.agent !== input.agent) {
    const text = `The conversation ${root} of run ${from.run} is gone.`;
    return { code: "NOT_FOUND", message: text } as const;
  }
  if (way === "fork") {
    const most = limits.conversationWaiting;
    if ((state.forks ?? []).length < most) return null;
    const text = `Conversation ${root} has ${most} forks under way.`;
    return { code: "MAILBOX_FULL", message: text } as const;
  }
  if (state.current !== null) {
    const text = `Conversation ${root} is answering; run ${from.run} can be resumed after that.`;
    return { code: "CONVERSATION_BUSY", message: text } as const;
  }
  const { resumed } = state;
  if (resumed?.next === state.next && resumed.run !== from.run) {
    const text = `Run ${from.run} has been resumed: run ${resumed.run} has taken its place.`;
    return { code: "CONFLICT", message: text } as const;
  }
  if (Math.max(...input.sequences) + 2 === state.next) return null;
  const text = `Run ${from.run} is not the last one of its conversation: fork it instead.`;
  return { code: "CONFLICT", message: text } as const;
}
