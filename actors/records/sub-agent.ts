// The sub-agent record: when it is chosen (trigger, priority) and how it answers (action).

import { type Static, Type } from "../schema.ts";
import { type SkillUse, skillUses } from "./skill.ts";
import { type ToolUse, toolUses } from "./tool.ts";

const text = (max: number) => Type.String({ maxLength: max });
const open = { additionalProperties: true } as const;
const closed = { additionalProperties: false } as const;
const jsonObject = Type.Record(Type.String(), Type.Unknown());

/** When a sub-agent is chosen. */
export const trigger = Type.Object(
  {
    keywords: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems: 500 }),
    ),
    description: Type.Optional(text(4_000)),
    examples: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 2_000 }), { maxItems: 1_000 }),
    ),
  },
  closed,
);

/** A frontend action the client performs when this sub-agent answers. */
export const frontendTrigger = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 200 }), payload: Type.Optional(jsonObject) },
  closed,
);

/** How a sub-agent answers. Persona, goal and style may carry fields of the client's own: they go to the prompt. */
export const action = Type.Object(
  {
    persona: Type.Optional(
      Type.Object(
        { role: Type.Optional(text(500)), personality: Type.Optional(text(2_000)) },
        open,
      ),
    ),
    goal: Type.Optional(
      Type.Object(
        { primary: Type.Optional(text(500)), instruction: Type.Optional(text(16_000)) },
        open,
      ),
    ),
    response_style: Type.Optional(
      Type.Object(
        {
          format: Type.Optional(text(200)),
          tone: Type.Optional(text(200)),
          /** "match_input" or a language tag. */
          language: Type.Optional(text(35)),
        },
        open,
      ),
    ),
    frontend_trigger: Type.Optional(Type.Union([frontendTrigger, Type.Null()])),
    /** Hand over to: "supervisor", "inbox" (a person) or a channel id. */
    escalate: Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Null()])),
  },
  closed,
);

/** What a client sends to create a sub-agent. */
export const subAgentInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200 }),
    description: Type.Optional(Type.Union([text(4_000), Type.Null()])),
    trigger: Type.Optional(Type.Union([trigger, Type.Null()])),
    /** Lower is tried first among equals, as in the document's examples. Default 100. */
    priority: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000 })),
    action: Type.Optional(Type.Union([action, Type.Null()])),
    model_name: Type.Optional(
      Type.Union([Type.String({ minLength: 1, maxLength: 200 }), Type.Null()]),
    ),
    temperature: Type.Optional(Type.Union([Type.Number({ minimum: 0, maximum: 2 }), Type.Null()])),
    output_schema: Type.Optional(Type.Union([jsonObject, Type.Null()])),
    use_rag: Type.Optional(Type.Boolean()),
    collection_key: Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Null()])),
    is_active: Type.Optional(Type.Boolean()),
    /** What its model may call; the supervisor's tools are not its own. */
    tools: Type.Optional(Type.Union([toolUses, Type.Null()])),
    /** Skills that it may read; the supervisor's are not its own. */
    skills: Type.Optional(Type.Union([skillUses, Type.Null()])),
  },
  closed,
);

/** What a client sends to create a sub-agent. */
export type SubAgentInput = Static<typeof subAgentInput>;

/** A stored sub-agent. */
export interface SubAgent {
  readonly sub_agent_key: string;
  readonly agent_key: string;
  readonly name: string;
  readonly description: string | null;
  readonly trigger: Static<typeof trigger> | null;
  readonly priority: number;
  readonly action: Static<typeof action> | null;
  readonly model_name: string | null;
  readonly temperature: number | null;
  readonly output_schema: Readonly<Record<string, unknown>> | null;
  readonly use_rag: boolean;
  readonly collection_key: string | null;
  readonly is_active: boolean;
  /** Absent in records of before there were tools. */
  readonly tools?: readonly ToolUse[] | null;
  /** Absent in records of before there were skills. */
  readonly skills?: readonly SkillUse[] | null;
  readonly created_at: string;
  readonly updated_at: string;
}
