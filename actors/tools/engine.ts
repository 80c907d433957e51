// What an engine does as tools: of one with commands each of those that the operator has declared, of the others one to
// which a task is given. It is done where the engine works, or on another target that the tenant may use; a target that
// is lost is waited for.

import { onTarget } from "../engines/await-target.ts";
import type { OfferedCommand } from "../engines/port.ts";
import { enginesOf } from "../engines/ports.ts";
import type { WorkTerms } from "../engines/works.ts";
import { noUsage } from "../money/spent.ts";
import { Type } from "../schema.ts";
import { resultOfCommand } from "./engine-result.ts";
import {
  argumentsSchema,
  type ToolConfig,
  type ToolPlace,
  type ToolTerms,
  type ToolType,
  type ToolWork,
} from "./tool-type.ts";

/** Beside what a command takes: waiting for its turn, connecting, and reading what it wrote, ms. */
const AROUND_MS = 60_000;

interface EngineConfig {
  readonly engine: string;
  readonly target?: string;
  readonly commands?: readonly string[];
  readonly prefix?: boolean;
}

/** What `make` is given of the one tool that it makes: a command, or what holds for tasks. */
interface MadeConfig extends EngineConfig {
  readonly of?: OfferedCommand;
  readonly task?: WorkTerms;
}

/** Loaded with the first call. */
function taskWork(config: ToolConfig, place: ToolPlace, terms: ToolTerms): ToolWork {
  return {
    within: async (use) =>
      await (await import("./engine-task.ts")).performTask(config, place, terms, use),
  };
}

/** Type `engine`. */
export const engineTool: ToolType = {
  type: "engine",
  config: Type.Object(
    {
      engine: Type.String({ pattern: "^en_[A-Za-z0-9]{1,61}$" }),
      /** Where it works. Default: where its operator says. */
      target: Type.Optional(Type.String({ pattern: "^tg_[A-Za-z0-9]{1,61}$" })),
      /** Those of its commands that may be called. Default: all. */
      commands: Type.Optional(
        Type.Array(Type.String({ pattern: "^[a-z][a-z0-9_]{0,47}$" }), {
          ...{ minItems: 1, maxItems: 50, uniqueItems: true },
        }),
      ),
      /** Whether models know its commands by the record's name and theirs (`ops_restart`), or by theirs alone. Default true. */
      prefix: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
  needs: ["execute"],
  describe: () => "",
  parameters: () => argumentsSchema([], {}),
  list: async (config, { context, key, name }) => {
    const { engine, target, prefix, commands } = config as unknown as EngineConfig;
    const { tenant, ports } = context;
    const offered = await context.step(
      `engine:${key}`,
      async () => await enginesOf(ports).offered({ tenant, engine }),
      { repeat: "safe" },
    );
    if (offered.type !== "direct_ops") {
      const { taskTool } = await import("./engine-task.ts");
      return [await taskTool(config, offered, { context, key, name, engine, target })];
    }
    const granted = offered.commands.filter((one) => commands?.includes(one.name) !== false);
    return granted.map((of) => ({
      name: prefix === false ? of.name : `${name}_${of.name}`.slice(0, 64),
      ...{ description: of.description, parameters: of.parameters },
      config: { ...config, of },
    }));
  },
  make: (config: ToolConfig, place, terms) => {
    const { engine, target = null, of, task } = config as unknown as MadeConfig;
    const { context } = place;
    const { tenant, ports } = context;
    if (task !== undefined || of === undefined) return taskWork(config, place, terms);
    return {
      within: async ({ arguments: given, key }) => {
        const call = { tenant, engine, target, command: of.name, arguments: given };
        const work = {
          ...{ key, repeat: terms.repeat === "safe" ? "safe" : of.repeat },
          ...{ timeoutMs: of.timeoutMs + AROUND_MS, input: call },
        } as const;
        const end = await onTarget(context, work, ({ signal }) =>
          enginesOf(ports).operate(call, signal),
        );
        return { result: resultOfCommand(end), usage: noUsage };
      },
    };
  },
};
