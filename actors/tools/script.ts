// The tool script: JavaScript that runs in a sandbox. It computes on its arguments, and calls those other tools of
// the same agent that it is granted by name: on their own terms, and with no permission that it does not have itself.

import { RuntimeError } from "../../runtime/errors.ts";
import { Type } from "../schema.ts";
import { performScript } from "./script-calls.ts";
import { type ScriptConfig, scriptLimits } from "./script-run.ts";
import type { ToolType } from "./tool-type.ts";

const toolName = Type.String({ pattern: "^[a-zA-Z0-9_-]{1,64}$" });

/** Type `script`. */
export const scriptTool: ToolType = {
  type: "script",
  config: Type.Object(
    {
      /** A module: `export default async function (args, host) { ... }`. */
      code: Type.Optional(Type.String({ minLength: 1, maxLength: scriptLimits.codeChars })),
      /** In its place: a script of the operator's folder, by its name. */
      file: Type.Optional(toolName),
      /** Of one run, without what it waits for tools. */
      timeout_ms: Type.Optional(Type.Integer({ minimum: 1, maximum: scriptLimits.timeoutMsMax })),
      memory_mb: Type.Optional(
        Type.Integer({ minimum: scriptLimits.memoryMbMin, maximum: scriptLimits.memoryMbMax }),
      ),
      /** Other tools of the agent, as its model knows them. */
      tools: Type.Optional(
        Type.Array(toolName, { maxItems: scriptLimits.tools, uniqueItems: true }),
      ),
    },
    { additionalProperties: false },
  ),
  needs: [],
  check: ({ code, file }) => {
    if ((code === undefined) === (file === undefined)) {
      const text = "A script has either its code or the name of a file in the server's folder.";
      throw new RuntimeError("INVALID", text, { pointer: code === undefined ? "" : "/file" });
    }
    if (file !== undefined || String(code).trim() !== "") return;
    throw new RuntimeError("INVALID", "The script is empty.", { pointer: "/code" });
  },
  describe: () => "Runs a script on the arguments and gives what it returns.",
  parameters: () => ({ type: "object" }),
  make: (config, place, terms) => ({
    within: async ({ arguments: given, key }) =>
      await performScript(place, { config: config as unknown as ScriptConfig, terms, given, key }),
  }),
};
