// Saying something at Discord. What answers a command or a press goes by its token while that is young: the
// first part fills the message that is waited for, what follows are further messages. Else, and when the token
// is refused, it is a plain message of the bot in the channel.

import type { ChannelData } from "../../../actors/channels/inbound.ts";
import type { Part, Receipt, SendResult } from "../../../actors/channels/outgoing.ts";
import type { ChannelEnvironment, SendOptions } from "../adapter.ts";
import { nothingToSay, wrongAddress } from "../not-sent.ts";
import { rememberReplaced } from "../replaced.ts";
import { memberOf } from "../sent-json.ts";
import type { DiscordApi } from "./api.ts";
import { type ApiResult, withoutId } from "./classify.ts";
import { discordLimits } from "./limits.ts";
import { contentOf, encodedPart, plainFields } from "./message-body.ts";
import { addressOf, type DiscordAddress, type Interaction, idIn } from "./place.ts";
import { bodyOf, type DiscordPart } from "./render.ts";

/** What messages are sent with. */
export interface SendParts {
  readonly api: DiscordApi;
  readonly environment: ChannelEnvironment;
  /** Messages that took the place of ones that were gone: first id -> receipt. Of one account, bounded. */
  readonly replaced: Map<string, Receipt>;
}

/** The message is not there any more: whatever is to stand there is said anew. */
const UNKNOWN_MESSAGE = 10_008;
/** Of a token that is over, or that is not known yet. */
const UNKNOWN_WEBHOOK = 10_015;
/** Of a token that is over: unknown webhook, unknown interaction, invalid webhook token. */
const endedCodes: readonly number[] = [UNKNOWN_WEBHOOK, 10_062, 50_027];
/** It "is thinking": nothing has filled it yet. */
const LOADING = 128;

/** Sends a part. */
export async function sendPart(
  part: Part,
  address: ChannelData,
  options: SendOptions,
  parts: SendParts,
): Promise<SendResult> {
  const to = addressOf(address);
  if (to === null) return wrongAddress;
  const body = bodyOf(part);
  if (isNothing(body)) return nothingToSay;
  const { interaction } = to;
  if (interaction === null || !isYoung(interaction, parts)) {
    return await sendPlain(body, to, options, parts);
  }
  const answered = await answer(body, interaction, options, parts);
  return answered === "ended" ? await sendPlain(body, to, options, parts) : answered;
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
  const { id, data } = parts.replaced.get(receipt.id) ?? receipt;
  const body = bodyOf(part);
  if (idIn({ id }, "id") === null) return await sendPart(part, address, options, parts);
  if (isNothing(body)) return nothingToSay;
  const fields = contentOf(body);
  const encoded = await encodedPart(body, fields, parts.environment);
  if ("failed" in encoded) return encoded.failed;
  const { body: content } = encoded;
  const { interaction } = to;
  const { signal } = options;
  const what = "changing a message";
  const edit = { what, method: "PATCH" as const, body: content, signal };
  if (data?.["by"] === "token" && interaction !== null && isYoung(interaction, parts)) {
    const { token } = interaction;
    const path = `${hookPath(interaction)}/messages/${id}`;
    const changed = await parts.api.call({ ...edit, path, token });
    if (changed.ok || !hasEnded(changed)) return await afterEdit(changed, id);
  }
  const channel = idIn(data, "channel") ?? to.channel;
  const path = `/channels/${channel}/messages/${id}`;
  return await afterEdit(await parts.api.call({ ...edit, path }), id);

  async function afterEdit(changed: ApiResult, edited: string): Promise<SendResult> {
    if (changed.ok) return { ok: true, receipt: { id: edited, ...(data && { data }) } };
    if (changed.code !== UNKNOWN_MESSAGE) return changed.failed;
    const sent = await sendPart(part, address, options, parts);
    if (sent.ok) rememberReplaced(parts.replaced, receipt.id, sent.receipt);
    return sent;
  }
}

