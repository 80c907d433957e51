// What agents and sub-agents look like when they are shown, as schemas.

import { agentInput } from "../../../actors/records/agent.ts";
import { agentOrigin } from "../../../actors/records/constraints.ts";
import { subAgentInput } from "../../../actors/records/sub-agent.ts";
import { type TSchema, Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { orNull, shownRecord, time } from "../openapi/responses.ts";

named("AgentInput", agentInput);
named("SubAgentInput", subAgentInput);

const agentId = Type.String({ pattern: "^ag_[A-Za-z0-9]{1,61}$" });
const subAgentId = Type.String({ pattern: "^sa_[A-Za-z0-9]{1,61}$" });
const keys = { id: agentId, agent_key: agentId };
const more = {
  origin: agentOrigin,
  sub_agents: Type.Array(subAgentId, { description: "Keys of its sub-agents." }),
};

/** An agent. */
export const agentSchema: TSchema = named("Agent", withMore(shownRecord(agentInput, keys), more));

/** A sub-agent. */
export const subAgentSchema: TSchema = named(
  "SubAgent",
  shownRecord(subAgentInput, { id: subAgentId, sub_agent_key: subAgentId, agent_key: agentId }),
);

/** An agent at a version, with its sub-agents as they were. */
export const agentVersionSchema: TSchema = named(
  "AgentVersion",
  withMore(shownRecord(agentInput, keys), {
    ...more,
    sub_agent_records: Type.Array(subAgentSchema),
  }),
);

/** A version in the list of an agent's. */
export const agentVersionEntry: TSchema = named(
  "AgentVersionEntry",
  Type.Object(
    {
      version: Type.Integer({ minimum: 1 }),
      created_at: time,
      reason: Type.String(),
      restored_from: orNull(Type.Integer({ minimum: 1 })),
      is_current: Type.Boolean(),
      canary_share: orNull(Type.Number({ minimum: 0, maximum: 1 })),
    },
    { additionalProperties: false },
  ),
);

/** An object schema with more fields, all of which are there. */
function withMore(schema: TSchema, more: Readonly<Record<string, TSchema>>): TSchema {
  const { properties, required } = schema as unknown as {
    readonly properties: Readonly<Record<string, TSchema>>;
    readonly required: readonly string[];
  };
  return {
    ...schema,
    required: [...required, ...Object.keys(more)],
    properties: { ...properties, ...more },
  };
}
