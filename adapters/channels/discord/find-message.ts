// Whether a message whose answer was lost is there. Within some minutes the nonce makes a second attempt
// harmless; after a longer stop of the server only the channel itself can tell.

import type { ChannelData } from "../../../actors/channels/inbound.ts";
import type { Part, Reconciled } from "../../../actors/channels/outgoing.ts";
import type { SendOptions } from "../adapter.ts";
import { notFoundOut } from "../platform-answer.ts";
import { memberOf } from "../sent-json.ts";
import { discordLimits } from "./limits.ts";
import { nonceOf } from "./message-body.ts";
import { addressOf, idIn } from "./place.ts";
import { bodyOf } from "./render.ts";
import type { DiscordSelf } from "./self.ts";
import { isSame, receiptOf, type SendParts } from "./send.ts";

/**
 * Looks for it in the channel: by its nonce, and behind what it answers by its words as well. Where the words
 * stand that may be of something said before, nobody knows.
 */
export async function findMessage(
  part: Part,
  address: ChannelData,
  { key, signal }: SendOptions,
  { api, self }: Pick<SendParts, "api"> & { readonly self: DiscordSelf },
): Promise<Reconciled> {
  const to = addressOf(address);
  if (to === null) return { state: "unknown" };
  const { reconcileMessages } = discordLimits;
  const after = to.after === null ? "" : `&after=${to.after}`;
  const path = `/channels/${to.channel}/messages?limit=${reconcileMessages}${after}`;
  const what = "looking for a message";
  const found = await api.call({ what, method: "GET", path, signal });
  if (!found.ok) return notFoundOut(found.failed);
  if (!Array.isArray(found.body))
    return notFoundOut({ class: "unknown", reason: `${what}: no list` });
  const ours = found.body.filter((message) => isOurs(message, self, to.interaction?.application));
  const nonce = nonceOf(key);
  const named = ours.find((message) => memberOf(message, "nonce") === nonce);
  if (named !== undefined) return sentAs(named);
  const alike = ours.filter((message) => isSame(message, bodyOf(part)));
  const [one] = alike;
  if (one === undefined) {
    return { state: found.body.length < reconcileMessages ? "not_sent" : "unknown" };
  }
  return to.after !== null && alike.length === 1 ? sentAs(one) : { state: "unknown" };
}

function sentAs(message: unknown): Reconciled {
  const by = idIn(message, "webhook_id") === null ? "bot" : "token";
  const result = receiptOf(message, by);
  return result?.ok ? { state: "sent", receipt: result.receipt } : { state: "unknown" };
}

function isOurs(message: unknown, self: DiscordSelf, application: string | undefined): boolean {
  const author = idIn(memberOf(message, "author"), "id");
  if (author !== null && author === self.id) return true;
  return application !== undefined && idIn(message, "application_id") === application;
}
