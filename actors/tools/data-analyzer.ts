// The tool data_analyzer: what is in a table of data, in numbers: columns, types, counts, quantiles, groups. It
// reads files below its paths; without paths of its own those that the file_reader beside it may read, and data
// that the model gives.

import { RuntimeError } from "../../runtime/errors.ts";
import type { DataFormat } from "../files.ts";
import { limits } from "../limits.ts";
import { Type } from "../schema.ts";
import { optionalText, optionalTexts, textIn, wordIn } from "./file-arguments.ts";
import { checkPaths, pathLimits, pathsField } from "./folders.ts";
import { argumentsSchema, type ToolType } from "./tool-type.ts";

const formats = ["csv", "json", "jsonl", "parquet"] as const satisfies readonly DataFormat[];
const NO_FILES =
  "This tool reaches no files: give the data itself, or have its configuration name paths.";

/** Type `data_analyzer`. */
export const dataAnalyzerTool: ToolType = {
  type: "data_analyzer",
  config: Type.Object({ paths: Type.Optional(pathsField) }, { additionalProperties: false }),
  needs: ["read"],
  granted: ["read", "execute"],
  check: (config, { folders }) => checkPaths(pathsOf(config) ?? [], folders, "read"),
  describe: (config) => {
    const paths = pathsOf(config)?.join(", ") ?? "the files that file_reader reaches";
    return `Statistics of a CSV, JSON, JSON lines or Parquet file: columns with their types, counts, nulls, least, greatest, mean, quantiles and most frequent values, and groups by one column. It reaches: ${paths}.`;
  },
  parameters: () =>
    argumentsSchema([], {
      path: { type: "string", maxLength: pathLimits.chars, description: "Of the file." },
      data: {
        ...{ type: "string", maxLength: limits.writtenFileChars },
        description: "The data itself, in place of a file; then format says what it is.",
      },
      format: { type: "string", enum: formats, description: "Default: as the file is named." },
      columns: {
        ...{ type: "array", items: { type: "string" }, maxItems: 100 },
        description: "Default all.",
      },
      group_by: { type: "string", description: "A column: each of its values is a group." },
    }),
  make: (config, { context, readable }) => ({
    repeat: "safe",
    perform: async ({ arguments: given, signal }) => {
      const text = optionalText(given, "data");
      const paths = pathsOf(config) ?? readable;
      if (text === undefined && paths.length === 0) throw new RuntimeError("INVALID", NO_FILES);
      const format = given["format"] == null ? undefined : wordIn(given, "format", formats);
      const columns = optionalTexts(given, "columns");
      const groupBy = optionalText(given, "group_by");
      const query = {
        ...{ tenant: context.tenant, paths },
        path: text === undefined ? textIn(given, "path") : "",
        ...(text !== undefined && { text }),
        ...(format !== undefined && { format }),
        ...(columns !== undefined && { columns }),
        ...(groupBy !== undefined && { groupBy }),
      };
      return await context.ports.files.analyze(query, signal);
    },
  }),
};

const pathsOf = (config: object): readonly string[] | undefined =>
  (config as { readonly paths?: readonly string[] }).paths;
