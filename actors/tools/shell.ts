// The tool shell: a text of commands on a target whose operator lets it run them. A person agrees to each, unless the
// record says otherwise.

import { onTarget } from "../engines/await-target.ts";
import { enginesOf } from "../engines/ports.ts";
import { noUsage } from "../money/spent.ts";
import { Type } from "../schema.ts";
import { resultOfCommand } from "./engine-result.ts";
import { argumentsSchema, type ToolType } from "./tool-type.ts";

/** Characters of the text. */
const TEXT_CHARS = 32_000;
/** Beside what it takes: waiting for its turn, connecting, and reading what it wrote, ms. */
const AROUND_MS = 60_000;

/** Type `shell`. */
export const shellTool: ToolType = {
  type: "shell",
  config: Type.Object(
    { target: Type.String({ pattern: "^tg_[A-Za-z0-9]{1,61}$" }) },
    { additionalProperties: false },
  ),
  needs: ["execute"],
  confirms: () => true,
  describe: () => "Runs commands of a POSIX shell on another machine and gives what they write.",
  parameters: () =>
    argumentsSchema(["command"], {
      command: {
        ...{ type: "string", minLength: 1, maxLength: TEXT_CHARS },
        description: "As /bin/sh reads it; each call is a new shell in the working folder.",
      },
    }),
  make: (config, { context }, terms) => {
    const { target } = config as { readonly target: string };
    const { tenant, ports } = context;
    return {
      within: async ({ arguments: given, key }) => {
        const call = { tenant, target, text: String(given["command"]), timeoutMs: terms.timeoutMs };
        const repeat = terms.repeat === "safe" ? "safe" : "never";
        const work = { key, repeat, timeoutMs: terms.timeoutMs + AROUND_MS, input: call } as const;
        const end = await onTarget(context, work, ({ signal }) =>
          enginesOf(ports).shell(call, signal),
        );
        return { result: resultOfCommand(end), usage: noUsage };
      },
    };
  },
};
