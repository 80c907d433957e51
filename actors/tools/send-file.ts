// The tool send_file: a text that the model writes goes to whoever speaks in the channel, as a file of its own
// behind what is on its way already. Only conversations of channels that take files have it.

import { RuntimeError } from "../../runtime/errors.ts";
import type { MadeFile } from "../channels/outgoing.ts";
import { sessionAddress } from "../channels/session-key.ts";
import { limits } from "../limits.ts";
import { noUsage } from "../money/spent.ts";
import { Type } from "../schema.ts";
import type { Arguments } from "./tool.ts";
import { argumentsSchema, type ToolType } from "./tool-type.ts";

const NOT_HERE = "This conversation is in no channel that takes files.";

/** Type `send_file`. */
export const sendFileTool: ToolType = {
  type: "send_file",
  config: Type.Object({}, { additionalProperties: false }),
  needs: ["write"],
  describe: () =>
    "Sends the user a file, such as a table as CSV or a page of Markdown. It arrives as a message of its own.",
  parameters: () =>
    argumentsSchema(["name", "content"], {
      name: { type: "string", minLength: 1, maxLength: 200, description: "With its ending." },
      media_type: { type: "string", maxLength: 161, description: "Default text/plain." },
      content: { type: "string", minLength: 1, maxLength: limits.sentFileBytes },
      text: {
        type: "string",
        maxLength: limits.sentFileTextChars,
        description: "Said beside it.",
      },
    }),
  make: (_config, { context, files }) => {
    let sent = 0;
    return {
      ...(files === undefined && { refuses: () => NOT_HERE, isHidden: true as const }),
      async within({ arguments: given, key }) {
        if (files === undefined) throw new RuntimeError("CONFLICT", NOT_HERE);
        const { name, content, mediaType, text } = sentOf(given);
        const bytes = Buffer.byteLength(content);
        const most = Math.min(files.bytesMax, limits.sentFileBytes);
        if (bytes > most) throw invalid(`The file has ${bytes} bytes, the limit is ${most}.`);
        // Calls come in the same order when the run is taken up again.
        sent += 1;
        if (sent > limits.sentFiles) {
          throw invalid(`At most ${limits.sentFiles} files are sent in an answer.`);
        }
        const to = sessionAddress(context.tenant, files.session);
        await context.send(`${key}:send`, to, {
          type: "say",
          outgoing: { text },
          made: [{ name, mediaType, content }],
        });
        return { result: { sent: name, bytes }, usage: noUsage };
      },
    };
  },
};

const MEDIA_TYPE = /^[a-z0-9.+-]{1,60}\/[a-zA-Z0-9.+-]{1,100}$/;

/** Checked here too: a record may have parameters of its own. */
function sentOf(given: Arguments): MadeFile & { readonly text: string } {
  const { name, content, media_type: mediaType = "text/plain", text = "" } = given;
  if (typeof name !== "string" || typeof content !== "string" || typeof text !== "string") {
    throw invalid(
      "A file has a name and a content, which are texts, and may have a text beside it.",
    );
  }
  if (typeof mediaType !== "string" || !MEDIA_TYPE.test(mediaType)) {
    throw invalid("A media_type is such as text/csv.", "/media_type");
  }
  // A name and no path.
  const plain = name.replace(/[\p{Cc}/\\"]/gu, "_").slice(0, 200);
  return {
    name: plain || "file",
    content,
    mediaType,
    text: text.slice(0, limits.sentFileTextChars),
  };
}

function invalid(message: string, pointer = "/content"): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
