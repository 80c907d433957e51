// The tool file_search: files below the paths of its configuration by their names, by text in them, or by both.

import { Type } from "../schema.ts";
import { optionalText, pathsOf, textIn } from "./file-arguments.ts";
import { checkPaths, pathLimits, pathsField } from "./folders.ts";
import { argumentsSchema, type ToolType } from "./tool-type.ts";

/** Type `file_search`. */
export const fileSearchTool: ToolType = {
  type: "file_search",
  config: Type.Object({ paths: pathsField }, { additionalProperties: false }),
  needs: ["read"],
  check: (config, { folders }) => checkPaths(pathsOf(config), folders, "read"),
  describe: (config) =>
    `Finds files by their names, by text in them, or by both. It reaches: ${pathsOf(config).join(", ")}.`,
  parameters: () =>
    argumentsSchema([], {
      glob: {
        ...{ type: "string", minLength: 1, maxLength: 200 },
        description: "Such as *.csv (in any folder) or reports/**/2026-*.md.",
      },
      text: { type: "string", minLength: 1, maxLength: 500, description: "That a line has." },
      pattern: {
        ...{ type: "string", minLength: 1, maxLength: 500 },
        description: "Regular expression (RE2) that a line fits, in place of text.",
      },
      case_sensitive: { type: "boolean", description: "Default false." },
      path: {
        ...{ type: "string", maxLength: pathLimits.chars },
        description: "Folder to search. Default: all that this tool reaches.",
      },
    }),
  make: (config, { context }) => ({
    repeat: "safe",
    perform: async ({ arguments: given, signal }) => {
      const [glob, text] = [optionalText(given, "glob"), optionalText(given, "text")];
      const pattern = optionalText(given, "pattern");
      const query = {
        ...{ tenant: context.tenant, paths: pathsOf(config) },
        path: textIn(given, "path", ""),
        ...(glob !== undefined && { glob }),
        ...(text !== undefined && { text }),
        ...(pattern !== undefined && { pattern }),
        isCaseSensitive: given["case_sensitive"] === true,
      };
      return await context.ports.files.search(query, signal);
    },
  }),
};
