// A chat for any page: one script tag shows it, and it speaks with an agent over posts of its own. What is
// said waits in the mailbox of its conversation, so that a page that was closed finds it when it is back.

import type { ChannelData } from "../../../actors/channels/inbound.ts";
import type { Part, SendResult } from "../../../actors/channels/outgoing.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { ChannelEnvironment } from "../adapter.ts";
import { type DefinedInstance, defineChannel } from "../define.ts";
import type { Mailbox } from "../mailbox.ts";
import { boxOf, entryKeys, renderWebChat } from "./entries.ts";
import { webChatLimits } from "./limits.ts";
import { type WebChat, webChatRoutes } from "./routes.ts";
import { webChatRules, webChatSettings } from "./settings.ts";
import { Typing } from "./typing.ts";
import { fetchVisitorFile } from "./visitor-files.ts";
import { widgetRoutes } from "./widget-file.ts";

const DAY_MS = 24 * 3_600_000;

/** The adapter. */
export const webChat = defineChannel({
  kind: "web_chat",
  settings: webChatSettings,
  secrets: ["secret", "user_token_secret"],
  capabilities: {
    textMax: webChatLimits.textChars,
    textUnit: "utf16",
    edit: true,
    buttons: true,
    typingMs: webChatLimits.typingMs,
    fileBytesMax: webChatLimits.fileBytes,
    // The widget sends what was not acknowledged again, under the same id.
    dedupeHours: 8 * 24,
    deliverWithinMs: 7 * DAY_MS,
    accountRate: { calls: 200, perMs: 1_000, burst: 400 },
    conversationRate: { calls: 5, perMs: 1_000, burst: 20 },
  },
  create: (settings, environment) => {
    const rules = webChatRules(settings);
    const mailbox = neededMailbox(environment);
    const typing = new Typing(environment.nowMs);
    return instanceOf({ rules, environment, mailbox, typing });
  },
});

function instanceOf(chat: WebChat): DefinedInstance {
  const { mailbox, typing } = chat;
  return {
    routes: [...widgetRoutes, ...webChatRoutes(chat)],
    // The widget shows what it understands of Markdown and refuses none.
    render: renderWebChat,
    send: (part, address, { key }) =>
      put(chat, address, { key, part, add: (...entry) => mailbox.append(...entry) }),
    edit: (receipt, part, address) =>
      put(chat, address, { key: receipt.id, part, add: (...entry) => mailbox.replace(...entry) }),
    fetchFile: (file, bytesMax) => fetchVisitorFile(mailbox, file, bytesMax),
    typing: async (address) => {
      typing.begin(boxOf(address));
      mailbox.wake(boxOf(address));
    },
    probe: async () => [
      {
        ok: true,
        text: `The chat may be shown by ${chat.rules.origins === null ? "any page" : [...chat.rules.origins].join(", ")}.`,
      },
    ],
  };
}

/** Puts a part where the widget fetches it: the key makes it one message, however often it is tried. */
async function put(
  { typing }: WebChat,
  address: ChannelData,
  { key, part, add }: { key: string; part: Part; add: Mailbox["append"] },
): Promise<SendResult> {
  const box = boxOf(address);
  // Before it is there: whoever it wakes is told both at once.
  typing.end(box);
  try {
    await add(box, `${entryKeys.agent}${key}`, part.body);
    return { ok: true, receipt: { id: key } };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return { ok: false, class: error.retryable ? "retry" : "format", reason: error.message };
  }
}

function neededMailbox({ mailbox, account }: ChannelEnvironment): Mailbox {
  if (mailbox !== undefined) return mailbox;
  throw new RuntimeError(
    "INVALID",
    `The web chat ${account} needs a server that keeps its messages: it cannot run in a gateway without one.`,
    { pointer: "" },
  );
}
