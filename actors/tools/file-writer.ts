// The tool file_writer: writes text files below the paths of its configuration, whole or not at all. What was
// there is looked at in a step of its own, so that a write which was cut is told by what is there afterwards:
// neither a text that was appended nor a file that was made is there twice.

import { RuntimeError } from "../../runtime/errors.ts";
import type { WriteMode } from "../files.ts";
import { limits } from "../limits.ts";
import { noUsage } from "../money/spent.ts";
import { Type } from "../schema.ts";
import { pathsOf, textIn, wordIn } from "./file-arguments.ts";
import { checkPaths, pathLimits, pathsField } from "./folders.ts";
import { argumentsSchema, type ToolConfig, type ToolType } from "./tool-type.ts";
import { takeWrite, type Written, writeQuota } from "./write-quota.ts";

const modes = ["create", "overwrite", "append"] as const satisfies readonly WriteMode[];

/** Type `file_writer`. */
export const fileWriterTool: ToolType = {
  type: "file_writer",
  config: Type.Object(
    {
      paths: pathsField,
      /** What the agent may write in a day (UTC). Default 1,000 files, 256 MiB. */
      files_per_day: Type.Optional(Type.Integer({ minimum: 1, maximum: writeQuota.tenantFiles })),
      bytes_per_day: Type.Optional(Type.Integer({ minimum: 1, maximum: writeQuota.tenantBytes })),
    },
    { additionalProperties: false },
  ),
  needs: ["write"],
  check: (config, { folders }) => checkPaths(pathsOf(config), folders, "write"),
  describe: (config) =>
    `Writes a text file, with the folders that it needs. It reaches: ${pathsOf(config).join(", ")}.`,
  parameters: () =>
    argumentsSchema(["path", "content"], {
      path: { type: "string", minLength: 1, maxLength: pathLimits.chars },
      content: { type: "string", maxLength: limits.writtenFileChars },
      mode: {
        ...{ type: "string", enum: modes },
        description: "create (the default) refuses a file that is there.",
      },
    }),
  make: (config, { context, owner }, { timeoutMs }) => ({
    async within({ arguments: given, key }) {
      const text = textIn(given, "content");
      if (text.length > limits.writtenFileChars) {
        const said = `The content has ${text.length} characters, the limit is ${limits.writtenFileChars}.`;
        throw new RuntimeError("INVALID", said, { pointer: "/content" });
      }
      const mode = wordIn(given, "mode", modes);
      const target = {
        ...{ tenant: context.tenant, paths: pathsOf(config) },
        path: textIn(given, "path"),
      };
      const { files } = context.ports;
      const options = { repeat: "safe", timeoutMs } as const;
      const before = await context.step(`${key}:before`, () => files.state(target), options);
      const most = mostOf(config);
      await takeWrite(context, `${key}:quota`, { owner, bytes: Buffer.byteLength(text), most });
      const operation = `${context.id}/${key}`;
      const result = await context.step(
        `${key}:write`,
        () => files.write({ ...target, mode, text, before, operation }),
        options,
      );
      return { result, usage: noUsage };
    },
  }),
};

function mostOf(config: ToolConfig): Written {
  const { files_per_day: files = writeQuota.agentFiles, bytes_per_day: bytes } = config as {
    readonly files_per_day?: number;
    readonly bytes_per_day?: number;
  };
  return { files, bytes: bytes ?? writeQuota.agentBytes };
}
