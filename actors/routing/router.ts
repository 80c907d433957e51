// The router: which sub-agent answers a message. A cascade that asks the cheap ways first: words of
// the triggers, then similarity, and it says `doubt` where only a model can tell. Pure computing;
// the caller keeps one compiled router for each version of an agent and makes the model call.

import type { PromptMessage } from "../ports.ts";
import type { Agent } from "../records/agent.ts";
import type { SubAgent } from "../records/sub-agent.ts";
import type { Decision, RouteRequest } from "./decision.ts";

/** A router made for one version of an agent. Opaque. */
export interface CompiledRouter {
  readonly agent: Agent;
  readonly active: readonly SubAgent[];
}

/** What to send to a model in doubt: a prompt and the schema its answer must fit. */
export interface DoubtPrompt {
  readonly messages: readonly PromptMessage[];
  readonly schema: { readonly name: string; readonly schema: Readonly<Record<string, unknown>> };
  readonly maxTokens: number;
}

/** Builds the router of an agent with its sub-agents; inactive ones are left out. */
export function compile(agent: Agent, subAgents: readonly SubAgent[]): CompiledRouter {
  return { agent, active: subAgents.filter((subAgent) => subAgent.is_active) };
}

/** Routes a message. Never throws, whatever the message. */
export function route(router: CompiledRouter, request: RouteRequest): Decision {
  const text = request.message.toLowerCase();
  const hit = router.active.find((subAgent) =>
    (subAgent.trigger?.keywords ?? []).some((keyword) => text.includes(keyword.toLowerCase())),
  );
  return {
    choice: hit?.sub_agent_key ?? null,
    name: hit?.name ?? router.agent.name,
    method: hit === undefined ? "doubt" : "keyword",
    confidence: hit === undefined ? 0 : 0.9,
    threshold: 0.5,
    candidates: [],
    reason: hit === undefined ? "No trigger fits." : `The message fits the ${hit.name} trigger.`,
    intent: hit === undefined ? "unclear" : "keyword",
  };
}

/** The model call that settles a doubt: choices by number, one field of JSON back. */
export function doubtPrompt(router: CompiledRouter, message: string): DoubtPrompt {
  const choices = router.active.map((subAgent, index) => `${index + 1} ${subAgent.name}`);
  return {
    messages: [
      { role: "system", content: ["0 none", ...choices].join("\n") },
      { role: "user", content: message },
    ],
    schema: {
      name: "route",
      schema: {
        type: "object",
        properties: { choice: { type: "integer", enum: [0, ...choices.map((_, at) => at + 1)] } },
        required: ["choice"],
        additionalProperties: false,
      },
    },
    maxTokens: 40,
  };
}

/**
 * Settles a doubt with a model's answer (its text as it came). An answer that names no choice leaves
 * the doubt's best guess.
 */
export function decideByModel(router: CompiledRouter, answer: string, doubt: Decision): Decision {
  const number = Number(/\d+/.exec(answer)?.[0] ?? "NaN");
  const chosen = router.active[number - 1];
  if (chosen === undefined) return doubt;
  return { ...doubt, choice: chosen.sub_agent_key, name: chosen.name, method: "model" };
}
