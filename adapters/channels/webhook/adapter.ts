// Any program that can post JSON: signed messages in, answers by a signed callback, in a status URL, or in
// the response itself.

import type { ChannelData, FileRef } from "../../../actors/channels/inbound.ts";
import type { Part, SendResult } from "../../../actors/channels/outgoing.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { verify } from "../../signed-webhook.ts";
import type {
  ChannelEnvironment,
  ChannelRequest,
  ChannelRoute,
  Finding,
  Handled,
  SendOptions,
} from "../adapter.ts";
import { jsonAnswer, problem, problemOf } from "../answer.ts";
import { type DefinedInstance, defineChannel } from "../define.ts";
import type { Mailbox } from "../mailbox.ts";
import { addressOf, boxOf } from "./address.ts";
import { postCallback, postSigned } from "./callback.ts";
import { readEvent } from "./events.ts";
import { webhookLimits } from "./limits.ts";
import {
  accepted,
  answeredWithin,
  handleFile,
  handleMessages,
  noteHeard,
  OUT,
  type PollOptions,
  pollPaths,
} from "./poll.ts";
import { renderWebhook, type WebhookPart } from "./render.ts";
import { type WebhookRules, webhookRules, webhookSettings } from "./settings.ts";

const HOUR_MS = 3_600_000;
const KEY_CHARS = 255;

/** The adapter. */
export const webhook = defineChannel({
  kind: "webhook",
  settings: webhookSettings,
  secrets: ["secret", "legacy_secret"],
  capabilities: {
    textMax: webhookLimits.textChars,
    textUnit: "utf16",
    edit: false,
    buttons: true,
    typingMs: 0,
    fileBytesMax: webhookLimits.fileBytes,
    // Senders of Standard Webhooks try for some days.
    dedupeHours: 8 * 24,
    deliverWithinMs: 24 * HOUR_MS,
    accountRate: { calls: 50, perMs: 1_000, burst: 100 },
    conversationRate: { calls: 10, perMs: 1_000, burst: 20 },
  },
  sessionScope: "thread",
  create: (settings, environment) => {
    const rules = webhookRules(settings);
    return rules.reply === "callback"
      ? callbackInstance(rules, environment)
      : mailboxInstance(rules, environment);
  },
});

function callbackInstance(rules: WebhookRules, environment: ChannelEnvironment): DefinedInstance {
  return {
    ...common(environment),
    routes: [
      postRoute(async (request) => {
        const read = await readMessage(request, rules, environment);
        if ("refused" in read) return read;
        const { event, address } = read;
        if (address.callbackUrl === null) {
          return {
            refused: problem(400, "The account has no callback_url and the body names none."),
          };
        }
        return { events: [event], ack: jsonAnswer(202, { id: read.id, status: "accepted" }) };
      }),
    ],
    send: (part, address, options) =>
      postCallback(bodyOf(part), addressOf(address), options, {
        environment,
        secrets: rules.secrets,
      }),
    // Who has had it knows it by its id: it may be sent once more whatever became of it.
    reconcile: async () => ({ state: "not_sent" }),
    probe: (signal) => probeCallback(rules, environment, signal),
  };
}

function mailboxInstance(rules: WebhookRules, environment: ChannelEnvironment): DefinedInstance {
  const mailbox = neededMailbox(environment);
  const keys = rules.keys.length > 0 ? rules.keys : rules.legacyKeys;
  const of: PollOptions = { environment, mailbox, keys };
  const post = async (request: ChannelRequest): Promise<Handled> => {
    const read = await readMessage(request, rules, environment);
    if ("refused" in read) return read;
    const { event, address } = read;
    try {
      const after = await noteHeard(mailbox, address);
      const place = { address, after, base: request.publicUrl };
      const ack = accepted(of, place);
      if (rules.reply === "poll") return { events: [event], ack };
      const later = (signal: AbortSignal) =>
        answeredWithin(of, place, AbortSignal.any([signal, AbortSignal.timeout(rules.syncWaitMs)]));
      return { events: [event], ack, later };
    } catch (error) {
      // Nothing is committed: the sender tries again.
      return { refused: problemOf(error) };
    }
  };
  const get = (path: string, handle: (request: ChannelRequest) => Handled): ChannelRoute => ({
    method: "GET",
    path,
    bodyMax: 0,
    handle,
  });
  return {
    ...common(environment),
    routes: [
      postRoute(post),
      get(pollPaths.messages, (request) => handleMessages(of, request)),
      get(pollPaths.file, (request) => handleFile(of, request)),
    ],
    send: (part, address, options) => putAside(mailbox, part, address, options),
    probe: async () => [
      { ok: true, text: "Answers wait at this server; callers fetch them from the status URL." },
    ],
  };
}

