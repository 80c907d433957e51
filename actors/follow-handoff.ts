// A turn that is handed over: whoever the model named answers the rest of it, and may hand it over
// again, a few times. The user sees one answer; the stream and `routing_info` say who gave which part.

import type { RunContext } from "../runtime/actor.ts";
import { childAnswer, restingOn, showText } from "./answer/child.ts";
import { askTarget } from "./ask-target.ts";
import type { CompiledAgent } from "./compiled.ts";
import { addUsage } from "./money/spent.ts";
import type { Ports } from "./ports.ts";
import type { ChatEvent, RoutingInfo } from "./records/conversation.ts";
import type { Picture } from "./records/picture.ts";
import type { Meter } from "./spend.ts";
import type { Handoff } from "./tools/tool.ts";
import type { Answer, AnswerInput, Handovers, TurnResult } from "./turn-input.ts";

/** What was being answered. */
export interface HandedTurn {
  readonly context: RunContext<Ports>;
  readonly base: AnswerInput;
  readonly compiled: CompiledAgent;
  /** The message, for an agent that is asked as a part of this run. */
  readonly question: string;
  readonly images?: readonly Picture[] | undefined;
  readonly meter: Meter;
  /** Number of the round within the run. */
  readonly number: number;
}

/** The whole answer: `first`, and what those say that it was handed over to. */
export async function followHandoffs(
  turn: HandedTurn,
  first: TurnResult,
  room: Handovers = { left: 0, made: [] },
): Promise<TurnResult> {
  let result = first;
  let { left, made } = room;
  for (let count = 1; result.handoff !== undefined && left > 0; count += 1) {
    const key = `handoff:${turn.number}:${count}`;
    const { handoff, ...before } = result;
    const from = before.routing.action_name;
    const event: ChatEvent = {
      ...{ type: "handoff", from, to: handoff.to, name: handoff.name },
      reason: handoff.reason,
    };
    if (turn.base.show) turn.context.emit(key, event);
    const gap = /^$|\n\n$/.test(before.text) ? "" : "\n\n";
    if (turn.base.show && gap !== "") await showText(turn.context, `${key}:gap`, gap);
    left -= 1;
    made = [...made, { from: handoff.by, to: handoff.to }];
    const next = await answerOf(turn, handoff, { key, handovers: { left, made }, from });
    result = {
      ...next,
      text: before.text + gap + next.text,
      ...restingOn([before, next]),
      usage: addUsage(before.usage, next.usage),
      data: next.data ?? before.data,
      routing: routingAfter(before.routing, handoff, { from, next: next.routing }),
      trigger: before.trigger,
    };
  }
  return result;
}

/** `routing` is there where another agent answered, which may have handed it over itself. */
function answerOf(
  { context, base, compiled, question, images, meter }: HandedTurn,
  { to, name, reason }: Handoff,
  given: { readonly key: string; readonly handovers: Handovers; readonly from: string },
): Promise<Answer & { readonly routing?: RoutingInfo }> {
  const { key, handovers, from } = given;
  const why = reason === "" ? "" : ` The reason: ${JSON.stringify(reason)}.`;
  const instruction = `${from} has handed this conversation over to you, ${name}: answer the user now.${why}`;
  if (compiled.subAgents.has(to)) {
    const input = { ...base, subAgent: to, instruction, handovers };
    return childAnswer(context, key, input, meter);
  }
  const sent = base.clientTools === true &&
    base.owner === "completion" && { asSent: true as const };
  const seen = images && { images };
  const task = { text: question, ...seen, show: base.show, instruction, handovers, ...sent };
  return askTarget(context, key, { target: to, of: base, task }, meter);
}

function routingAfter(
  routing: RoutingInfo,
  to: Handoff,
  { from, next }: { readonly from: string; readonly next: RoutingInfo | undefined },
): RoutingInfo {
  const isOwn = to.to.startsWith("sa_");
  const why = to.reason === "" ? "." : `: ${to.reason}`;
  const one = { from, to: to.to, name: to.name, reason: to.reason };
  const handoffs = [...(routing.handoffs ?? []), one, ...(next?.handoffs ?? [])];
  if (next?.handoffs !== undefined) {
    // It went further: who has it now is said by the last one.
    const { selected_action, action_name, reason, sub_agent_key } = next;
    return { ...routing, selected_action, action_name, reason, sub_agent_key, handoffs };
  }
  return {
    ...routing,
    selected_action: isOwn ? "SUB_AGENT" : "SUPERVISOR",
    action_name: to.name,
    reason: `${from} handed the turn over${why}`,
    sub_agent_key: isOwn ? to.to : null,
    handoffs,
  };
}
