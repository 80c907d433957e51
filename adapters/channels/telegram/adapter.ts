// Telegram bots, by the Bot API: updates come by webhook, answers go out as HTML.

import { RuntimeError } from "../../../runtime/errors.ts";
import { parseJson } from "../../http/body.ts";
import type { Capabilities, ChannelEnvironment, ChannelRequest, Handled } from "../adapter.ts";
import { refusal } from "../answer.ts";
import { type DefinedInstance, defineChannel } from "../define.ts";
import { apiOf, callMethod } from "./api.ts";
import { understood } from "./events.ts";
import { telegramLimits } from "./limits.ts";
import { fetchMedia } from "./media.ts";
import { addressIn, botOf, firstTo } from "./place.ts";
import { probeAccount } from "./probe.ts";
import { partsOf } from "./render.ts";
import { editPart, sendPart } from "./send.ts";
import { type TelegramSettings, telegramSecrets, telegramSettings } from "./settings.ts";
import { isFromTelegram } from "./verify.ts";

const capabilities: Capabilities = {
  textMax: telegramLimits.text,
  textUnit: "utf16",
  edit: true,
  buttons: true,
  typingMs: telegramLimits.typingMs,
  fileBytesMax: telegramLimits.fileBytes,
  dedupeHours: telegramLimits.dedupeHours,
  deliverWithinMs: 6 * 3_600_000,
  accountRate: { calls: 30, perMs: 1_000, burst: 30 },
  // About one a second to a chat; groups take 20 in a minute and say so with 429.
  conversationRate: { calls: 1, perMs: 1_000, burst: 3 },
};

/** The adapter. */
export const telegram = defineChannel({
  kind: "telegram",
  settings: telegramSettings,
  secrets: telegramSecrets,
  capabilities,
  sessionScope: "thread",
  create: open,
});

function open(settings: TelegramSettings, environment: ChannelEnvironment): DefinedInstance {
  for (const name of telegramSecrets) {
    if ((settings[name] ?? "") !== "") continue;
    throw new RuntimeError("INVALID", `A Telegram account needs the secret ${name}.`, {
      pointer: `/secrets/${name}`,
    });
  }
  const api = apiOf(settings, environment);
  const handle = receiver(settings, environment);
  return {
    routes: [{ method: "POST", path: "", bodyMax: telegramLimits.updateBytes, handle }],
    render: (outgoing) => partsOf(outgoing, false),
    renderPlain: (outgoing) => partsOf(outgoing, true),
    send: (part, address, options) => sendPart(api, part, address, options),
    edit: (receipt, part, _address, options) => editPart(api, receipt, part, options),
    reach: firstTo,
    async typing(data, signal) {
      const address = addressIn(data);
      if (address === null) return;
      const { chat, topic } = address;
      const where = topic === null ? {} : { message_thread_id: topic };
      const sign = { chat_id: chat, ...where, action: "typing" };
      await callMethod(api, "sendChatAction", sign, { signal, attempt: 1 });
    },
    fetchFile: (file, bytesMax, signal) => fetchMedia(api, file, bytesMax, signal),
    probe: (signal) => probeAccount(api, signal),
  };
}

function receiver(settings: TelegramSettings, environment: ChannelEnvironment) {
  const secrets = settings.secret_token.split(",");
  const bot = botOf(settings.bot_token, settings.bot_username);
  return (request: ChannelRequest): Handled => {
    if (!isFromTelegram(request.headers["x-telegram-bot-api-secret-token"], secrets)) {
      return refusal(401, "The secret token is missing or wrong.");
    }
    let update: unknown;
    try {
      update = parseJson(request.body);
    } catch (error) {
      const why = error instanceof RuntimeError ? error.message : "The body is not valid JSON.";
      return refusal(400, why);
    }
    const found = understood(update, bot, environment.nowMs());
    return found ?? refusal(400, "The body is no update of Telegram.");
  };
}
