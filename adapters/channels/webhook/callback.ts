// Posts an answer to the address of its conversation, signed as Standard Webhooks says, and tells what the
// receiver's status means. The key of the part is its webhook-id: who has had it knows it again, so that
// whatever ended without a whole answer may be sent once more.

import { Webhook } from "standardwebhooks";
import type { SendResult } from "../../../actors/channels/outgoing.ts";
import type { ChannelEnvironment, PlatformAnswer, SendOptions } from "../adapter.ts";
import type { WebhookAddress } from "./address.ts";
import { webhookLimits } from "./limits.ts";
import { shownPart, type WebhookPart } from "./render.ts";

const REASON_CHARS = 300;
/** The receiver's answer is read for a reason only. */
const ANSWER_BYTES = 16 * 1024;

/** Sends one part. */
export async function postCallback(
  part: WebhookPart,
  address: WebhookAddress,
  options: SendOptions,
  by: { readonly environment: ChannelEnvironment; readonly secrets: readonly string[] },
): Promise<SendResult> {
  if (address.callbackUrl === null) {
    return { ok: false, class: "gone", reason: "The conversation has no callback_url any more." };
  }
  const body = {
    type: "message",
    conversation: address.conversation,
    thread: address.thread,
    ...shownPart(options.key, part),
    files: await filesOf(part, by.environment),
  };
  return await postSigned(address.callbackUrl, { id: options.key, body }, options.signal, by);
}

/** Posts anything signed. */
export async function postSigned(
  url: string,
  what: { readonly id: string; readonly body: object },
  signal: AbortSignal,
  { environment, secrets }: { environment: ChannelEnvironment; secrets: readonly string[] },
): Promise<SendResult> {
  const now = new Date(Math.floor(environment.nowMs() / 1_000) * 1_000);
  const body = JSON.stringify(what.body);
  // The id is signed with dots around it, and is a header.
  const id = encodeURIComponent(what.id).replaceAll(".", "%2E");
  const answer = await environment.call({
    method: "POST",
    url,
    headers: {
      "content-type": "application/json",
      "user-agent": "Troupe",
      "webhook-id": id,
      "webhook-timestamp": String(now.getTime() / 1_000),
      "webhook-signature": secrets
        .map((secret) => new Webhook(secret).sign(id, now, body))
        .join(" "),
    },
    body,
    signal,
    bytesMax: ANSWER_BYTES,
  });
  return resultOf(answer, id, environment.nowMs());
}

async function filesOf(
  { files }: WebhookPart,
  environment: ChannelEnvironment,
): Promise<readonly object[]> {
  let left: number = webhookLimits.fileBytes;
  const sent: object[] = [];
  for (const file of files) {
    const known = { name: file.name, media_type: file.mediaType, bytes: file.bytes };
    left -= file.bytes;
    if (left < 0) sent.push({ ...known, data: null, reason: "too large" });
    else {
      const bytes = await environment.readFile(file);
      sent.push({ ...known, data: Buffer.from(bytes).toString("base64") });
    }
  }
  return sent;
}

function resultOf(answer: PlatformAnswer, id: string, nowMs: number): SendResult {
  if (!answer.reached) {
    const reason = answer.reason.slice(0, REASON_CHARS);
    return { ok: false, class: answer.mayHaveArrived ? "unknown" : "retry", reason };
  }
  const { status, headers } = answer;
  if (status >= 200 && status < 300) return { ok: true, receipt: { id } };
  const reason = `The receiver answered ${status}.`;
  const wait = retryAfterMs(headers["retry-after"], nowMs);
  const later = wait === null ? {} : { retryAfterMs: wait };
  if (status === 410) return { ok: false, class: "gone", reason };
  if (status === 401 || status === 403) return { ok: false, class: "auth", reason };
  if (status === 429 || (status === 503 && wait !== null)) {
    return { ok: false, class: "rate", reason, ...later };
  }
  if ([400, 413, 415, 422].includes(status)) return { ok: false, class: "format", reason };
  return { ok: false, class: "retry", reason, ...later };
}

/** Retry-After in ms: seconds or a date of RFC 9110; null where it says neither. */
export function retryAfterMs(text: string | undefined, nowMs: number): number | null {
  if (text === undefined) return null;
  if (/^[0-9]{1,10}$/.test(text)) return Number(text) * 1_000;
  const atMs = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}
