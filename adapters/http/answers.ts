// Answers as every surface shows them: token counts and money under the API's own names, and who
// answered when it was no model. What is stored has the names of the code.

import {
  builtinNotice,
  type ChatReply,
  type MessageRecord,
} from "../../actors/records/conversation.ts";
import { costOf, unitsOf } from "../../actors/records/price.ts";
import type { Outcome } from "../../runtime/actor.ts";
import { toldError, toldOfRun } from "../../runtime/errors.ts";
import type { Frame } from "../../runtime/frame.ts";
import { usageOf } from "./chunks.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What the answer rests on, or that there was nothing it could. */
export function sourcesOf({ sources, nothing_relevant, degraded, memories }: ChatReply): Fields {
  return {
    sources,
    ...(nothing_relevant && { nothing_relevant }),
    ...(degraded && { degraded }),
    ...(memories && { memories }),
  };
}

/** Who answered; for the built-in answerer also what to do about it. */
export function answererOf({ builtin }: ChatReply): Fields {
  return builtin ? { builtin, notice: builtinNotice } : { builtin };
}

/** An answer as a resource. Without a balance its cost has none. */
export function replyView(reply: ChatReply, balanceMicros?: number): Fields {
  const { charge, usage: _, builtin: __, ...rest } = reply;
  const { balance, ...cost } = costOf(charge, balanceMicros ?? 0);
  return {
    ...rest,
    ...answererOf(reply),
    usage: { ...usageOf(reply), ...spendOf(reply) },
    cost: balanceMicros === undefined ? cost : { ...cost, balance },
  };
}

/** What a run left as its reply: an answer, or what another kind of run said. */
export function resultView(reply: unknown): unknown {
  return isReply(reply) ? replyView(reply) : (reply ?? null);
}

/** What models cost, in units of the account, where their prices are known. */
export function spendOf({ usage }: Pick<ChatReply, "usage">): { readonly spend?: number } {
  return usage.spendMicros === undefined ? {} : { spend: unitsOf(usage.spendMicros) };
}

/** A stored message. */
export function messageView(message: MessageRecord): Fields {
  const { usage, ...rest } = message;
  return usage === undefined
    ? rest
    : { ...rest, usage: { ...usageOf({ usage }), ...spendOf({ usage }) } };
}

/** A frame of a run. */
export function frameView(frame: Frame): Frame | Fields {
  if (frame.type === "refused") return { ...frame, error: toldError(frame.error) };
  if (frame.type !== "end") return frame;
  const { counters, reply, ...rest } = { ...frame, outcome: outcomeView(frame.outcome, frame.run) };
  if (!isReply(reply)) return { ...rest, counters, reply };
  return { ...rest, reply: replyView(reply, counters["balance"]) };
}

/** How a run has ended, as those are told who are not the operator. */
export function outcomeView<O extends Outcome>(outcome: O, run: string): O {
  if (outcome.status === "completed") return outcome;
  return { ...outcome, error: toldOfRun(outcome.error, run) };
}

/** Whether what a run left is an answer. */
export function isReply(value: unknown): value is ChatReply {
  return typeof value === "object" && value !== null && "charge" in value && "response" in value;
}
