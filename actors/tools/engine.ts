// The commands of an engine: one record is several tools, those that the operator has declared. They are run where
// the engine works, or on another target that the tenant may use; a target that is lost is waited for.

import { onTarget } from "../engines/await-target.ts";
import type { OfferedCommand } from "../engines/port.ts";
import { enginesOf } from "../engines/ports.ts";
import { noUsage } from "../money/spent.ts";
import { Type } from "../schema.ts";
import { resultOfCommand } from "./engine-result.ts";
import { argumentsSchema, type ToolConfig, type ToolType } from "./tool-type.ts";

/** Beside what a command takes: waiting for its turn, connecting, and reading what it wrote, ms. */
const AROUND_MS = 60_000;

interface EngineConfig {
  readonly engine: string;
  readonly target?: string;
  readonly commands?: readonly string[];
  readonly prefix?: boolean;
}

/** What `make` is given of the one tool that it makes. */
interface MadeConfig extends EngineConfig {
  readonly of: OfferedCommand;
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
    const { engine, prefix, commands } = config as unknown as EngineConfig;
    const { tenant, ports } = context;
    const offered = await context.step(
      `engine:${key}`,
      async () => await enginesOf(ports).offered({ tenant, engine }),
      { repeat: "safe" },
    );
    const granted = offered.commands.filter((one) => commands?.includes(one.name) !== false);
    return granted.map((of) => ({
      name: prefix === false ? of.name : `${name}_${of.name}`.slice(0, 64),
      ...{ description: of.description, parameters: of.parameters },
      config: { ...config, of },
    }));
  },
  make: (config: ToolConfig, { context }, terms) => {
    const { engine, target = null, of } = config as unknown as MadeConfig;
    const { tenant, ports } = context;
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
