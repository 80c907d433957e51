// What document 001's endpoints answer, as schemas: their data in the envelope, with pages and costs.

import { agentInput } from "../../../actors/records/agent.ts";
import { subAgentInput } from "../../../actors/records/sub-agent.ts";
import { type TSchema, Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { answers, count, orNull, shownRecord, time } from "../openapi/responses.ts";
import { costSchema, replyFields } from "../platform/reply-schemas.ts";
import { conversationFields, messageSchema, waitingFields } from "../platform/run-schemas.ts";
import type { Route, RouteResponse } from "../route.ts";

type Properties = Readonly<Record<string, TSchema>>;

const closed = { additionalProperties: false } as const;
const text = Type.String();
const gateway = named("Gateway", Type.Object({ request_id: text, service: text }, closed));

/** The answer of an endpoint. `top`: members beside its data. */
export function enveloped(
  data: TSchema,
  description: string,
  { status = 200, top = {}, headers = [] }: Partial<Extra> = {},
): NonNullable<Route["responses"]> {
  const schema = Type.Object(
    // A balance is known when an operation is free or paid; what is under way has no cost yet.
    {
      status: Type.Literal("success"),
      data,
      ...top,
      gateway,
      ...(status === 202 ? {} : { cost: costSchema }),
    },
    closed,
  );
  return answers(status, schema, description, headers);
}

interface Extra {
  readonly status: number;
  readonly top: Properties;
  readonly headers: RouteResponse["headers"];
}

const pageFields = { limit: count, has_more: Type.Boolean(), next_cursor: orNull(text) };

/** Beside the data of a list whose length is known, and of one whose length is not. */
export const counted: Partial<Extra> = {
  top: { pagination: named("Pagination", Type.Object({ ...pageFields, total: count }, closed)) },
};
export const paged: Partial<Extra> = {
  top: { pagination: named("PaginationWithoutTotal", Type.Object(pageFields, closed)) },
};

const details = { agent: { agent_key: text }, subAgent: { sub_agent_key: text, agent_key: text } };

/** An agent with every field. */
export const agentDetailsSchema: TSchema = named(
  "CoreAgent",
  shownRecord(agentInput, details.agent),
);

/** An agent without the fields that are not set. */
export const agentSummarySchema: TSchema = named(
  "CoreAgentSummary",
  withoutNulls(agentInput, details.agent),
);

/** A sub-agent with every field, and without those that are not set. */
export const subAgentDetailsSchema: TSchema = named(
  "CoreSubAgent",
  shownRecord(subAgentInput, details.subAgent),
);
export const subAgentSummarySchema: TSchema = named(
  "CoreSubAgentSummary",
  withoutNulls(subAgentInput, details.subAgent),
);

const { graph_definition, state_schema, entry_node } = agentInput.properties;

/** An agent's graph. */
export const graphSchema: TSchema = named(
  "CoreAgentGraph",
  Type.Object(
    { agent_key: text, graph_definition, state_schema, entry_node, updated_at: time },
    closed,
  ),
);

/** What was deleted. */
export const deletedAgent: TSchema = deletedOf({ agent_key: text, sub_agents_deleted: count });
export const deletedSubAgent: TSchema = deletedOf(details.subAgent);
export const deletedConversation: TSchema = deletedOf({ conversation_key: text });

/** A conversation in a list. */
export const conversationEntry: TSchema = named(
  "CoreConversationEntry",
  Type.Object(conversationFields, closed),
);

/** A conversation with its messages. */
export const conversationDetails: TSchema = named(
  "CoreConversation",
  Type.Object(
    {
      ...conversationFields,
      running_run_id: orNull(text),
      messages: Type.Array(messageSchema),
      messages_truncated: Type.Boolean({ description: "Older messages were left out." }),
    },
    closed,
  ),
);

const { cost: _, ...answerFields } = replyFields;

/** An answer, and a run that waits for the decision of a person. */
export const chatSchema: TSchema = named("CoreAnswer", Type.Object(answerFields, closed));
export const waitingSchema: TSchema = named(
  "CoreWaitingRun",
  Type.Object({ agent_key: text, ...waitingFields }, closed),
);

function deletedOf(fields: Properties): TSchema {
  return Type.Object({ ...fields, deleted: Type.Literal(true) }, closed);
}

/** A record as its input, with the fields of the server; what is not set is left out. */
function withoutNulls(input: TSchema, keys: Properties): TSchema {
  const { properties, required = [] } = input as {
    readonly properties: Properties;
    readonly required?: readonly string[];
  };
  const fields = Object.entries(properties).map(([name, schema]) => [
    name,
    required.includes(name) ? { ...schema } : Type.Optional(schema),
  ]);
  const after = { version: Type.Integer({ minimum: 1 }), created_at: time, updated_at: time };
  return Type.Object({ ...keys, ...Object.fromEntries(fields), ...after }, closed);
}
