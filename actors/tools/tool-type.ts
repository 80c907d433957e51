// What a built-in type of tool is: what it is configured with, what a model is told of it, which
// permissions it needs, and the work itself. One file a type; `tool-types.ts` lists them.

import type { RunContext } from "../../runtime/actor.ts";
import type { Ports } from "../ports.ts";
import type { Permission, ToolTypeName } from "../records/tool.ts";
import type { TSchema } from "../schema.ts";
import type { HandoffTool, RunTool, StepTool } from "./tool.ts";

/** A JSON object that the type's schema has let through. */
export type ToolConfig = Readonly<Record<string, unknown>>;

/** Where a tool is used. */
export interface ToolPlace {
  readonly context: RunContext<Ports>;
  /** What the record or the use grants. */
  readonly permissions: ReadonlySet<Permission>;
}

type Common = "refuses" | "sourcesOf";

/** The work of a tool, without what is the same for all. */
export type ToolWork =
  | Pick<StepTool, "repeat" | "perform" | "reconcile" | Common>
  | Pick<RunTool, "within" | Common>
  | Pick<HandoffTool, "target" | Common>;

/** A built-in type. */
export interface ToolType {
  readonly type: ToolTypeName;
  /** For the model, when the record has none. */
  readonly description: string;
  /** What `config` may hold. */
  readonly config: TSchema;
  /** Without these it can do nothing: a record must grant them. */
  readonly needs: readonly Permission[];
  /** JSON Schema of the arguments, when the record has none. */
  parameters(config: ToolConfig): Readonly<Record<string, unknown>>;
  make(config: ToolConfig, place: ToolPlace): ToolWork;
}

/** Schema of an object without other members. */
export function argumentsSchema(
  required: readonly string[],
  properties: object,
): Readonly<Record<string, unknown>> {
  return { type: "object", properties, required, additionalProperties: false };
}
