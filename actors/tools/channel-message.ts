// The tool channel_message: a message of its own over a channel, to the person who speaks, or to those whom the
// configuration names; the model knows them by their names there and never by another address.

import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import { noUsage } from "../money/spent.ts";
import { Type } from "../schema.ts";
import { optionalText, textIn } from "./file-arguments.ts";
import { sayHere, sendTo } from "./outbox.ts";
import { argumentsSchema, type ToolConfig, type ToolType } from "./tool-type.ts";

/** Name of the person who speaks. */
const USER = "user";
const RECIPIENTS_MAX = 50;
const NAME = /^[\p{L}\p{N}][\p{L}\p{N} _.-]{0,63}$/u;
const NOT_HERE = "This conversation is in no channel: its user cannot be written to.";

interface MessageConfig {
  readonly channel?: string;
  readonly recipients?: Readonly<Record<string, string>>;
  readonly user?: boolean;
}

/** Type `channel_message`. */
export const channelMessageTool: ToolType = {
  type: "channel_message",
  config: Type.Object(
    {
      /** That recipients are written to over. */
      channel: Type.Optional(Type.String({ pattern: "^ch_[A-Za-z0-9]{1,61}$" })),
      /** By the names that the model knows: the platform's id of a person or a room, or a session (`cs_...`). */
      recipients: Type.Optional(
        Type.Record(Type.String(), Type.String({ minLength: 1, maxLength: 200 }), {
          maxProperties: RECIPIENTS_MAX,
        }),
      ),
      /** Whether the person who speaks is written to. Default true. */
      user: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
  needs: ["write"],
  check: (config) => checkConfig(config),
  confirms: ({ recipients }) => recipients !== undefined,
  describe: (config) =>
    `Sends a message of its own over a channel, beside the answer, to: ${namesOf(config).join(", ")}.`,
  parameters: (config) => {
    const names = namesOf(config);
    return argumentsSchema(names.includes(USER) ? ["text"] : ["to", "text"], {
      to: {
        ...{ type: "string", enum: names },
        ...(names.includes(USER) && { description: "Default: the user of this conversation." }),
      },
      text: { type: "string", minLength: 1, maxLength: limits.sentMessageChars },
    });
  },
  make: (config, { context, session = null }) => {
    const { channel = "", recipients = {} } = config as MessageConfig;
    const names = namesOf(config);
    let sent = 0;
    const isHidden = session === null && names.every((name) => name === USER);
    return {
      ...(isHidden && { isHidden: true as const }),
      refuses: (given) => ((given["to"] ?? USER) === USER && session === null ? NOT_HERE : null),
      async within({ arguments: given, key }) {
        const name = optionalText(given, "to") ?? USER;
        const text = textIn(given, "text");
        checkText(text);
        if (!names.includes(name)) {
          const said = `Nobody is called "${name.slice(0, 64)}": there are ${names.join(", ")}.`;
          throw new RuntimeError("INVALID", said, { pointer: "/to" });
        }
        // Calls come in the same order when the run is taken up again.
        sent += 1;
        if (sent > limits.sentMessages) throw tooMany();
        if (name === USER) {
          if (session === null) throw new RuntimeError("CONFLICT", NOT_HERE);
          await sayHere(context, key, { session, text });
        } else {
          await sendTo(context, key, { channel, to: String(recipients[name]), text });
        }
        return { result: { queued: true, to: name }, usage: noUsage };
      },
    };
  },
};

/** @throws INVALID for a text that is none, or too long. */
export function checkText(text: string): void {
  const most = limits.sentMessageChars;
  if (text.trim() !== "" && text.length <= most) return;
  const said = `A message has 1 to ${most} characters; this one has ${text.length}.`;
  throw new RuntimeError("INVALID", said, { pointer: "/text" });
}

/** Of an answer. */
export function tooMany(): RuntimeError {
  const text = `At most ${limits.sentMessages} messages are sent in an answer.`;
  return new RuntimeError("INVALID", text, { pointer: "" });
}

function namesOf(config: ToolConfig): readonly string[] {
  const { recipients = {}, user = true } = config as MessageConfig;
  return [...(user ? [USER] : []), ...Object.keys(recipients)];
}

function checkConfig(config: ToolConfig): void {
  const { channel, recipients } = config as MessageConfig;
  for (const name of Object.keys(recipients ?? {})) {
    const pointer = `/recipients/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (name === USER) throw invalid(`"${USER}" is the person who speaks.`, pointer);
    if (!NAME.test(name)) {
      throw invalid("A name has up to 64 letters, digits, spaces and _ . - of them.", pointer);
    }
  }
  if (namesOf(config).length === 0) throw invalid("There is nobody to write to.", "/recipients");
  if (recipients !== undefined && channel === undefined) {
    throw invalid("channel says over which channel recipients are written to.", "/channel");
  }
  if (recipients === undefined && channel !== undefined) {
    throw invalid(
      "The person who speaks is written to where they speak: a channel belongs to recipients.",
      "/channel",
    );
  }
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
