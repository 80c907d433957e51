// The tool file_reader: pieces of text files and of the text of documents, and what is in folders, below the paths of its configuration.

import { Type } from "../schema.ts";
import { countIn, pathsOf, textIn } from "./file-arguments.ts";
import { checkPaths, pathLimits, pathsField } from "./folders.ts";
import { argumentsSchema, type ToolType } from "./tool-type.ts";

/** What of a result a piece may take: quotes and line breaks take two characters in JSON. */
const PIECE_SHARE = 0.7;
const PIECE_BYTES_MAX = 128 * 1_024;

/** Type `file_reader`. */
export const fileReaderTool: ToolType = {
  type: "file_reader",
  config: Type.Object({ paths: pathsField }, { additionalProperties: false }),
  needs: ["read"],
  check: (config, { folders }) => checkPaths(pathsOf(config), folders, "read"),
  describe: (config) =>
    `Reads a text file or the text of a document (PDF, Word, HTML), or lists what is in a folder. It reaches: ${pathsOf(config).join(", ")}. A long file is read in pieces, each from next_offset of the one before.`,
  parameters: () =>
    argumentsSchema([], {
      path: {
        ...{ type: "string", maxLength: pathLimits.chars },
        description: "Of a file or a folder. Default: what this tool reaches.",
      },
      offset: { type: "integer", minimum: 0, description: "Where to begin. Default 0." },
    }),
  make: (config, { context }, { resultChars }) => ({
    repeat: "safe",
    perform: async ({ arguments: given }) =>
      await context.ports.files.look({
        tenant: context.tenant,
        paths: pathsOf(config),
        path: textIn(given, "path", ""),
        offset: countIn(given, "offset", 0),
        bytesMax: Math.min(PIECE_BYTES_MAX, Math.ceil(resultChars * PIECE_SHARE)),
      }),
  }),
};
