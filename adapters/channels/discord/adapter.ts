// Discord: slash commands, buttons and their answers by the interactions endpoint, plain messages by the Gateway.

import type { Receipt } from "../../../actors/channels/outgoing.ts";
import type { ChannelEnvironment } from "../adapter.ts";
import { type DefinedInstance, defineChannel } from "../define.ts";
import { SealedTexts } from "../sealed-text.ts";
import { createApi } from "./api.ts";
import { Authors } from "./events.ts";
import { findMessage } from "./find-message.ts";
import { runGateway } from "./gateway.ts";
import { fetchFile } from "./incoming-files.ts";
import { withOpenToken } from "./interaction-tokens.ts";
import { shownToOne } from "./interactions.ts";
import { discordLimits } from "./limits.ts";
import { firstTo } from "./place.ts";
import { probe } from "./probe.ts";
import { renderDiscord, renderDiscordPlain } from "./render.ts";
import { discordRoutes, jsonResponse } from "./requests.ts";
import { DiscordSelf } from "./self.ts";
import { editPart, sendPart } from "./send.ts";
import {
  apiUrlOf,
  checkSettings,
  type DiscordSettings,
  discordSecrets,
  discordSettings,
  publicKeysOf,
} from "./settings.ts";
import { createTyping } from "./typing.ts";
import { keyOf } from "./verify.ts";

const NACK = "That could not be taken in just now. Please try again in a minute.";
/** Answers to what was asked an hour ago surprise more than they help. */
const DELIVER_WITHIN_MS = 3_600_000;
/** Messages of rooms, of direct conversations, and what is in them without the bot being named. */
const GUILD_MESSAGES = 1 << 9;
const DIRECT_MESSAGES = 1 << 12;
const MESSAGE_CONTENT = 1 << 15;

/** The kind `discord`. */
export const discord = defineChannel({
  kind: "discord",
  settings: discordSettings,
  secrets: discordSecrets,
  capabilities: {
    textMax: discordLimits.text,
    textUnit: "utf16",
    edit: true,
    buttons: true,
    typingMs: discordLimits.typingMs,
    fileBytesMax: discordLimits.fileBytes,
    // Interactions are told once; who gave a command is told when it could not be stored.
    dedupeHours: discordLimits.dedupeHours,
    deliverWithinMs: DELIVER_WITHIN_MS,
    // 50 calls a second of a bot, 5 messages in 5 seconds in a channel.
    accountRate: { calls: 40, perMs: 1_000, burst: 40 },
    conversationRate: { calls: 5, perMs: 5_000, burst: 5 },
  },
  // A thread is a channel of its own there.
  sessionScope: "conversation",
  offline: () => jsonResponse(shownToOne(NACK)),
  create: (settings, environment) => openAccount(settings, environment),
});

function openAccount(settings: DiscordSettings, environment: ChannelEnvironment): DefinedInstance {
  checkSettings(settings);
  const apiUrl = apiUrlOf(settings);
  const { bot_token: botToken, nack_text: nackText = NACK } = settings;
  const api = createApi(apiUrl, botToken, environment);
  const self = new DiscordSelf(botToken);
  const keys = publicKeysOf(settings).map(keyOf);
  const sending = { api, environment, replaced: new Map<string, Receipt>() };
  const reading = { self, authors: new Authors() };
  const content = settings.message_content === true ? MESSAGE_CONTENT : 0;
  const intents = GUILD_MESSAGES | DIRECT_MESSAGES | content;
  const sealed = new SealedTexts(environment);
  const stop = new AbortController();
  return {
    routes:
      keys.length === 0
        ? []
        : discordRoutes({ keys, nackText, sealed, nowMs: () => environment.nowMs() }),
    ...(settings.gateway === true && {
      source: (sink, signal) =>
        runGateway(sink, AbortSignal.any([signal, stop.signal]), {
          ...{ ...reading, api, environment, botToken, intents, nackText, sealed },
        }),
    }),
    render: renderDiscord,
    renderPlain: renderDiscordPlain,
    reach: firstTo,
    send: async (part, address, options) =>
      await sendPart(part, await withOpenToken(address, sealed), options, sending),
    edit: async (receipt, part, address, options) =>
      await editPart(receipt, part, await withOpenToken(address, sealed), options, sending),
    typing: createTyping(api),
    reconcile: (part, address, options) => findMessage(part, address, options, { api, self }),
    fetchFile: (file, bytesMax, signal) =>
      fetchFile(file, bytesMax, signal, { apiUrl, environment }),
    probe: (signal) =>
      probe({ api, settings, self, canConnect: environment.connect !== undefined }, signal),
    close: async () => stop.abort(),
  };
}
