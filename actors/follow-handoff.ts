// A turn that is handed over: whoever the model named answers the rest of it, and may hand it over
// again, a few times. The user sees one answer; the stream and `routing_info` say who gave which part.

import type { RunContext } from "../runtime/actor.ts";
import { childAnswer, restingOn, showText } from "./answer/child.ts";
import { askTarget } from "./ask-target.ts";
import type { CompiledAgent } from "./compiled.ts";
import { limits } from "./limits.ts";
import type { Ports } from "./ports.ts";
import type { ChatEvent, RoutingInfo } from "./records/conversation.ts";
import type { Meter } from "./spend.ts";
import type { Handoff } from "./tools/tool.ts";
import { type Answer, type AnswerInput, addUsage, type TurnResult } from "./turn-input.ts";

/** What was being answered. */
export interface HandedTurn {
  readonly context: RunContext<Ports>;
  readonly base: AnswerInput;
  readonly compiled: CompiledAgent;
  /** The message, for an agent that is asked as a part of this run. */
  readonly question: string;
  readonly meter: Meter;
  /** Number of the round within the run. */
  readonly number: number;
}

/** The whole answer: `first`, and what those say that it was handed over to. */
export async function followHandoffs(turn: HandedTurn, first: TurnResult): Promise<TurnResult> {
  let result = first;
  for (let count = 1; result.handoff !== undefined && count <= limits.handoffs; count += 1) {
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
    const left = limits.handoffs - count;
    const next = await answerOf(turn, handoff, { key, left, from });
    result = {
      ...next,
      text: before.text + gap + next.text,
      ...restingOn([before, next]),
      usage: addUsage(before.usage, next.usage),
      data: next.data ?? before.data,
      routing: routingAfter(before.routing, handoff, from),
      trigger: before.trigger,
    };
  }
  return result;
}

function answerOf(
  { context, base, compiled, question, meter }: HandedTurn,
  { to, name, reason }: Handoff,
  { key, left, from }: { readonly key: string; readonly left: number; readonly from: string },
): Promise<Answer> {
  const why = reason === "" ? "" : ` The reason: ${JSON.stringify(reason)}.`;
  const instruction = `${from} has handed this conversation over to you, ${name}: answer the user now.${why}`;
  if (compiled.subAgents.has(to)) {
    const input = { ...base, subAgent: to, instruction, handoffs: left };
    return childAnswer(context, key, input, meter);
  }
  const task = { text: question, show: base.show, instruction };
  return askTarget(context, key, { target: to, of: base, task }, meter);
}

function routingAfter(routing: RoutingInfo, to: Handoff, from: string): RoutingInfo {
  const isOwn = to.to.startsWith("sa_");
  const why = to.reason === "" ? "." : `: ${to.reason}`;
  return {
    ...routing,
    selected_action: isOwn ? "SUB_AGENT" : "SUPERVISOR",
    action_name: to.name,
    reason: `${from} handed the turn over${why}`,
    sub_agent_key: isOwn ? to.to : null,
    handoffs: [...(routing.handoffs ?? []), { from, to: to.to, name: to.name, reason: to.reason }],
  };
}