/** By the token of an interaction; "ended" when that is none any more. */
async function answer(
  part: DiscordPart,
  interaction: Interaction,
  { signal }: SendOptions,
  { api, environment }: SendParts,
): Promise<SendResult | "ended"> {
  const { token, isAwaited } = interaction;
  let fills = false;
  if (part.isFirst === true && isAwaited) {
    const state = await awaited(part, interaction, signal, { api, environment });
    if ("result" in state) return state.result;
    if (state.is === "ended") return "ended";
    fills = state.is === "loading";
  }
  const encoded = await encodedPart(part, contentOf(part), environment);
  if ("failed" in encoded) return encoded.failed;
  const path = hookPath(interaction);
  const sent = fills
    ? { method: "PATCH" as const, path: `${path}/messages/@original` }
    : { method: "POST" as const, path: `${path}?wait=true` };
  const what = "answering an interaction";
  const result = await api.call({ ...sent, what, body: encoded.body, token, signal });
  if (!result.ok) return hasEnded(result) ? "ended" : result.failed;
  return receiptOf(result.body, "token") ?? withoutId(what);
}

/**
 * What has become of the message that is waited for. One that is filled with this part already is an attempt
 * of ours whose answer was lost; one that is filled with another belongs to what was said before.
 */
async function awaited(
  part: DiscordPart,
  interaction: Interaction,
  signal: AbortSignal,
  { api, environment }: Pick<SendParts, "api" | "environment">,
): Promise<{ readonly is: "loading" | "filled" | "ended" } | { readonly result: SendResult }> {
  const { token } = interaction;
  const path = `${hookPath(interaction)}/messages/@original`;
  const what = "looking at the message that is waited for";
  const found = await api.call({ what, method: "GET", path, token, signal });
  if (!found.ok) {
    const ageMs = environment.nowMs() - interaction.atMs;
    if (found.code === UNKNOWN_WEBHOOK && ageMs < discordLimits.awaitedMs) {
      const { reason } = found.failed;
      const retryAfterMs = discordLimits.awaitedAgainMs;
      return { result: { ok: false, class: "retry", reason, retryAfterMs } };
    }
    if (hasEnded(found)) return { is: "ended" };
    // Only a look: nothing was sent by it.
    const { failed } = found;
    return { result: failed.class === "unknown" ? { ...failed, class: "retry" } : failed };
  }
  const flags = memberOf(found.body, "flags");
  if (typeof flags === "number" && (flags & LOADING) !== 0) return { is: "loading" };
  const receipt = isSame(found.body, part) ? receiptOf(found.body, "token") : null;
  return receipt === null ? { is: "filled" } : { result: receipt };
}

async function sendPlain(
  part: DiscordPart,
  { channel }: DiscordAddress,
  { key, signal }: SendOptions,
  { api, environment }: SendParts,
): Promise<SendResult> {
  const fields = contentOf(part, plainFields(part, key));
  const encoded = await encodedPart(part, fields, environment);
  if ("failed" in encoded) return encoded.failed;
  const what = "posting a message";
  const path = `/channels/${channel}/messages`;
  const result = await api.call({ what, method: "POST", path, body: encoded.body, signal });
  if (!result.ok) return result.failed;
  return receiptOf(result.body, "bot") ?? withoutId(what);
}

/** Whether a message says what a part says. */
export function isSame(message: unknown, { content, file }: DiscordPart): boolean {
  const said = memberOf(message, "content");
  if (typeof said !== "string" || said.trim() !== content.trim()) return false;
  const attachments = memberOf(message, "attachments");
  const count = Array.isArray(attachments) ? attachments.length : 0;
  return count === (file === undefined ? 0 : 1);
}

/** Id and channel of a message, for edits; null when the answer is none. */
export function receiptOf(message: unknown, by: "token" | "bot"): SendResult | null {
  const id = idIn(message, "id");
  if (id === null) return null;
  const channel = idIn(message, "channel_id");
  return { ok: true, receipt: { id, data: { by, ...(channel !== null && { channel }) } } };
}

function isNothing({ content, file, components = [] }: DiscordPart): boolean {
  return content.trim() === "" && file === undefined && components.length === 0;
}

function isYoung({ atMs }: Interaction, { environment }: SendParts): boolean {
  return environment.nowMs() - atMs < discordLimits.tokenMs;
}

function hasEnded(result: ApiResult): boolean {
  if (result.ok) return false;
  const { status, code } = result;
  return endedCodes.includes(code) || status === 401 || status === 404;
}

function hookPath({ application, token }: Interaction): string {
  return `/webhooks/${application}/${token}`;
}