function common(environment: ChannelEnvironment): Pick<DefinedInstance, "render" | "fetchFile"> {
  return {
    // There are no marks that a program could refuse: what it shows is its own affair.
    render: renderWebhook,
    fetchFile: (file, bytesMax, signal) => fetchFile(file, { bytesMax, signal, environment }),
  };
}

function postRoute(handle: ChannelRoute["handle"]): ChannelRoute {
  return { method: "POST", path: "", bodyMax: webhookLimits.bodyBytes, handle };
}

/** Verifies and reads a posted message. */
async function readMessage(
  request: ChannelRequest,
  rules: WebhookRules,
  environment: ChannelEnvironment,
) {
  const nowMs = environment.nowMs();
  const verified = verify(request, rules, nowMs);
  if (!verified.ok) return { refused: problem(401, verified.reason) };
  const delivery = verified.id ?? request.headers["idempotency-key"] ?? null;
  if (delivery !== null && (delivery === "" || delivery.length > KEY_CHARS)) {
    return { refused: problem(400, `Idempotency-Key has 1 to ${KEY_CHARS} characters.`) };
  }
  try {
    return await readEvent(request.body, { delivery, atMs: verified.atMs ?? nowMs, rules });
  } catch (error) {
    return { refused: problemOf(error) };
  }
}

/** Sending is putting it where it is fetched: the key makes it once, however often it is tried. */
async function putAside(
  mailbox: Mailbox,
  part: Part,
  address: ChannelData,
  { key }: SendOptions,
): Promise<SendResult> {
  try {
    await mailbox.append(boxOf(addressOf(address)), `${OUT}${key}`, {
      type: "part",
      part: part.body,
    });
    return { ok: true, receipt: { id: key } };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return { ok: false, class: error.retryable ? "retry" : "format", reason: error.message };
  }
}

async function fetchFile(
  { at }: FileRef,
  of: { bytesMax: number; signal: AbortSignal; environment: ChannelEnvironment },
): Promise<Uint8Array> {
  const { bytesMax, signal, environment } = of;
  const { url, data } = at;
  if (typeof data === "string") {
    const bytes = Buffer.from(data, "base64");
    if (bytes.length <= bytesMax) return bytes;
    throw new RuntimeError(
      "URL_FAILED",
      `The file has ${bytes.length} bytes; the limit is ${bytesMax}.`,
    );
  }
  const answer = await environment.call({ method: "GET", url: String(url), signal, bytesMax });
  if (!answer.reached)
    throw new RuntimeError("URL_FAILED", `The file did not come: ${answer.reason}`);
  if (answer.status === 200) return answer.body;
  throw new RuntimeError("URL_FAILED", `The file's address answered ${answer.status}.`);
}

async function probeCallback(
  { callbackUrl, secrets }: WebhookRules,
  environment: ChannelEnvironment,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  if (callbackUrl === null) return [{ ok: true, text: "Each message names its own callback_url." }];
  const what = { id: `ping_${environment.nowMs()}`, body: { type: "ping" } };
  const result = await postSigned(callbackUrl, what, signal, { environment, secrets });
  if (result.ok) return [{ ok: true, text: "callback_url took a signed ping." }];
  const help =
    result.class === "auth"
      ? "Give the receiver the same secret: it refuses the signature."
      : 'Check callback_url, and that its receiver answers 2xx to {"type":"ping"}.';
  return [{ ok: false, text: `callback_url did not take a signed ping. ${result.reason}`, help }];
}

function neededMailbox({ mailbox, account }: ChannelEnvironment): Mailbox {
  if (mailbox !== undefined) return mailbox;
  throw new RuntimeError(
    "INVALID",
    `The webhook ${account} answers by poll or sync, which needs a server that keeps its messages; use reply: callback here.`,
    { pointer: "/reply" },
  );
}

function bodyOf(part: Part): WebhookPart {
  return part.body as unknown as WebhookPart;
}
