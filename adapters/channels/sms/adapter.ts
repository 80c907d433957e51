// SMS, by Twilio: messages come as signed forms, answers go out over its REST API as plain text.

import type { Outgoing, Part } from "../../../actors/channels/outgoing.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import {
  type Capabilities,
  type ChannelEnvironment,
  type ChannelInstance,
  type ChannelRequest,
  type ChannelResponse,
  defineChannel,
  type Finding,
  type Handled,
} from "../adapter.ts";
import { writtenButtons } from "../format/buttons.ts";
import { pieces } from "../format/pieces.ts";
import { plainText } from "../format/plain.ts";
import { jsonIn } from "../platform-answer.ts";
import { listIn } from "../sent-json.ts";
import { type Api, apiOf, callTwilio, secretsOf } from "./api.ts";
import { failureOf } from "./errors.ts";
import { messageIn, statusIn } from "./events.ts";
import { fetchMedia } from "./media.ts";
import { reconcile, sendPart } from "./send.ts";
import { type SmsSettings, smsLimits, smsSecrets, smsSettings } from "./settings.ts";
import { isFromTwilio } from "./verify.ts";

const capabilities: Capabilities = {
  textMax: smsLimits.text,
  textUnit: "utf16",
  edit: false,
  buttons: false,
  typingMs: 0,
  fileBytesMax: 0,
  // Twilio calls again only when it could not connect.
  dedupeHours: 48,
  deliverWithinMs: 6 * 3_600_000,
  // A long code sends one segment a second; Twilio queues what is more.
  accountRate: { calls: 10, perMs: 1_000, burst: 10 },
  conversationRate: { calls: 1, perMs: 1_000, burst: 5 },
};

/** The adapter. */
export const sms = defineChannel({
  kind: "sms",
  settings: smsSettings,
  secrets: smsSecrets,
  capabilities,
  sessionScope: "conversation",
  create: open,
});

const ACK: ChannelResponse = { status: 200, contentType: "text/xml", body: "<Response/>" };

/** Where a message could not be taken in: its sender is told, because nobody delivers it again. */
const NACK: ChannelResponse = {
  status: 200,
  contentType: "text/xml",
  body: "<Response><Message>Please send that again in a moment.</Message></Response>",
};

function open(settings: SmsSettings, environment: ChannelEnvironment): ChannelInstance {
  if ((settings.auth_token ?? "") === "") {
    throw new RuntimeError("INVALID", "An SMS account needs the secret auth_token.", {
      pointer: "/secrets/auth_token",
    });
  }
  const api = apiOf(settings, environment);
  const bodyMax = smsLimits.webhookBytes;
  return {
    routes: [
      { method: "POST", path: "", bodyMax, handle: (request) => heard(api, request) },
      { method: "POST", path: "/status", bodyMax, handle: (request) => became(api, request) },
    ],
    render: partsOf,
    renderPlain: partsOf,
    send: (part, address, options) => sendPart(api, part, address, options),
    reconcile: (part, address, options) => reconcile(api, part, address, options),
    fetchFile: (file, bytesMax, signal) => fetchMedia(api, file, bytesMax, signal),
    probe: (signal) => probe(api, signal),
    close: async () => undefined,
  };
}

function heard(api: Api, request: ChannelRequest): Handled {
  const form = formIn(request);
  if (!isSigned(api, request, form)) return refused();
  const event = messageIn(form, api.settings.number, api.environment.nowMs());
  return event === null
    ? parked("The message names no sender or no id.", form)
    : { events: [event], ack: ACK, nack: NACK };
}

function became(api: Api, request: ChannelRequest): Handled {
  const form = formIn(request);
  if (!isSigned(api, request, form)) return refused();
  const key = request.query.get("key");
  const { number } = api.settings;
  const event = statusIn(form, { number, atMs: api.environment.nowMs(), key });
  if (event === null) return parked("The status names no message.", form);
  return { events: event === undefined ? [] : [event], ack: ACK };
}

function formIn(request: ChannelRequest): URLSearchParams {
  return new URLSearchParams(Buffer.from(request.body).toString("utf8"));
}

function isSigned(api: Api, request: ChannelRequest, form: URLSearchParams): boolean {
  const { publicUrl, query, headers } = request;
  const url = publicUrl === "" || query.size === 0 ? publicUrl : `${publicUrl}?${query}`;
  return isFromTwilio(url, form, headers["x-twilio-signature"], api.tokens);
}

function refused(): Handled {
  const body = "The signature is missing or not of this account and the channel's public address.";
  return { refused: { status: 401, body } };
}

function parked(reason: string, form: URLSearchParams): Handled {
  return { events: [], ack: ACK, parked: [{ reason, raw: form.toString().slice(0, 4_000) }] };
}

// Plain text; choices are written out, files are named.
function partsOf(outgoing: Outgoing): Part[] {
  const choices = writtenButtons(outgoing.buttons ?? []);
  const files = (outgoing.files ?? []).map(({ name }) => `[${name}] cannot be sent by SMS.`);
  const said = [outgoing.text, choices, ...files].filter((text) => text !== "").join("\n\n");
  const options = { max: smsLimits.text, unit: "utf16", render: plainText } as const;
  return pieces(said, options).map(({ plain }) => ({ body: { text: plain }, plain }));
}

async function probe(api: Api, signal: AbortSignal): Promise<Finding[]> {
  const { number, status_callback_url: callback } = api.settings;
  const query = new URLSearchParams({ PhoneNumber: number });
  const answer = await callTwilio(api, `/IncomingPhoneNumbers.json?${query}`, signal);
  if (!answer.reached || answer.status !== 200) {
    const about = { attempt: 1, nowMs: api.environment.nowMs(), secrets: secretsOf(api) };
    const text = `The account cannot be asked. ${failureOf(answer, about).reason}`;
    return [{ ok: false, text, help: "Check account_sid and auth_token." }];
  }
  const isOurs = listIn(jsonIn(answer.body), "incoming_phone_numbers").length > 0;
  return [
    isOurs
      ? { ok: true, text: `The number ${number} is the account's.` }
      : { ok: false, text: `The number ${number} is not the account's.`, help: "Set number." },
    callback === undefined
      ? {
          ok: true,
          text: "What becomes of messages is not told.",
          help: "Set status_callback_url.",
        }
      : { ok: true, text: "What becomes of messages is told." },
  ];
}
