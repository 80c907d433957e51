// Progress of a call: what its run shows, as lines for a person. Never more than a few a second, and none
// while the client reads too slowly: what comes meanwhile is left out, since the answer has all of it.

import type { ChatEvent } from "../../actors/records/conversation.ts";
import { type Frame, isAside } from "../../runtime/frame.ts";

/** Between two notifications of text, ms. */
const EVERY_MS = 250;
/** Characters of an answer's end that a notification shows. */
const TAIL_CHARS = 200;

/** Sends one line; resolves when the client can take another. */
export type Say = (message: string) => Promise<void>;

/** Tells of a run until its frames end. */
export async function showProgress(
  frames: AsyncIterable<readonly Frame[]>,
  say: Say,
  nowMs: () => number,
): Promise<void> {
  let tail = "";
  let saidMs = Number.NEGATIVE_INFINITY;
  for await (const batch of frames) {
    let hasText = false;
    for (const frame of batch) {
      if (frame.type === "event") {
        const line = lineOf(frame.event as ChatEvent);
        if (line !== null) await say(line);
      } else if (frame.type === "text" && !isAside(frame.run)) {
        tail = `${tail}${frame.text}`.slice(-TAIL_CHARS);
        hasText = true;
      } else if (frame.type === "reset" && !isAside(frame.run)) tail = "";
    }
    if (!hasText || nowMs() - saidMs < EVERY_MS) continue;
    saidMs = nowMs();
    await say(tail);
  }
}

/** An event in words; null for one that says nothing about how far a run has come. */
export function lineOf(event: ChatEvent): string | null {
  switch (event.type) {
    case "routing":
      return `Answered by ${event.routing_info.action_name}.`;
    case "sources":
      return event.nothing_relevant ? "Nothing relevant was found." : "Read what was found.";
    case "tool_call":
      return `Calls ${event.name}.`;
    case "tool_result":
      return `${event.name} has answered.`;
    case "node":
      return `Node ${event.node} ${event.state === "waiting" ? "waits" : `has ${event.state}`}.`;
    case "member":
      return `${event.member} has ${event.state}.`;
    case "team_plan":
      return `Split into ${event.tasks.length} tasks.`;
    case "handoff":
      return `Handed over to ${event.name}.`;
    case "approval_requested":
      return `${event.tool} waits for the decision of a person (${event.id}).`;
    case "approval_decided":
      return `${event.tool}: ${event.decision === "approve" ? "approved" : "rejected"}.`;
    case "auth_required":
      return `Waits until an account of ${event.integration} is connected at ${event.url}${event.code === undefined ? "" : ` with the code ${event.code}`}.`;
    case "auth_settled":
      return `${event.integration}: ${event.outcome}.`;
    case "waiting_for_target":
      return `Waits for its target ${event.target}. ${event.reason}`;
    case "target_settled":
      return `${event.target}: ${event.outcome}.`;
    case "escalated":
      return `Escalated to ${event.to}.`;
    case "notice":
      return event.text;
    default:
      return null;
  }
}
