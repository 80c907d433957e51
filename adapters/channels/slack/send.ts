// Saying something at Slack: posting, changing what was posted, finding out whether it arrived. What the
// platform answers is said in the words of a SendResult; retries and order are the lane's.

import type { ChannelData } from "../../../actors/channels/inbound.ts";
import type { Part, Receipt, Reconciled, SendResult } from "../../../actors/channels/outgoing.ts";
import type { SendOptions } from "../adapter.ts";
import { wrongAddress } from "../not-sent.ts";
import { notFoundOut } from "../platform-answer.ts";
import { rememberReplaced } from "../replaced.ts";
import { type Fields, listIn, memberOf, textIn } from "../sent-json.ts";
import type { ApiArguments, SlackApi } from "./api.ts";
import { sendFailure } from "./classify.ts";
import { idIn, objectIn, timeIn } from "./fields.ts";
import { slackLimits } from "./limits.ts";
import { addressOf, messageId, messageOf, type SlackAddress } from "./place.ts";
import type { Replies } from "./replies.ts";
import type { SlackSelf } from "./self.ts";

/** Marks a message of ours, so that it can be found again by its key. */
const METADATA_TYPE = "troupe_delivery";

/** The message cannot be changed any more: whatever is to stand there is said anew. */
const unchangeable: ReadonlySet<string> = new Set([
  ...["message_not_found", "cant_update_message", "edit_window_closed", "cannot_update_message"],
]);

/** What messages are sent with. */
export interface SendParts {
  readonly api: SlackApi;
  readonly self: SlackSelf;
  readonly nowMs: () => number;
  /** Messages that took the place of ones that could not be changed: first id -> receipt. Of one account, bounded. */
  readonly replaced: Map<string, Receipt>;
  readonly replies: Replies;
}

/** The bot is not there: the one who asked may be answered all the same. */
const elsewhere: ReadonlySet<string> = new Set(["not_in_channel", "channel_not_found"]);

/** Posts a part that is no file. */
export async function postMessage(
  part: Part,
  address: ChannelData,
  options: SendOptions,
  { api, self, replies }: SendParts,
): Promise<SendResult> {
  const { key, signal } = options;
  const to = addressOf(address);
  if (to === null) return wrongAddress;
  const posted = await api.call(
    "chat.postMessage",
    {
      ...contentOf(part, key),
      channel: to.channel,
      thread_ts: to.thread ?? undefined,
      // What a model writes is not fetched by Slack on its own.
      ...{ unfurl_links: false, unfurl_media: false },
    },
    signal,
  );
  if (!posted.ok) {
    const mayReply = elsewhere.has(posted.code) && options.isPreview !== true;
    const replied = mayReply ? await replies.send(part, address, options) : null;
    return replied ?? sendFailure(posted);
  }
  const message = objectIn(posted.body, "message");
  self.learn(idIn(message, "user"), idIn(message, "bot_id"));
  return receiptOf(posted.body, to.channel) ?? noReceipt("chat.postMessage");
}

/** Changes a message; where that cannot be done any more it is posted anew, once. */
export async function editMessage(
  receipt: Receipt,
  part: Part,
  address: ChannelData,
  options: SendOptions,
  parts: SendParts,
): Promise<SendResult> {
  const target = messageOf((parts.replaced.get(receipt.id) ?? receipt).id);
  if (target === null) return await postMessage(part, address, options, parts);
  const changed = await parts.api.call(
    "chat.update",
    // Blocks are named always: buttons that were pressed go by an empty list.
    { blocks: [], ...contentOf(part, options.key), channel: target.channel, ts: target.time },
    options.signal,
  );
  if (changed.ok) {
    return receiptOf(changed.body, target.channel) ?? noReceipt("chat.update");
  }
  if (!unchangeable.has(changed.code)) return sendFailure(changed);
  const posted = await postMessage(part, address, options, parts);
  if (posted.ok) rememberReplaced(parts.replaced, receipt.id, posted.receipt);
  return posted;
}

/** Looks for a message by its key where it would stand. */
export async function findMessage(
  address: ChannelData,
  { key, signal, sinceMs }: SendOptions,
  { api, nowMs }: SendParts,
): Promise<Reconciled> {
  const { reconcileMs, clockMs } = slackLimits;
  const oldestMs = sinceMs === undefined ? nowMs() - reconcileMs : sinceMs - clockMs;
  const to = addressOf(address);
  if (to === null) return { state: "unknown" };
  let cursor: string | null = null;
  for (let page = 0; page < slackLimits.reconcilePages; page += 1) {
    const result = await api.call(
      to.thread === null ? "conversations.history" : "conversations.replies",
      pageOf(to, { cursor, oldestMs }),
      signal,
    );
    if (!result.ok) return notFoundOut(result);
    const found = listIn(result.body, "messages").find((message) => keyOf(message) === key);
    if (found !== undefined) {
      const time = timeIn(found, "ts");
      const state = time === null ? { state: "unknown" as const } : sentAt(to.channel, time);
      return state;
    }
    cursor = textIn(objectIn(result.body, "response_metadata"), "next_cursor");
    if (cursor === null) {
      return { state: memberOf(result.body, "has_more") === true ? "unknown" : "not_sent" };
    }
  }
  return { state: "unknown" };
}

function pageOf(
  to: SlackAddress,
  { cursor, oldestMs }: { readonly cursor: string | null; readonly oldestMs: number },
): ApiArguments {
  return {
    channel: to.channel,
    ts: to.thread ?? undefined,
    cursor,
    include_all_metadata: true,
    limit: slackLimits.reconcilePage,
    oldest: (oldestMs / 1_000).toFixed(6),
  };
}

function sentAt(channel: string, time: string): Reconciled {
  return { state: "sent", receipt: { id: messageId(channel, time) } };
}

function keyOf(message: unknown): string | null {
  const metadata = objectIn(message, "metadata");
  if (textIn(metadata, "event_type") !== METADATA_TYPE) return null;
  return textIn(objectIn(metadata, "event_payload"), "k");
}

function contentOf(part: Part, key: string): ApiArguments {
  const { text, blocks, mrkdwn } = part.body;
  const metadata = { event_type: METADATA_TYPE, event_payload: { k: key } };
  return { text, mrkdwn, metadata, ...(blocks !== undefined && { blocks }) };
}

function receiptOf(body: Fields, channel: string): SendResult | null {
  const time = timeIn(body, "ts");
  if (time === null) return null;
  // Of a person's id given as a conversation Slack names the conversation that it is.
  const receipt = { id: messageId(idIn(body, "channel") ?? channel, time) };
  return { ok: true, receipt };
}

function noReceipt(method: string): SendResult {
  return { ok: false, class: "unknown", reason: `Slack's ${method}: an answer without a time` };
}
