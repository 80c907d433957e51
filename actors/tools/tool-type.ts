// What a built-in type of tool is: what it is configured with, what a model is told of it, which
// permissions it needs, and the work itself. One file a type; `tool-types.ts` lists them.

import type { Repeat, RunContext } from "../../runtime/actor.ts";
import type { TokenRef } from "../credentials/use.ts";
import type { MemoryScope } from "../memory/memories.ts";
import type { RunMemory } from "../memory/recall.ts";
import type { Ports } from "../ports.ts";
import type { MemorySource } from "../records/memory.ts";
import type { SkillUse } from "../records/skill.ts";
import type { Permission, ToolTypeName } from "../records/tool.ts";
import type { TSchema } from "../schema.ts";
import type { SkillPins } from "../skills/pins.ts";
import type { Meter } from "../spend.ts";
import type { TurnReference } from "../turn-input.ts";
import type { FolderGrant } from "./folders.ts";
import type { HandoffTool, RunTool, StepTool, Tool } from "./tool.ts";

/** A JSON object that the type's schema has let through. */
export type ToolConfig = Readonly<Record<string, unknown>>;

/** Where tools are used. */
export interface ToolPlace {
  readonly context: RunContext<Ports>;
  /** Whose tools they are: `ag_` or `sa_`. Limits of built-in tools are counted under it. */
  readonly owner: string;
  /** The messages that the run answers, and who speaks. */
  readonly input: TurnReference;
  readonly meter: Meter;
  /** Collections of whoever uses them. */
  readonly collections: readonly string[];
  /** The channel that the conversation is in, where it takes files. */
  readonly files?: FilesOut | undefined;
  /** The session of a channel that the conversation is in; null: of none; absent: it was not looked up. */
  readonly session?: string | null | undefined;
  /** The memory of whoever speaks, where the answer has one. */
  readonly memory?: OwnMemory | undefined;
  /** Names of agents and sub-agents that tools lead to, by their ids. */
  readonly names: ReadonlyMap<string, string>;
  readonly others?: OtherTools;
  /** Of whoever uses them. */
  readonly skills?: { readonly uses: readonly SkillUse[]; readonly pins: SkillPins };
  /** Paths that a file_reader among the same tools may read. */
  readonly readable: readonly string[];
}

/** The memory of one person with an agent, and where what is written down comes from. */
export interface OwnMemory {
  readonly of: RunMemory & { readonly scope: MemoryScope };
  readonly source: MemorySource;
}

/** Another tool of the same list, with no more permissions than these; undefined where no script may call it. */
export type OtherTools = (name: string, permissions: ReadonlySet<Permission>) => Tool | undefined;

/** Where files go. */
export interface FilesOut {
  readonly session: string;
  /** Largest one. */
  readonly bytesMax: number;
}

/** What is said of one tool beside its configuration. */
export interface ToolTerms {
  readonly permissions: ReadonlySet<Permission>;
  readonly timeoutMs: number;
  readonly resultChars: number;
  /** What a call means that was under way when the process died; absent: as its type says. */
  readonly repeat?: Repeat;
}

type Common = "refuses" | "sourcesOf" | "isHidden" | "isMemory" | "runsSkills";

/** The work of a tool, without what is the same for all. */
export type ToolWork =
  | Pick<StepTool, "repeat" | "perform" | "reconcile" | Common>
  | Pick<RunTool, "within" | Common>
  | Pick<HandoffTool, "target" | Common>;

/** Whose configuration is checked. */
export interface CheckedFor {
  /** Folders that the operator granted the tenant. */
  readonly folders: readonly FolderGrant[];
  /** Names of the operator's tool servers that the tenant may name; absent: nobody knows here. */
  readonly servers?: readonly string[] | undefined;
}

/** A built-in type. */
export interface ToolType {
  readonly type: ToolTypeName;
  /** What `config` may hold. */
  readonly config: TSchema;
  /** Without these it can do nothing: a record must grant them. */
  readonly needs: readonly Permission[];
  /** What is granted when nothing is said. Default `needs`. */
  readonly granted?: readonly Permission[];
  /** What no schema can say of a configuration. @throws RuntimeError with a pointer within `config`. */
  check?(config: ToolConfig, where: CheckedFor): void;
  /** Whether calls are confirmed where nothing is said of it: what it says reaches people outside. Default false. */
  confirms?(config: ToolConfig): boolean;
  /** Whether a call that was cut can be asked about, so configured. Default false. */
  canReconcile?(config: ToolConfig): boolean;
  /** For the model, when the record has none. */
  describe(config: ToolConfig, names: ReadonlyMap<string, string>): string;
  /** JSON Schema of the arguments, when the record has none. */
  parameters(config: ToolConfig): Readonly<Record<string, unknown>>;
  /** Of a type whose record is several tools: what is told of each; without it a record is one tool. */
  list?(config: ToolConfig, place: ManyPlace): Promise<readonly OneOfMany[]>;
  make(config: ToolConfig, place: ToolPlace, terms: ToolTerms): ToolWork;
}

/** Where the tools of one record are looked up. */
export interface ManyPlace extends Pick<ToolPlace, "context"> {
  /** Of its steps, unique within the run. */
  readonly key: string;
  /** The record, and which of its versions. */
  readonly id: string;
  readonly version: number;
  /** What it is called, by itself or by whoever uses it. */
  readonly name: string;
  readonly auth?: TokenRef | undefined;
}

/** One tool of several. */
export interface OneOfMany {
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** What `make` is given for it. */
  readonly config: ToolConfig;
}

/** Schema of an object without other members. */
export function argumentsSchema(
  required: readonly string[],
  properties: object,
): Readonly<Record<string, unknown>> {
  return { type: "object", properties, required, additionalProperties: false };
}
