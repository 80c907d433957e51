// The team record: agents, or other teams, that answer together. In mode `coordinate` they take turns
// over a shared transcript, in rounds; in mode `supervisor` a leader splits the message into tasks,
// members do them, side by side where they do not build on each other, and the leader concludes.

import { limits } from "../limits.ts";
import { type Static, Type } from "../schema.ts";
import { onBusy, onDisconnect } from "./agent.ts";
import { guardrails } from "./guardrail.ts";
import type { ResourceKind } from "./resource.ts";

/** Limits of teams; texts in characters. */
export const teamLimits = {
  nameChars: 200,
  descriptionChars: 4_000,
  members: 20,
  memberNameChars: 80,
  roleChars: 1_000,
  rounds: 20,
  phraseChars: 200,
  parallel: 10,
  /** Teams of a tenant. */
  records: 1_000,
} as const;

const agentId = Type.String({ pattern: "^ag_[A-Za-z0-9]{1,61}$" });

/** Who takes part: an agent, a team or an agent elsewhere (a tool of type `remote_agent`), and what as. */
export const teamMember = Type.Object(
  {
    agent: Type.String({ pattern: "^(ag|tm|tl)_[A-Za-z0-9]{1,61}$" }),
    /** How the others call it. Default: the name of its record. */
    name: Type.Optional(Type.String({ minLength: 1, maxLength: teamLimits.memberNameChars })),
    /** What it is there for: told to it, to the others and to the leader. */
    role: Type.Optional(Type.String({ minLength: 1, maxLength: teamLimits.roleChars })),
  },
  { additionalProperties: false },
);

/** What ends the rounds of `coordinate` before `max_rounds`. */
export const teamStop = Type.Object(
  {
    /** After each round the leader is asked whether the message is answered. Default false. */
    leader: Type.Optional(Type.Boolean()),
    /** A text that ends with it is the last one; it is cut off there. */
    phrase: Type.Optional(Type.String({ minLength: 1, maxLength: teamLimits.phraseChars })),
  },
  { additionalProperties: false },
);

/** What a client sets. */
export const teamInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: teamLimits.nameChars }),
    description: Type.Optional(Type.String({ maxLength: teamLimits.descriptionChars })),
    mode: Type.Union([Type.Literal("coordinate"), Type.Literal("supervisor")]),
    /** Splits, judges and concludes. Mode `supervisor` needs one. */
    leader: Type.Optional(agentId),
    members: Type.Array(teamMember, { minItems: 1, maxItems: teamLimits.members }),
    /** Of `coordinate`. Default 1: each member speaks once. */
    max_rounds: Type.Optional(Type.Integer({ minimum: 1, maximum: teamLimits.rounds })),
    /** No turn begins once members and leader have spent so many, the conclusion does. */
    max_tokens: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000_000 })),
    stop: Type.Optional(teamStop),
    /**
     * What the failure of a member's turn means: the run fails; its turn is left out (the default); it
     * is tried once more and then left out; `substitute` takes it, and if that fails it is left out. A
     * team of which nobody could answer fails.
     */
    on_member_failure: Type.Optional(
      Type.Union([
        Type.Literal("fail"),
        Type.Literal("skip"),
        Type.Literal("retry"),
        Type.Literal("substitute"),
      ]),
    ),
    substitute: Type.Optional(Type.String({ pattern: "^(ag|tl)_[A-Za-z0-9]{1,61}$" })),
    /**
     * Of `supervisor`: what is done when the leader's plan is none, also after it was told twice what is
     * wrong. Every member answers the whole message (`members`, the default), the `leader` answers
     * alone, or the run fails (`fail`).
     */
    on_plan_failure: Type.Optional(
      Type.Union([Type.Literal("members"), Type.Literal("leader"), Type.Literal("fail")]),
    ),
    /**
     * Whether the leader concludes from what was said. Default: when there is one. Else the answer is
     * what was said last, or the results of the tasks in their order.
     */
    synthesis: Type.Optional(Type.Boolean()),
    /** Of `supervisor`: members that work side by side. Default 4. */
    max_parallel: Type.Optional(Type.Integer({ minimum: 1, maximum: teamLimits.parallel })),
    on_busy: Type.Optional(onBusy),
    on_disconnect: Type.Optional(onDisconnect),
    /** What is checked of what it is told and shows, in order; of all that answer for it too. */
    guardrails: Type.Optional(guardrails),
  },
  { additionalProperties: false },
);

/** A member as a client sets it. */
export type TeamMember = Static<typeof teamMember>;
/** What a client sends to create a team. */
export type TeamInput = Static<typeof teamInput>;

/** Teams under /v2/teams. */
export const teamKind: ResourceKind<TeamInput> = {
  name: "team",
  path: "teams",
  prefix: "tm",
  input: teamInput,
  searched: ["name", "description"],
  filters: ["name", "mode", "leader"],
  sorts: ["name"],
  max: teamLimits.records,
  defaults: {
    max_rounds: 1,
    on_member_failure: "skip",
    on_plan_failure: "members",
    max_parallel: limits.teamParallel,
  },
};
