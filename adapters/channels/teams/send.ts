// Saying something at Teams: sending and changing an activity, and the sign of writing. Of a send whose answer
// was lost the service says nothing: no bot can read what stands in a conversation.

import type { ChannelData } from "../../../actors/channels/inbound.ts";
import type { Part, Receipt, SendResult } from "../../../actors/channels/outgoing.ts";
import type { SendOptions } from "../adapter.ts";
import { nothingToSay, wrongAddress } from "../not-sent.ts";
import { rememberReplaced } from "../replaced.ts";
import { memberOf, textIn } from "../sent-json.ts";
import type { Connector } from "./connector.ts";
import { addressOf, type TeamsAddress } from "./place.ts";

/** What messages are sent with. */
export interface SendParts {
  readonly connector: Connector;
  /** Messages that took the place of ones that were gone: first id -> receipt. Of one account, bounded. */
  readonly replaced: Map<string, Receipt>;
}

/** Sends a part. */
export async function sendPart(
  part: Part,
  address: ChannelData,
  { signal }: SendOptions,
  { connector }: SendParts,
): Promise<SendResult> {
  const to = addressOf(address);
  if (to === null) return wrongAddress;
  if (isNothing(part)) return nothingToSay;
  const what = "sending a message";
  const body = activityOf(part, to);
  const sent = await connector.call({ what, method: "POST", to, body, signal });
  if (!sent.ok) return sent.failed;
  const id = textIn(sent.body, "id", 200);
  if (id !== null) return { ok: true, receipt: { id } };
  return { ok: false, class: "unknown", reason: `Teams, ${what}: an answer without an id` };
}

/** Changes a message; when it is gone it is said anew, once. */
export async function editPart(
  receipt: Receipt,
  part: Part,
  address: ChannelData,
  options: SendOptions,
  parts: SendParts,
): Promise<SendResult> {
  const to = addressOf(address);
  if (to === null) return wrongAddress;
  if (isNothing(part)) return nothingToSay;
  // Ids are unique within a conversation only.
  const key = `${to.conversation} ${receipt.id}`;
  const { id } = parts.replaced.get(key) ?? receipt;
  const { signal } = options;
  const body = { ...activityOf(part, to), id };
  const what = "changing a message";
  const call = { what, method: "PUT", to, activity: id, body, signal } as const;
  const changed = await parts.connector.call(call);
  if (changed.ok) return { ok: true, receipt: { id } };
  if (changed.status !== 404 || changed.failed.class !== "gone") return changed.failed;
  const sent = await sendPart(part, address, options, parts);
  if (sent.ok) rememberReplaced(parts.replaced, key, sent.receipt);
  return sent;
}

/** Gives the sign for some seconds, best effort. */
export async function sendTyping(
  address: ChannelData,
  signal: AbortSignal,
  connector: Connector,
): Promise<void> {
  const to = addressOf(address);
  if (to === null) return;
  const body = { type: "typing", from: { id: to.bot } };
  await connector.call({ what: "the sign of writing", method: "POST", to, body, signal });
}

function activityOf({ body, plain }: Part, to: TeamsAddress): object {
  return {
    ...{ type: "message", from: { id: to.bot }, conversation: { id: to.conversation } },
    ...(to.user !== null && { recipient: { id: to.user } }),
    ...(to.activity !== null && { replyToId: to.activity }),
    ...body,
    // Read in notifications, where there are no cards.
    ...(body["attachments"] !== undefined && { summary: plain.slice(0, 200) }),
  };
}

function isNothing({ body }: Part): boolean {
  const text = memberOf(body, "text");
  return typeof text === "string" && text.trim() === "" && body["attachments"] === undefined;
}
