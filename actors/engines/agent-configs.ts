// What `config` of engines holds that do a task as a whole: agents on a command line, agents elsewhere, and plugins.

import { RuntimeError } from "../../runtime/errors.ts";
import { type Static, Type } from "../schema.ts";
import { taskLimits } from "./works.ts";

/** Limits of these engines. */
export const agentLimits = {
  commandChars: 1_000,
  arguments: 100,
  argumentChars: 8_000,
  turns: 1_000,
  tools: 100,
  nameChars: 200,
  instructionChars: 32_000,
  /** Pieces of work at once: default and most; and how many more may wait for one to end. */
  atOnce: 4,
  atOnceMax: 64,
  waiting: 100,
  /** Processes of a plugin that wait for work stay so long, ms. */
  idleMs: 60_000,
  memoryMb: 512,
  memoryMbMin: 32,
  memoryMbMax: 16_384,
} as const;

const closed = { additionalProperties: false } as const;
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });
const names = Type.Optional(
  Type.Array(Type.String({ pattern: "^[^,\\u0000\\r\\n-][^,\\u0000\\r\\n]{0,199}$" }), {
    maxItems: agentLimits.tools,
  }),
);
const argument = Type.String({ pattern: "^[^\\u0000]*$", maxLength: agentLimits.argumentChars });

/** What all of them have. */
const common = {
  /** Of one piece of work. Default 10 minutes. */
  timeout_ms: Type.Optional(Type.Integer({ minimum: 100, maximum: taskLimits.timeoutMsMax })),
  /** At once; the others wait. Default 4; of an agent in one folder for all, 1. */
  at_once: Type.Optional(Type.Integer({ minimum: 1, maximum: agentLimits.atOnceMax })),
  /** Whether work that may have been done is done again. Default never. */
  repeat: Type.Optional(Type.Union([Type.Literal("safe"), Type.Literal("never")])),
} as const;

const paid = {
  /** Of one piece of work, in units of the account: work that has cost so much is ended. */
  max_cost: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 })),
  /** Units of the account that a US dollar is, where the engine says what it costs in those. Default 1. */
  units_per_usd: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 })),
} as const;

/** `config` of an engine of type `code_agent`. */
export const codeAgentConfig = Type.Object(
  {
    /** What it speaks: Claude Code's stream of JSON, or that of `codex exec`. Default `claude`. */
    dialect: Type.Optional(Type.Union([Type.Literal("claude"), Type.Literal("codex")])),
    /** The program, and what stands before the arguments that the dialect adds. Default its own name. */
    command: Type.Optional(
      Type.String({ pattern: "^[^-\\u0000][^\\u0000]*$", maxLength: agentLimits.commandChars }),
    ),
    args: Type.Optional(Type.Array(argument, { maxItems: agentLimits.arguments })),
    model: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9][^\\s]{0,199}$" })),
    max_turns: Type.Optional(Type.Integer({ minimum: 1, maximum: agentLimits.turns })),
    /** Claude's permission mode, or codex's sandbox. */
    permission_mode: Type.Optional(Type.String({ pattern: "^[A-Za-z][A-Za-z-]{0,39}$" })),
    allowed_tools: names,
    disallowed_tools: names,
    /** What it is told beside each task. */
    instruction: Type.Optional(text(agentLimits.instructionChars)),
    /**
     * Where it works: `fixed` in the target's folder; `conversation` and `run` in a folder below it of each of these.
     * A session goes on in its own folder: with `run` there is none. Default `fixed`.
     */
    workspace: Type.Optional(
      Type.Union([Type.Literal("fixed"), Type.Literal("conversation"), Type.Literal("run")]),
    ),
    ...common,
    ...paid,
  },
  closed,
);

/** `config` of an engine of type `managed_agent`. Where it is, and its key, its target says. */
export const managedAgentConfig = Type.Object(
  {
    /** Default what the target says, else `openai`. */
    protocol: Type.Optional(
      Type.Union([Type.Literal("openai"), Type.Literal("a2a"), Type.Literal("troupe")]),
    ),
    /** The other side's name of what answers: a model, or `ag_`, `tm_` or `wf_`. Default what the target says. */
    model: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9][^\\s]{0,199}$" })),
    instruction: Type.Optional(text(agentLimits.instructionChars)),
    /** Tokens of an answer, where the protocol has that. */
    max_tokens: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    ...common,
    max_cost: paid.max_cost,
  },
  closed,
);

/** `config` of an engine of type `plugin`. */
export const pluginConfig = Type.Object(
  {
    /** The program and its arguments. */
    command: Type.Array(argument, { minItems: 1, maxItems: agentLimits.arguments }),
    /** Given to it with its first words. */
    settings: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { maxProperties: 100 })),
    /** Of one process, where the machine has `prlimit`. Default 512. */
    memory_mb: Type.Optional(
      Type.Integer({ minimum: agentLimits.memoryMbMin, maximum: agentLimits.memoryMbMax }),
    ),
    ...common,
    ...paid,
  },
  closed,
);

/** Of type `code_agent`. */
export type CodeAgentConfig = Static<typeof codeAgentConfig>;
/** Of type `managed_agent`. */
export type ManagedEngineConfig = Static<typeof managedAgentConfig>;
/** Of type `plugin`. */
export type PluginConfig = Static<typeof pluginConfig>;

/** What no schema can say of a plugin. @throws INVALID with the pointer within `config`. */
export function checkPlugin({ command: [program = ""], settings }: PluginConfig): void {
  if (program === "" || program.startsWith("-")) {
    throw new RuntimeError("INVALID", "The program is the first of command.", {
      pointer: "/command/0",
    });
  }
  if (JSON.stringify(settings ?? {}).length > agentLimits.instructionChars) {
    const message = `settings are longer than ${agentLimits.instructionChars} characters.`;
    throw new RuntimeError("INVALID", message, { pointer: "/settings" });
  }
}
