// The agent (supervisor) record: every tuning field of the supervisor chat API, once, as one schema
// from which the type, the validation, the defaults and the OpenAPI text come.

import { type Static, Type } from "../schema.ts";
import { type AgentOrigin, agentConstraints } from "./constraints.ts";
import { guardrails } from "./guardrail.ts";
import { agentMemory } from "./memory.ts";
import { skillUses } from "./skill.ts";
import { toolUses } from "./tool.ts";

const nullable = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) =>
  Type.Union([schema, Type.Null()]);

/** Limits of agent fields; texts in characters. */
export const agentLimits = {
  nameChars: 200,
  textChars: 32_000,
  examples: 50,
  collections: 20,
  subAgents: 500,
  modelChars: 200,
} as const;

const text = (max: number = agentLimits.textChars) => Type.String({ maxLength: max });

/** What a conversation does with a second message while a run is under way. */
export const onBusy = Type.Union([
  Type.Literal("enqueue"),
  Type.Literal("interrupt"),
  Type.Literal("reject"),
  Type.Literal("merge"),
  Type.Literal("steer"),
]);

/** What a run does when its caller goes away. */
export const onDisconnect = Type.Union([Type.Literal("continue"), Type.Literal("cancel")]);

/** A version that answers a share of conversations, 0 to 1: always the same ones for one share. */
export const canaryInput = Type.Object(
  { version: Type.Integer({ minimum: 1 }), share: Type.Number({ minimum: 0, maximum: 1 }) },
  { additionalProperties: false },
);

/** Behaviour settings beside the tuning fields. */
export const agentConfig = Type.Object(
  {
    on_busy: Type.Optional(onBusy),
    on_disconnect: Type.Optional(onDisconnect),
    /** Sub-agents that may answer one compound message. */
    max_routes: Type.Optional(Type.Integer({ minimum: 1, maximum: 10 })),
    /** `sa_` key that answers what fits nobody. */
    fallback: Type.Optional(Type.String({ pattern: "^sa_[a-z0-9]{1,64}$" })),
    canary: Type.Optional(canaryInput),
  },
  { additionalProperties: false },
);

/** An example of a good answer. */
export const agentExample = Type.Object(
  { input: text(4_000), output: text(8_000) },
  { additionalProperties: false },
);

const jsonObject = Type.Record(Type.String(), Type.Unknown());

/** The fields a client may set, all but `name` optional. `null` unsets one. */
export const agentInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: agentLimits.nameChars }),
    description: Type.Optional(nullable(text(4_000))),
    agent_type: Type.Optional(Type.Literal("supervisor")),
    system_message: Type.Optional(nullable(text())),
    /** A prompt whose text takes the place of `system_message`, the newest version or one. */
    prompt_id: Type.Optional(nullable(Type.String({ pattern: "^pr_[A-Za-z0-9]{1,61}$" }))),
    prompt_version: Type.Optional(nullable(Type.Integer({ minimum: 1 }))),
    /** Constants of the prompt's variables. */
    prompt_variables: Type.Optional(nullable(jsonObject)),
    model_name: Type.Optional(
      nullable(Type.String({ minLength: 1, maxLength: agentLimits.modelChars })),
    ),
    temperature: Type.Optional(nullable(Type.Number({ minimum: 0, maximum: 2 }))),
    top_p: Type.Optional(nullable(Type.Number({ minimum: 0, maximum: 1 }))),
    max_tokens: Type.Optional(nullable(Type.Integer({ minimum: 1, maximum: 1_000_000 }))),
    frequency_penalty: Type.Optional(nullable(Type.Number({ minimum: -2, maximum: 2 }))),
    presence_penalty: Type.Optional(nullable(Type.Number({ minimum: -2, maximum: 2 }))),
    response_format: Type.Optional(
      nullable(Type.Union([Type.String({ maxLength: 50 }), jsonObject])),
    ),
    requires_collection: Type.Optional(nullable(Type.Boolean())),
    collection_ids: Type.Optional(
      nullable(Type.Array(Type.String({ maxLength: 64 }), { maxItems: agentLimits.collections })),
    ),
    /** "auto", "match_input" or a language tag. */
    response_language: Type.Optional(nullable(Type.String({ maxLength: 35 }))),
    pre_context_prompt: Type.Optional(nullable(text())),
    post_context_prompt: Type.Optional(nullable(text())),
    context_prompt: Type.Optional(nullable(text())),
    response_template: Type.Optional(nullable(text(8_000))),
    agent_config: Type.Optional(nullable(agentConfig)),
    examples: Type.Optional(nullable(Type.Array(agentExample, { maxItems: agentLimits.examples }))),
    /** JSON Schema of what must be collected from the user. */
    required_parameters: Type.Optional(nullable(jsonObject)),
    graph_definition: Type.Optional(nullable(jsonObject)),
    state_schema: Type.Optional(nullable(jsonObject)),
    entry_node: Type.Optional(nullable(Type.String({ maxLength: 64 }))),
    /** What is kept of users beyond one conversation. */
    memory: Type.Optional(nullable(agentMemory)),
    /** What its model may call when the supervisor answers itself. */
    tools: Type.Optional(nullable(toolUses)),
    /** Skills that it may read when it answers itself. */
    skills: Type.Optional(nullable(skillUses)),
    /** What is checked of what it is told, gives and shows, in order. */
    guardrails: Type.Optional(nullable(guardrails)),
    /** What answers in place of a model, and where it works if not where the engine says. */
    engine: Type.Optional(nullable(Type.String({ pattern: "^en_[A-Za-z0-9]{1,61}$" }))),
    target: Type.Optional(nullable(Type.String({ pattern: "^tg_[A-Za-z0-9]{1,61}$" }))),
    /** What its runs are kept within. */
    constraints: Type.Optional(nullable(agentConstraints)),
  },
  { additionalProperties: false },
);

/** What a client sends to create an agent. */
export type AgentInput = Static<typeof agentInput>;

/** A stored agent. `version` grows with every change; versions are kept under their own rows. */
export type Agent = {
  [K in keyof Required<AgentInput>]: Exclude<AgentInput[K], undefined> | null;
} & {
  readonly agent_key: string;
  readonly name: string;
  readonly agent_type: "supervisor";
  /** Absent: null. */
  readonly origin?: AgentOrigin;
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
};
