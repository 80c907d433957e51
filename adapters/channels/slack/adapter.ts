// Slack: the Events API over HTTP or Socket Mode, slash commands, buttons, threads, files, token rotation.

import type { Receipt } from "../../../actors/channels/outgoing.ts";
import type { ChannelEnvironment } from "../adapter.ts";
import { type DefinedInstance, defineChannel } from "../define.ts";
import { SealedTexts } from "../sealed-text.ts";
import { createApi } from "./api.ts";
import { fetchFile } from "./fetch-file.ts";
import { slackLimits } from "./limits.ts";
import { sendFile } from "./outgoing-files.ts";
import { firstTo } from "./place.ts";
import { probe } from "./probe.ts";
import { fileOf, renderSlack, renderSlackPlain } from "./render.ts";
import { Replies } from "./replies.ts";
import { ephemeral, slackRoutes } from "./requests.ts";
import { SlackSelf } from "./self.ts";
import { editMessage, findMessage, postMessage } from "./send.ts";
import {
  apiUrlOf,
  checkSettings,
  type SlackSettings,
  signingSecretsOf,
  slackSecrets,
  slackSettings,
} from "./settings.ts";
import { runSocketMode } from "./socket-mode.ts";
import { createTokens } from "./tokens.ts";
import { createTyping } from "./typing.ts";

const ACK = "On it.";
const NACK = "That could not be taken in just now. Please try again in a minute.";
const TYPING = "is thinking...";
/** Answers to what was asked an hour ago surprise more than they help. */
const DELIVER_WITHIN_MS = 3_600_000;

/** The kind `slack`. */
export const slack = defineChannel({
  kind: "slack",
  settings: slackSettings,
  secrets: slackSecrets,
  capabilities: {
    textMax: slackLimits.text,
    textUnit: "utf16",
    edit: true,
    buttons: true,
    typingMs: slackLimits.typingMs,
    fileBytesMax: slackLimits.fileBytes,
    dedupeHours: slackLimits.dedupeHours,
    deliverWithinMs: DELIVER_WITHIN_MS,
    // "Several hundred messages per minute" of a workspace, one a second in a conversation with short bursts.
    accountRate: { calls: 300, perMs: 60_000, burst: 50 },
    conversationRate: { calls: 1, perMs: 1_000, burst: 3 },
  },
  sessionScope: "thread",
  // Commands alone never come again; where all come by one path, they are refused like the rest.
  offline: (path) => (path === "/commands" ? ephemeral(NACK) : null),
  create: (settings, environment) => openAccount(settings, environment),
});

function openAccount(settings: SlackSettings, environment: ChannelEnvironment): DefinedInstance {
  checkSettings(settings);
  const apiUrl = apiUrlOf(settings);
  const nowMs = () => environment.nowMs();
  const { log, account } = environment;
  const api = createApi({ url: apiUrl, tokens: createTokens(settings, environment), environment });
  const self = new SlackSelf(settings.bot_user_id);
  const texts = { ack: settings.ack_text ?? ACK, nack: settings.nack_text ?? NACK };
  const sealed = new SealedTexts(environment);
  const replies = new Replies({ apiUrl, sealed, environment });
  const reading = { self, texts, nowMs, log, account, replies };
  const sending = { api, self, replies, nowMs, replaced: new Map<string, Receipt>() };
  const files = { api, apiUrl, environment };
  const { app_token: appToken } = settings;
  const secrets = signingSecretsOf(settings);
  const stop = new AbortController();
  return {
    routes: secrets.length === 0 ? [] : slackRoutes({ ...reading, secrets }),
    ...(appToken !== undefined && {
      source: (sink, signal) =>
        runSocketMode(sink, AbortSignal.any([signal, stop.signal]), {
          ...{ ...reading, api, apiUrl, appToken, environment },
        }),
    }),
    render: renderSlack,
    renderPlain: renderSlackPlain,
    reach: firstTo,
    send: (part, address, options) => {
      const file = fileOf(part);
      if (file !== null) return sendFile(file, address, options, files);
      return postMessage(part, address, options, sending);
    },
    edit: (receipt, part, address, options) => {
      // A message does not become a file: that is shown below it.
      const file = fileOf(part);
      if (file !== null) return sendFile(file, address, options, files);
      return editMessage(receipt, part, address, options, sending);
    },
    typing: createTyping(api, settings.typing_text ?? TYPING, nowMs),
    reconcile: async (part, address, options) =>
      // Of a file that was shown nothing says with which key.
      fileOf(part) === null ? await findMessage(address, options, sending) : { state: "unknown" },
    fetchFile: (file, bytesMax, signal) => fetchFile(file, bytesMax, signal, files),
    probe: (signal) => probe({ api, settings, environment, self }, signal),
    close: async () => stop.abort(),
  };
}
