// The tool record, and how agents name the tools that their model may call: a built-in one by its
// name, or a record by its id, each with what is different here.

import { type Static, Type } from "../schema.ts";
import { quorumInput } from "./approval.ts";

const closed = { additionalProperties: false } as const;

/** Limits of tools. */
export const toolLimits = {
  /** Records a tenant may have. */
  records: 10_000,
  /** Of an agent or a sub-agent. */
  uses: 64,
  descriptionChars: 4_000,
  timeoutMs: 600_000,
  /** Calls in a rate, and its seconds (a day). */
  rateCalls: 1_000,
  rateSeconds: 86_400,
  resultChars: 200_000,
  conditionChars: 2_000,
} as const;

/** What a tool is made of. */
export const toolTypes = [
  "calculator",
  "date_time",
  "knowledge_search",
  "http_request",
  "delegate",
  "handoff",
  "remote_agent",
  "send_file",
  "script",
  "skill_script",
  "file_reader",
  "file_writer",
  "file_search",
  "data_analyzer",
  "web_page",
  "mcp",
  "memory",
  "schedule",
  "channel_message",
  "email",
  "openapi",
  "engine",
  "shell",
] as const;

/** Name of a built-in type. */
export type ToolTypeName = (typeof toolTypes)[number];

/** What a call may do: read or change data, start work of agents, reach other machines. */
export const permissionNames = ["read", "write", "execute", "network"] as const;

/** One of them. */
export type Permission = (typeof permissionNames)[number];

const jsonObject = Type.Record(Type.String(), Type.Unknown());

/** At most so many calls in any so many seconds, in all runs of the tenant together. */
export const toolRate = Type.Object(
  {
    calls: Type.Integer({ minimum: 1, maximum: toolLimits.rateCalls }),
    per_seconds: Type.Integer({ minimum: 1, maximum: toolLimits.rateSeconds }),
  },
  closed,
);

const permission = Type.Union([
  Type.Literal("read"),
  Type.Literal("write"),
  Type.Literal("execute"),
  Type.Literal("network"),
]);
const toolType = Type.Union([
  Type.Literal("calculator"),
  Type.Literal("date_time"),
  Type.Literal("knowledge_search"),
  Type.Literal("http_request"),
  Type.Literal("delegate"),
  Type.Literal("handoff"),
  Type.Literal("remote_agent"),
  Type.Literal("send_file"),
  Type.Literal("script"),
  Type.Literal("skill_script"),
  Type.Literal("file_reader"),
  Type.Literal("file_writer"),
  Type.Literal("file_search"),
  Type.Literal("data_analyzer"),
  Type.Literal("web_page"),
  Type.Literal("mcp"),
  Type.Literal("memory"),
  Type.Literal("schedule"),
  Type.Literal("channel_message"),
  Type.Literal("email"),
  Type.Literal("openapi"),
  Type.Literal("engine"),
  Type.Literal("shell"),
]);
const toolName = Type.String({ pattern: "^[a-zA-Z0-9_-]{1,64}$" });
const condition = Type.String({ minLength: 1, maxLength: toolLimits.conditionChars });

/** What a record says and a use of a built-in tool may say. */
const settings = {
  description: Type.Optional(Type.String({ minLength: 1, maxLength: toolLimits.descriptionChars })),
  /** As the type takes it. */
  config: Type.Optional(jsonObject),
  /** JSON Schema of the arguments; default the type's. */
  parameters: Type.Optional(jsonObject),
  /** What a call means that was under way when the server stopped. Default the type's. */
  repeat: Type.Optional(
    Type.Union([Type.Literal("safe"), Type.Literal("reconcile"), Type.Literal("never")]),
  ),
  /** Default: what the type needs. */
  permissions: Type.Optional(Type.Array(permission, { maxItems: 4 })),
  timeout_ms: Type.Optional(Type.Integer({ minimum: 1, maximum: toolLimits.timeoutMs })),
  rate: Type.Optional(toolRate),
  /** Calls of serial tools follow each other within a round. Default false. */
  serial: Type.Optional(Type.Boolean()),
  /** Whether a person decides about each call. Default false. */
  requires_confirmation: Type.Optional(Type.Boolean()),
  /** CEL over `args`: which calls a person decides about, and which of those are approved by rule. */
  confirm_when: Type.Optional(condition),
  approve_when: Type.Optional(condition),
  /** How many have to agree, and who. Default: anybody who may decide, once. */
  approvals: Type.Optional(quorumInput),
  /** Characters of a result that the model is shown; more is cut, which it is told. */
  result_chars: Type.Optional(Type.Integer({ minimum: 100, maximum: toolLimits.resultChars })),
} as const;

/** What a client sets. */
export const toolInput = Type.Object({ name: toolName, type: toolType, ...settings }, closed);

/** What a client sets. */
export type ToolInput = Static<typeof toolInput>;

/** A tool of an agent. Of a record only what narrows it may be said; see `tool-checks.ts`. */
export const toolUse = Type.Object(
  {
    /** A type's name, `tl_`, or `custom.` and the name of a script of the operator's, or of a function of its. */
    tool: Type.String({
      pattern: `^(${toolTypes.join("|")}|tl_[A-Za-z0-9]{1,61}|custom[.][a-zA-Z0-9_-]{1,64}([.][a-zA-Z0-9_]{1,64})?)$`,
    }),
    /** As the model knows it. Default the record's name, or the type's. */
    name: Type.Optional(toolName),
    ...settings,
  },
  closed,
);

/** A tool of an agent, as it is set. */
export type ToolUse = Static<typeof toolUse>;

/** `tools` of an agent or a sub-agent. */
export const toolUses = Type.Array(toolUse, { maxItems: toolLimits.uses });

/** Whether a use names a record. */
export const isRecordId = (tool: string): boolean => tool.startsWith("tl_");

const CUSTOM = "custom.";

/** A use as what it stands for: a script of the operator's by its name is a script with that file. */
export function plainUse(use: ToolUse): ToolUse {
  if (!use.tool.startsWith(CUSTOM)) return use;
  const file = use.tool.slice(CUSTOM.length);
  const name = use.name ?? file.replace(".", "_").slice(0, 64);
  return { ...use, tool: "script", name, config: { ...use.config, file } };
}
