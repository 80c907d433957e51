// SMS, by Twilio: messages come as signed forms, answers go out over its REST API as plain text.

import { RuntimeError } from "../../../runtime/errors.ts";
import type {
  ChannelEnvironment,
  ChannelRequest,
  ChannelResponse,
  Finding,
  Handled,
} from "../adapter.ts";
import { refusal } from "../answer.ts";
import { type DefinedInstance, defineChannel } from "../define.ts";
import { jsonIn } from "../platform-answer.ts";
import { listIn } from "../sent-json.ts";
import { type Api, apiOf, callTwilio, secretsOf } from "./api.ts";
import { failureOf } from "./errors.ts";
import { firstTo, messageIn, statusIn } from "./events.ts";
import { fetchMedia } from "./media.ts";
import { reconcile, sendPart } from "./send.ts";
import { type SmsSettings, smsLimits, smsSecrets, smsSettings } from "./settings.ts";
import { isFromTwilio } from "./verify.ts";

const capabilities = {
  textMax: smsLimits.text,
  textUnit: "utf16",
  // Twilio calls again only when it could not connect.
  dedupeHours: 48,
  // A long code sends one segment a second; Twilio queues what is more.
  accountRate: { calls: 10, perMs: 1_000, burst: 10 },
  conversationRate: { calls: 1, perMs: 1_000, burst: 5 },
} as const;

/** The adapter. */
export const sms = defineChannel({
  kind: "sms",
  settings: smsSettings,
  secrets: smsSecrets,
  capabilities,
  create: open,
});

const ACK: ChannelResponse = { status: 200, contentType: "text/xml", body: "<Response/>" };

/** Where a message could not be taken in: its sender is told, because nobody delivers it again. */
const NACK: ChannelResponse = {
  status: 200,
  contentType: "text/xml",
  body: "<Response><Message>Please send that again in a moment.</Message></Response>",
};

function open(settings: SmsSettings, environment: ChannelEnvironment): DefinedInstance {
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
    send: (part, address, options) => sendPart(api, part, address, options),
    reach: firstTo,
    reconcile: (part, address, options) => reconcile(api, part, address, options),
    fetchFile: (file, bytesMax, signal) => fetchMedia(api, file, bytesMax, signal),
    probe: (signal) => probe(api, signal),
  };
}

function heard(api: Api, request: ChannelRequest): Handled {
  const form = formIn(request);
  if (!isSigned(api, request, form)) return REFUSED;
  const event = messageIn(form, api.settings.number, api.environment.nowMs());
  return event === null
    ? parked("The message names no sender or no id.", form)
    : { events: [event], ack: ACK, nack: NACK };
}

function became(api: Api, request: ChannelRequest): Handled {
  const form = formIn(request);
  if (!isSigned(api, request, form)) return REFUSED;
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

const REFUSED = refusal(
  401,
  "The signature is missing or not of this account and the channel's public address.",
);

function parked(reason: string, form: URLSearchParams): Handled {
  return { events: [], ack: ACK, parked: [{ reason, raw: form.toString().slice(0, 4_000) }] };
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
