// What the router is asked and what it answers: plain data, so that a decision can be a stored step
// and become `routing_info` without another look at the router.

import type { RoutingInfo } from "../records/conversation.ts";

/** A message to route. */
export interface RouteRequest {
  readonly message: string;
  /** The user's previous message: it helps when this one is short ("and for last month?"). */
  readonly previous?: string;
  /** Earlier messages of the user, oldest first; the last one counts when `previous` is absent. */
  readonly history?: readonly string[];
  /** Sub-agent that answered the previous turn; a short follow-up stays with it. */
  readonly previousChoice?: string | null;
}

/** How a choice was made. `doubt`: the two cheap ways leave it open and a model should be asked. */
export type RouteMethod = "keyword" | "semantic" | "model" | "only" | "doubt";

/** A sub-agent that was considered. `score` is its share of probability, 0..1. */
export interface Candidate {
  readonly key: string;
  readonly name: string;
  readonly score: number;
}

/** One part of a compound message and who answers it. */
export interface RoutePart {
  readonly text: string;
  /** `sa_` key, null for the supervisor. */
  readonly choice: string | null;
  readonly name: string;
  readonly intent: string;
}

/** The router's answer. Under `doubt`, `choice` is the best guess without a model. */
export interface Decision {
  /** `sa_` key, null for the supervisor itself. */
  readonly choice: string | null;
  /** Name of the chosen sub-agent, or of the supervisor. */
  readonly name: string;
  readonly method: RouteMethod;
  /** Calibrated probability that the choice is right, 0..1. */
  readonly confidence: number;
  /** Below it a choice is in doubt. */
  readonly threshold: number;
  /** Calibrated probability that any sub-agent is meant, 0..1; 0 for small talk. */
  readonly inScope: number;
  /** Best first, at most 5. */
  readonly candidates: readonly Candidate[];
  /** One plain sentence naming the words that decided. */
  readonly reason: string;
  /** Short label in snake_case, e.g. `docs_how_to`. */
  readonly intent: string;
  /** Only on compound messages: two or more, in the order of the message, at most `max_routes`. */
  readonly parts?: readonly RoutePart[];
}

/** A decision as API responses show it. A doubt that no model settled counts as `semantic`. */
export function toRoutingInfo(decision: Decision): RoutingInfo {
  const { choice, name, reason, intent, confidence, threshold, candidates, parts } = decision;
  return {
    selected_action: choice === null ? "SUPERVISOR" : "SUB_AGENT",
    action_name: name,
    reason,
    intent,
    confidence,
    threshold,
    method: decision.method === "doubt" ? "semantic" : decision.method,
    candidates: candidates.map((candidate) => ({ ...candidate })),
    sub_agent_key: choice,
    ...(parts === undefined
      ? {}
      : {
          parts: parts.map((part) => ({
            text: part.text,
            action_name: part.name,
            sub_agent_key: part.choice,
          })),
        }),
  };
}
