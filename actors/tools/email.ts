// The tool email: a mail of its own over a mailbox of the tenant, to those whom the configuration allows. Each person
// gets a mail of their own: nobody is shown who else was written to.

import { RuntimeError } from "../../runtime/errors.ts";
import { domainsFor } from "../constraints/of-context.ts";
import { limits } from "../limits.ts";
import { noUsage } from "../money/spent.ts";
import { Type } from "../schema.ts";
import { checkText, tooMany } from "./channel-message.ts";
import { textIn } from "./file-arguments.ts";
import { checkPaths, pathsField } from "./folders.ts";
import { attachedFiles, attachmentsSchema } from "./mail-files.ts";
import { checkRecipients, peopleOf } from "./mail-people.ts";
import { sendTo } from "./outbox.ts";
import { argumentsSchema, type ToolType } from "./tool-type.ts";

const PATTERNS_MAX = 200;

interface MailConfig {
  readonly channel: string;
  readonly recipients: readonly string[];
  readonly paths?: readonly string[];
}

/** Type `email`. */
export const emailTool: ToolType = {
  type: "email",
  config: Type.Object(
    {
      /** Of kind email. */
      channel: Type.String({ pattern: "^ch_[A-Za-z0-9]{1,61}$" }),
      /** Who may be written to: an address, "example.com" for all of a domain, "*.example.com" for those below one. */
      recipients: Type.Array(Type.String({ minLength: 3, maxLength: 320 }), {
        ...{ minItems: 1, maxItems: PATTERNS_MAX },
      }),
      /** Folders of the server whose files may go along: needs the permission "read". */
      paths: Type.Optional(pathsField),
    },
    { additionalProperties: false },
  ),
  needs: ["write", "network"],
  granted: ["write", "network", "read"],
  check: (config, { folders }) => {
    const { recipients, paths } = config as unknown as MailConfig;
    checkRecipients(recipients);
    if (paths !== undefined) checkPaths(paths, folders, "read");
  },
  confirms: () => true,
  describe: (config) => {
    const { recipients } = config as unknown as MailConfig;
    return `Sends a mail. It may go to: ${recipients.join(", ")}.`;
  },
  parameters: (config) => {
    const { paths = [] } = config as unknown as MailConfig;
    const address = { type: "string", minLength: 3, maxLength: 320 };
    return argumentsSchema(["to", "subject", "text"], {
      to: { type: "array", minItems: 1, maxItems: limits.sentMailPeople, items: address },
      subject: { type: "string", minLength: 1, maxLength: limits.sentSubjectChars },
      text: { type: "string", minLength: 1, maxLength: limits.sentMessageChars },
      attachments: attachmentsSchema(paths.length > 0),
    });
  },
  make: (config, { context }, { permissions }) => {
    const { channel, recipients, paths = [] } = config as unknown as MailConfig;
    const readable = permissions.has("read") ? paths : [];
    const domains = domainsFor(context);
    let sent = 0;
    return {
      refuses: ({ to }) => {
        try {
          peopleOf(to, recipients, domains);
          return null;
        } catch (error) {
          // Before a person is asked whether it may be sent.
          return error instanceof RuntimeError ? error.message : String(error);
        }
      },
      async within({ arguments: given, key }) {
        const people = peopleOf(given["to"], recipients, domains);
        const subject = lineOf(textIn(given, "subject"));
        const text = textIn(given, "text");
        checkText(text);
        // Calls come in the same order when the run is taken up again.
        sent += people.length;
        if (sent > limits.sentMessages) throw tooMany();
        const files = { attachments: given["attachments"], paths: readable };
        const made = await attachedFiles(context, key, files);
        const deliveries: string[] = [];
        for (const [at, to] of people.entries()) {
          const id = await sendTo(context, `${key}:${at}`, { channel, to, subject, text, made });
          if (id !== null) deliveries.push(id);
        }
        return { result: { queued: true, to: people, deliveries }, usage: noUsage };
      },
    };
  },
};

/** A subject is one line. @throws INVALID. */
function lineOf(subject: string): string {
  const isLine = !/[\p{Cc}\u2028\u2029]/u.test(subject) && subject.trim() !== "";
  if (isLine && subject.length <= limits.sentSubjectChars) return subject;
  const text = `A subject is one line of 1 to ${limits.sentSubjectChars} characters.`;
  throw new RuntimeError("INVALID", text, { pointer: "/subject" });
}
