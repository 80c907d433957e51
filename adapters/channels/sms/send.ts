// Sends a message, and looks for one whose answer was lost.

import type { ChannelData } from "../../../actors/channels/inbound.ts";
import type { Part, Reconciled, SendResult } from "../../../actors/channels/outgoing.ts";
import type { SendOptions } from "../adapter.ts";
import { jsonIn, notFoundOut } from "../platform-answer.ts";
import { listIn, memberOf, textIn } from "../sent-json.ts";
import { type Api, callTwilio, secretsOf } from "./api.ts";
import { failureOf } from "./errors.ts";
import { smsLimits } from "./settings.ts";

/** Sends a part. */
export async function sendPart(
  api: Api,
  part: Part,
  address: ChannelData,
  options: SendOptions,
): Promise<SendResult> {
  const { to, from, text } = partsOf(api, part, address);
  if (to === null) return { ok: false, class: "gone", reason: "The address names no number." };
  if (text === null)
    return { ok: false, class: "format", reason: "There is nothing to say in it." };
  const form = new URLSearchParams({ To: to, From: from, Body: text });
  const { status_callback_url: callback } = api.settings;
  // The key comes back with each status: it is part of the address that Twilio calls.
  if (callback !== undefined) {
    form.set("StatusCallback", `${callback}?key=${encodeURIComponent(options.key)}`);
  }
  const answer = await callTwilio(api, "/Messages.json", options.signal, form);
  const body = answer.reached && answer.status < 300 ? jsonIn(answer.body) : null;
  const sid = textIn(body, "sid", 64);
  const isRefused = ["failed", "undelivered", "canceled"].includes(textIn(body, "status") ?? "");
  if (sid !== null && !isRefused) return { ok: true, receipt: { id: sid } };
  const { attempt } = options;
  return failureOf(answer, { attempt, nowMs: api.environment.nowMs(), secrets: secretsOf(api) });
}

/**
 * Whether a message was sent: the newest to that number with the same text say so. One of them is the one,
 * none says that it was not, several say nothing.
 */
export async function reconcile(
  api: Api,
  part: Part,
  address: ChannelData,
  options: SendOptions,
): Promise<Reconciled> {
  const { to, from, text } = partsOf(api, part, address);
  if (to === null || text === null) return { state: "not_sent" };
  const nowMs = api.environment.nowMs();
  const query = new URLSearchParams({ To: to, From: from, PageSize: String(smsLimits.listed) });
  const answer = await callTwilio(api, `/Messages.json?${query}`, options.signal);
  const body = answer.reached && answer.status === 200 ? jsonIn(answer.body) : null;
  if (!Array.isArray(memberOf(body, "messages"))) {
    const about = { attempt: options.attempt, nowMs, secrets: secretsOf(api) };
    return notFoundOut(failureOf(answer, about));
  }
  const { lostMs, clockMs } = smsLimits;
  const since = options.sinceMs === undefined ? nowMs - lostMs : options.sinceMs - clockMs;
  const listed = listIn(body, "messages");
  const recent = listed.filter((one) => Date.parse(textIn(one, "date_created") ?? "") >= since);
  const same = recent.filter(
    (one) =>
      textIn(one, "body", smsLimits.text + 1) === text &&
      textIn(one, "direction")?.startsWith("outbound") === true,
  );
  const [found] = same;
  const sid = textIn(found, "sid", 64);
  if (same.length === 1 && sid !== null) return { state: "sent", receipt: { id: sid } };
  // Where all of a page is that new, the one looked for may be on the next.
  const isWhole = recent.length < listed.length || listed.length < smsLimits.listed;
  return { state: same.length === 0 && isWhole ? "not_sent" : "unknown" };
}

function partsOf(api: Api, part: Part, address: ChannelData) {
  return {
    to: textIn(address, "to", 100),
    from: textIn(address, "from", 100) ?? api.settings.number,
    text: textIn(part.body, "text", smsLimits.text + 1),
  };
}
