// An agent that works by itself, as a YAML file and a body of /agents/v1 say it: the fields of an agent, with its
// sub-agents and triggers beside it. Stored are the agent, its triggers (`tr_`) and a row with what it is doing.

import { type Static, Type } from "../schema.ts";
import { agentInput, agentLimits } from "./agent.ts";
import { subAgentInput } from "./sub-agent.ts";
import { toolLimits, toolUse } from "./tool.ts";
import { triggerInput, triggerLimits } from "./trigger.ts";

const closed = { additionalProperties: false } as const;

/** Limits of one of them. */
export const orchestratedLimits = {
  triggers: 50,
  subAgents: 50,
  /** Runs that `start` has begun and that `stop` cancels, the newest. */
  runs: 100,
  inputChars: 32_000,
} as const;

const { tool: _type, name: _name, config: toolConfig, ...toolSettings } = toolUse.properties;
const { target: _target, name: _trigger, ...triggerFields } = triggerInput.properties;
const { model_name, memory, tools: _tools, ...agentFields } = agentInput.properties;

const toolWord = (description: string) =>
  Type.String({ minLength: 1, maxLength: 80, pattern: "^[a-zA-Z0-9_.-]+$", description });

/** A tool of it. */
export const orchestratedTool = Type.Object(
  {
    name: toolWord(
      "A built-in tool, the id or the name of a record of /v2/tools, or `custom.` and the name of a file of the server's folder of tools; with `tool` only as the model knows it.",
    ),
    tool: Type.Optional(toolWord("What it is, where `name` says something else.")),
    ...toolSettings,
    paths: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 1_024 }), {
        ...{ minItems: 1, maxItems: 32 },
        description: "Files and folders that it may reach: `paths` of its `config`.",
      }),
    ),
    config: toolConfig,
  },
  closed,
);

/** A trigger of it. */
export const orchestratedTrigger = Type.Object(
  {
    id: Type.Optional(
      Type.String({ pattern: "^tr_[A-Za-z0-9]{1,61}$", description: "Of one that is there." }),
    ),
    name: Type.Optional(
      Type.String({
        ...{ minLength: 1, maxLength: triggerLimits.nameChars },
        description: "By which it is known again. Default: its type and its place among these.",
      }),
    ),
    ...triggerFields,
  },
  closed,
);

/** What a file or a client says of one. */
export const orchestratedInput = Type.Object(
  {
    ...agentFields,
    model: Type.Optional(
      Type.Union([Type.String({ minLength: 1, maxLength: agentLimits.modelChars }), Type.Null()]),
    ),
    model_name,
    memory,
    tools: Type.Optional(
      Type.Union([Type.Array(orchestratedTool, { maxItems: toolLimits.uses }), Type.Null()]),
    ),
    sub_agents: Type.Optional(
      Type.Union([
        Type.Array(subAgentInput, { maxItems: orchestratedLimits.subAgents }),
        Type.Null(),
      ]),
    ),
    triggers: Type.Optional(
      Type.Union([
        Type.Array(orchestratedTrigger, { maxItems: orchestratedLimits.triggers }),
        Type.Null(),
      ]),
    ),
    status: Type.Optional(
      Type.Union([Type.Literal("running"), Type.Literal("stopped")], {
        description:
          "Whether its triggers set it to work. Default: of a file running, else as it is; of a new one stopped.",
      }),
    ),
  },
  closed,
);

/** What a file or a client says of one. */
export type OrchestratedInput = Static<typeof orchestratedInput>;

/** Whether its triggers set it to work. */
export type OrchestratedStatus = NonNullable<OrchestratedInput["status"]>;

/** A trigger that belongs to one, and whether it is active while that runs. */
export interface OwnTrigger {
  readonly id: string;
  readonly isActive: boolean;
}

/** What one is doing. */
export interface OrchestratedRow {
  readonly status: OrchestratedStatus;
  readonly triggers: readonly OwnTrigger[];
  /** Begun by `start`, the newest last. */
  readonly runs: readonly string[];
  /** Name of its file; null: of none, or of one that is gone. */
  readonly file: string | null;
}

/** Whose a trigger is: nobody else changes it. */
export interface TriggerMark {
  readonly agent: string;
  readonly file: string | null;
}

/**
 * Tables. Of a tenant: `orchestrated-agents` ag OrchestratedRow; `orchestrated-triggers` tr TriggerMark.
 * Of the system: `orchestrated-files`, by a hash of the file's name, FileMark.
 */
export const orchestratedTables = {
  agents: "orchestrated-agents",
  triggers: "orchestrated-triggers",
  files: "orchestrated-files",
} as const;

/** Which agent a file has become. */
export interface FileMark {
  readonly file: string;
  readonly tenant: string;
  /** Null: it is about to be made, once under this key. */
  readonly agent: string | null;
  readonly key: string;
  /** Of what the file said last. */
  readonly hash?: string;
  /** The file is gone; its agent waits, stopped, for it to come back. */
  readonly isGone?: boolean;
}
