// Agents, teams, workflows and collections as tools. A name is the record's id, so that it is valid for
// every client, unique, and still the same when the record is called something else; what a model chooses
// by is title and description.

import type { Tool } from "@modelcontextprotocol/server";
import type { AgentRow } from "../../actors/records/agent-version.ts";
import { type Collection, collectionLimits } from "../../actors/records/collection.ts";
import type { ResourceRow } from "../../actors/records/resource.ts";
import type { TeamInput } from "../../actors/records/team.ts";
import type { WorkflowInput } from "../../actors/records/workflow.ts";
import { type TSchema, Type } from "../../actors/schema.ts";
import { MESSAGE_CHARS_MAX } from "../http/services/chat.ts";
import { outputSchema } from "./results.ts";

/** Characters of a description; clients show them to models with every request. */
const DESCRIPTION_CHARS_MAX = 2_000;
/** Passages that a search gives at most. */
const TOP_K_MAX = 50;
/** Before the id of a collection, in the name of the tool that searches it. */
export const SEARCH_PREFIX = "search_";
/** Name of the tool that gives the answer of a run which was left to itself. */
export const RESULT_TOOL = "run_result";

const closed = { additionalProperties: false } as const;
const conversationKey = Type.String({
  maxLength: 64,
  description: "Goes on in the conversation that an earlier answer named. Without it a new one.",
});
const message = Type.String({
  ...{ minLength: 1, maxLength: MESSAGE_CHARS_MAX },
  description: "What is asked, in words: all that is to be known of it.",
});
const variables = Type.Record(Type.String(), Type.Unknown(), {
  description: "Values of the variables of its prompt.",
});

/** Arguments of an agent or a team. */
export const askInput = Type.Object(
  { message, conversation_key: Type.Optional(conversationKey) },
  closed,
);

/** Of an agent with a prompt. */
export const promptedInput = Type.Object(
  {
    message,
    conversation_key: Type.Optional(conversationKey),
    variables: Type.Optional(variables),
  },
  closed,
);

/** Of a workflow that does not say what it is started with. */
export const looseInput = Type.Object(
  {
    message: Type.Optional(message),
    input: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: "The object it is started with; instead of a message.",
      }),
    ),
    conversation_key: Type.Optional(conversationKey),
  },
  closed,
);

/** Of a search. */
export const findInput = Type.Object(
  {
    query: Type.String({
      ...{ minLength: 1, maxLength: collectionLimits.queryChars },
      description: "What is looked for, in words.",
    }),
    top_k: Type.Optional(
      Type.Integer({ minimum: 1, maximum: TOP_K_MAX, description: "Passages at most." }),
    ),
  },
  closed,
);

/** Of `run_result`. */
export const resultInput = Type.Object(
  { run_id: Type.String({ maxLength: 200, description: "The run, `rn_...`." }) },
  closed,
);

const anything = { description: "The answer as a value, where it has a form." };
const runs = { readOnlyHint: false, destructiveHint: false, openWorldHint: true } as const;
const reads = { readOnlyHint: true, idempotentHint: true, openWorldHint: false } as const;

/** An agent. */
export function agentTool({ agent, subAgents }: AgentRow): Tool {
  // What a sub-agent or a node gives has that one's own form.
  const isAlone = subAgents.length === 0 && !agent.graph_definition;
  const form = isAlone ? formOf(agent.response_format) : null;
  return {
    name: agent.agent_key,
    title: agent.name,
    description: described(agent.description, `Asks the agent ${agent.name}.`),
    inputSchema: plain(agent.prompt_id == null ? askInput : promptedInput),
    outputSchema: out(form ?? anything),
    annotations: runs,
  };
}

/** A team. */
export function teamTool({ record }: ResourceRow<TeamInput>): Tool {
  return {
    name: record.id,
    title: record.name,
    description: described(record.description, `Asks the team ${record.name}.`),
    inputSchema: plain(askInput),
    outputSchema: out(anything),
    annotations: runs,
  };
}

/** A workflow. Its own fields stand beside `conversation_key`, so that what they refer to stays where it is. */
export function workflowTool({ record }: ResourceRow<WorkflowInput>): Tool {
  const own = record.input_schema as Fields | undefined;
  const inputSchema =
    own === undefined
      ? plain(looseInput)
      : {
          ...own,
          type: "object" as const,
          properties: {
            conversation_key: plain(conversationKey),
            ...(own["properties"] as Fields),
          },
        };
  return {
    name: record.id,
    title: record.name,
    description: described(record.description, `Runs the workflow ${record.name}.`),
    inputSchema: inputSchema as Tool["inputSchema"],
    outputSchema: out(anything),
    annotations: runs,
  };
}

/** Whether a workflow's own input has a field of the name that conversations are given by. */
export function ownsConversationKey({ input_schema: own }: WorkflowInput): boolean {
  const fields = (own?.["properties"] ?? {}) as Fields;
  return Object.hasOwn(fields, "conversation_key");
}

/** A collection, to be searched. */
export function searchTool({ id, name, metadata }: Collection): Tool {
  const of = metadata["description"];
  const more = typeof of === "string" ? ` ${of}` : "";
  return {
    name: `${SEARCH_PREFIX}${id}`,
    title: `Search ${name}`,
    description: described(null, `Searches the documents of ${name}.${more}`),
    inputSchema: plain(findInput),
    outputSchema: foundSchema as Tool["outputSchema"],
    annotations: reads,
  };
}

/** The answer of a run that was left to itself. */
export const resultTool: Tool = {
  name: RESULT_TOOL,
  title: "Result of a run",
  description:
    "Waits for the answer of a run that an earlier call named, e.g. one that had to wait for the decision of a person. Starts nothing.",
  inputSchema: plain(resultInput),
  outputSchema: out(anything),
  annotations: reads,
};

type Fields = Readonly<Record<string, unknown>>;

const foundSchema = {
  type: "object",
  properties: {
    passages: {
      type: "array",
      items: {
        type: "object",
        properties: {
          document_id: { type: "string" },
          title: { type: "string" },
          chunk_id: { type: "string" },
          text: { type: "string" },
          headings: { type: "array", items: { type: "string" } },
          relevance: { type: "number", minimum: 0, maximum: 1 },
          page: { type: "integer", minimum: 1 },
        },
        required: ["document_id", "title", "chunk_id", "text", "headings", "relevance"],
      },
    },
    nothing_relevant: { type: "boolean" },
  },
  required: ["passages", "nothing_relevant"],
} as const;

function described(own: string | null | undefined, otherwise: string): string {
  const text = own == null || own.trim() === "" ? otherwise : own;
  return text.slice(0, DESCRIPTION_CHARS_MAX);
}

/**
 * The JSON Schema that answers are held to, of a response_format that has one. One with references is
 * not shown: they would lead elsewhere inside another schema.
 */
function formOf(format: unknown): object | null {
  if (typeof format !== "object" || format === null) return null;
  const { json_schema: inner, schema: own } = format as Fields;
  const schema = ((inner as Fields | undefined)?.["schema"] ?? own) as object | undefined;
  if (typeof schema !== "object" || schema === null) return null;
  return JSON.stringify(schema).includes('"$ref"') ? null : schema;
}

/** A schema without what only its builder knows of it. */
function plain(schema: TSchema): Tool["inputSchema"] {
  return schema as unknown as Tool["inputSchema"];
}

function out(output: object): NonNullable<Tool["outputSchema"]> {
  return outputSchema(output) as NonNullable<Tool["outputSchema"]>;
}
