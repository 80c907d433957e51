// The tool script: JavaScript, or a file of the operator's in Python, that runs in a sandbox. It computes on its arguments, and calls those other tools of
// the same agent that it is granted by name: on their own terms, and with no permission that it does not have itself.

import { RuntimeError } from "../../runtime/errors.ts";
import { Type } from "../schema.ts";
import { performScript } from "./script-calls.ts";
import { type ScriptConfig, scriptLimits } from "./script-run.ts";
import type { ToolType } from "./tool-type.ts";

const toolName = Type.String({ pattern: "^[a-zA-Z0-9_-]{1,64}$" });
/** `report`, or a function of a module of Python: `report.totals`. */
const fileName = Type.String({ pattern: "^[a-zA-Z0-9_-]{1,64}([.][a-zA-Z0-9_]{1,64})?$" });

/** Type `script`. */
export const scriptTool: ToolType = {
  type: "script",
  config: Type.Object(
    {
      /** A module: `export default async function (args, host) { ... }`. */
      code: Type.Optional(Type.String({ minLength: 1, maxLength: scriptLimits.codeChars })),
      /** In its place: a script of the operator's folder, by its name. Of JavaScript bounds are as for code. */
      file: Type.Optional(fileName),
      /** Of one run, without what it waits for tools. */
      timeout_ms: Type.Optional(
        Type.Integer({ minimum: 1, maximum: scriptLimits.processTimeoutMsMax }),
      ),
      memory_mb: Type.Optional(
        Type.Integer({
          minimum: scriptLimits.memoryMbMin,
          maximum: scriptLimits.processMemoryMbMax,
        }),
      ),
      /** Other tools of the agent, as its model knows them. */
      tools: Type.Optional(
        Type.Array(toolName, { maxItems: scriptLimits.tools, uniqueItems: true }),
      ),
    },
    { additionalProperties: false },
  ),
  needs: [],
  check: ({ code, file, timeout_ms = 0, memory_mb = 0 }) => {
    if ((code === undefined) === (file === undefined)) {
      const text = "A script has either its code or the name of a file in the server's folder.";
      throw new RuntimeError("INVALID", text, { pointer: code === undefined ? "" : "/file" });
    }
    if (file !== undefined) return;
    if (String(code).trim() === "") {
      throw new RuntimeError("INVALID", "The script is empty.", { pointer: "/code" });
    }
    const { timeoutMsMax, memoryMbMax } = scriptLimits;
    if (Number(timeout_ms) > timeoutMsMax) throw tooMuch("timeout_ms", timeoutMsMax);
    if (Number(memory_mb) > memoryMbMax) throw tooMuch("memory_mb", memoryMbMax);
  },
  describe: () => "Runs a script on the arguments and gives what it returns.",
  parameters: () => ({ type: "object" }),
  make: (config, place, terms) => ({
    within: async ({ arguments: given, key }) =>
      await performScript(place, { config: config as unknown as ScriptConfig, terms, given, key }),
  }),
};

function tooMuch(name: string, most: number): RuntimeError {
  const text = `${name} of a script in JavaScript is at most ${most}.`;
  return new RuntimeError("INVALID", text, { pointer: `/${name}` });
}
