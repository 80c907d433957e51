// What an agent's runs are kept within, each with everything below it: sub-agents, tools that delegate,
// handoffs. Which hosts they may reach, and how many there may be at once.

import type { ErrorData } from "../../runtime/errors.ts";
import { type Static, Type } from "../schema.ts";

/** Bounds of the limits themselves. */
export const constraintLimits = {
  runtimeSeconds: 86_400,
  tokens: 1_000_000_000,
  /** Units of the account. */
  cost: 1_000_000_000,
  steps: 100_000,
  toolCalls: 100_000,
  domains: 100,
  domainChars: 260,
  concurrency: 1_000,
} as const;

/** Stands for this machine and the hosts that the operator has allowed. */
export const LOCAL = "local";

/** The field `constraints` of an agent. What is not there limits nothing. */
export const agentConstraints = Type.Object(
  {
    max_runtime: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: constraintLimits.runtimeSeconds,
        description:
          "Seconds that a run works at most. Waiting for a person, for a target that is lost or for a point in time does not count. When they are over, the call under way is cut.",
      }),
    ),
    max_tokens: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: constraintLimits.tokens,
        description: "Tokens of a run and all runs below it, of prompts and answers together.",
      }),
    ),
    max_cost: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: constraintLimits.cost,
        description: "Most that models may cost in a run and all runs below it, in units.",
      }),
    ),
    max_steps: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: constraintLimits.steps,
        description: "Calls of models in a run and all runs below it.",
      }),
    ),
    max_tool_calls: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: constraintLimits.toolCalls,
        description: "Calls of tools in a run and all runs below it.",
      }),
    ),
    allowed_domains: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: constraintLimits.domainChars }), {
        maxItems: constraintLimits.domains,
        description:
          '"example.com", "*.example.com" (the names below it), either with a port, an address, or "local": this machine and the hosts that the operator has allowed. Nothing else is reached by what its runs do; models of the operator\'s own configuration are not counted. An empty list: nothing.',
      }),
    ),
    concurrency: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: constraintLimits.concurrency,
        description: "Runs at once; the others wait in order.",
      }),
    ),
  },
  { additionalProperties: false },
);

/** The limits of an agent's runs. */
export type AgentConstraints = Static<typeof agentConstraints>;

/** Who made an agent; null: a client, through the API. Set by the server alone. */
export const agentOrigin = Type.Union([
  Type.Literal("file"),
  Type.Literal("agents_v1"),
  Type.Null(),
]);

/** Who made an agent. */
export type AgentOrigin = Static<typeof agentOrigin>;

/** Those that end a run. */
export const limitNames = [
  ...(["max_runtime", "max_tokens", "max_cost", "max_steps", "max_tool_calls"] as const),
] as const;

/** One of them. */
export type LimitName = (typeof limitNames)[number];

/** What a purse counts of a run. */
export type CountedLimit = Exclude<LimitName, "max_runtime">;

/** What of an agent's constraints is counted and checked below its run. */
export type ScopeLimits = Omit<AgentConstraints, "max_runtime" | "concurrency">;

/** A run that has limits. */
export interface LimitScope {
  readonly run: string;
  /** Whose limits they are. */
  readonly agent: string;
  readonly limits: ScopeLimits;
}

/** Lists of hosts, each of which has to name whatever is reached. */
export type DomainLists = readonly (readonly string[])[];

/** Of an error that is a limit's, which one it was: as every door shows it. */
export function reachedConstraint({ code, details }: Pick<ErrorData, "code" | "details">): {
  readonly constraint?: object;
} {
  return code === "LIMIT_REACHED" && details !== undefined ? { constraint: details } : {};
}
