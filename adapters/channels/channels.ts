// Channels as main has them: what sessions and lanes of all engines ask is done here, with the accounts
// that are open. What becomes of a call to a platform is a value; only what nobody could mend is thrown.

import { channelLimits } from "../../actors/channels/limits.ts";
import type { Reconciled, SendResult } from "../../actors/channels/outgoing.ts";
import type {
  AccountRef,
  ChannelAsk,
  Channels,
  PartSend,
  ReachAsk,
  Reached,
} from "../../actors/channels/port.ts";
import { type Figures, notedKinds, noteName, OTHER } from "../../actors/figures.ts";
import type { Parser } from "../../actors/ports.ts";
import { RuntimeError, toErrorData } from "../../runtime/errors.ts";
import type { Caller } from "../http/services/agent-store.ts";
import type { ApprovalService } from "../http/services/approvals.ts";
import type { ChatService } from "../http/services/chat.ts";
import type { ConversationService } from "../http/services/conversations.ts";
import { onceKey } from "../http/services/once.ts";
import type { Account } from "./account.ts";
import type { Accounts } from "./accounts.ts";
import { filesIn } from "./files-in.ts";
import { wellFormed } from "./hidden-secrets.ts";
import type { LiveAnswers } from "./live.ts";
import type { TypingSigns } from "./typing-signs.ts";

/** What is asked in a channel is paid and counted under this name. */
export const CHANNEL_SERVICE = "channels";

/** Characters of what a platform said. */
const REASON_CHARS = 300;
/** A platform's rate that did not come free in time is waited for again, ms. */
const RATE_AGAIN_MS = 1_000;

/** What it works with. */
export interface ChannelParts {
  readonly accounts: Pick<Accounts, "find" | "has" | "settled">;
  readonly chat: Pick<ChatService, "background" | "attach">;
  readonly conversations: Pick<ConversationService, "describe" | "cancel">;
  readonly approvals: Pick<ApprovalService, "decide">;
  readonly parser: Parser;
  readonly typing: TypingSigns;
  readonly live: LiveAnswers;
  /** Where it is counted how deliveries end. Default: nowhere. */
  readonly figures?: Figures | undefined;
  nowMs(): number;
}

/** The port. */
export function createChannels(parts: ChannelParts): Channels {
  const { accounts, approvals, typing } = parts;
  const open = async (of: AccountRef): Promise<Account> => {
    const account = accounts.find(of.channel) ?? (await accounts.settled(of.channel));
    if (account?.tenant === of.tenant) return account;
    // One that is switched off may be switched on again; one that was removed is not asked for any more.
    const code = accounts.has(of.channel) ? "PROVIDER_UNAVAILABLE" : "NOT_FOUND";
    throw new RuntimeError(code, `The account ${of.channel.slice(0, 64)} is not open.`);
  };
  return {
    ask: async (ask, signal) => await asked(parts, await open(ask), ask, signal),
    stop: (of) => stopped(parts, of),
    decide: async ({ tenant, channel, approval, decision, sender, note, key }) => {
      const caller: Caller = {
        ...{ tenant, keyId: `${channel}:${sender}`, service: CHANNEL_SERVICE, role: "approver" },
        source: { by: `${channel}:${sender}`, role: null, channel: "channel" },
      };
      const input = { decision, ...(note !== null && { note }) };
      return await approvals.decide(caller, approval, input, onceKey(key, JSON.stringify(input)));
    },
    render: async (of) => (await open(of)).instance.render(of.outgoing),
    renderPlain: async (of) => (await open(of)).instance.renderPlain(of.outgoing),
    template: async (of) => (await open(of)).instance.template?.(of.address) ?? null,
    send: (send, signal) => sent(parts, send, signal),
    reconcile: async (send, signal) => {
      const account = accounts.find(send.channel) ?? (await accounts.settled(send.channel));
      if (account?.tenant !== send.tenant) return notAskedOf(accounts.has(send.channel));
      if (account.instance.reconcile === undefined) return { state: "unknown" };
      // A preview that is asked about is about to be replaced.
      await parts.live.end({ key: send.key });
      const within = AbortSignal.any([signal, AbortSignal.timeout(channelLimits.callMs)]);
      const { key, attempt, sinceMs } = send;
      const options = { key, attempt, signal: within, ...(sinceMs !== undefined && { sinceMs }) };
      const found = await account.instance
        .reconcile(send.part, send.address, options)
        .catch(
          (error: unknown): Reconciled => ({ state: "later", reason: toErrorData(error).message }),
        );
      if (found.state !== "later") return found;
      const reason = wellFormed(account.hide(found.reason).slice(0, REASON_CHARS));
      account.health.failed(`A lost send could not be asked about: ${reason}`);
      return { ...found, reason };
    },
    reach: async (ask) => reached(await open(ask), ask),
    fileBytesMax: async (of) => (await open(of)).adapter.capabilities.fileBytesMax,
    typing: (of) => {
      const account = accounts.find(of.channel);
      if (account?.tenant === of.tenant) typing.once(account, of.address);
    },
    ended: ({ channel, status, createdAtMs }) => {
      const kind = accounts.find(channel)?.adapter.kind ?? OTHER;
      const row = notedKinds.delivery.rows.find((one) => one === kind) ?? OTHER;
      parts.figures?.note(noteName("delivery", row, status), parts.nowMs() - createdAtMs);
    },
  };
}

function reached({ adapter, instance }: Account, { to, subject = "", key }: ReachAsk): Reached {
  const { kind, capabilities } = adapter;
  if (instance.reach === undefined) {
    const text = `Over a channel of kind ${kind} nobody is written to first: name a session (cs_...) of it.`;
    throw new RuntimeError("INVALID", text, { pointer: "/to" });
  }
  const found = instance.reach(to, { subject, key });
  if (found !== null) return { ...found, withinMs: capabilities.deliverWithinMs };
  const text = `"${to.slice(0, 100)}" is no id of a channel of kind ${kind}.`;
  throw new RuntimeError("INVALID", text, { pointer: "/to" });
}

async function asked(
  { chat, parser, typing, live }: ChannelParts,
  account: Account,
  ask: ChannelAsk,
  signal: AbortSignal,
): ReturnType<Channels["ask"]> {
  const { tenant, agent, conversation, session, question, user, onBusy, key } = ask;
  const files = await filesIn(account, ask.files, parser, signal);
  const text = [ask.text, files.text].filter((one) => one !== "").join("\n\n");
  const left = files.leftOut.map((why) => `Not readable: ${why}`).join("\n");
  const caller = { tenant, keyId: null, service: CHANNEL_SERVICE };
  const accepted = await chat.background({
    ...{ caller, agent, conversation: null, opens: conversation, user, onBusy, signal },
    ...(ask.trace !== undefined && { trace: ask.trace }),
    // A message of files alone that nobody can read says so to the agent.
    text: text === "" && files.pictures.length === 0 ? left : text,
    pictures: files.pictures,
    stream: ask.live === true,
    // What a file says when it is fetched again is still the same message.
    once: onceKey(key, `${agent}\n${conversation}\n${ask.text}`),
    tells: { asker: session, ask: question },
  });
  typing.begin(account, ask.address);
  if (ask.live) live.begin(account, ask, accepted.run);
  return { run: accepted.run, leftOut: files.leftOut };
}

async function stopped(
  { conversations }: ChannelParts,
  { tenant, conversation, reason }: Parameters<Channels["stop"]>[0],
): Promise<number> {
  try {
    const { running, waiting } = await conversations.describe(tenant, conversation);
    const runs = (running === null ? 0 : 1) + waiting.length;
    if (runs > 0) await conversations.cancel(tenant, conversation, reason);
    return runs;
  } catch (error) {
    // One that nobody has spoken in has nothing to stop.
    if (error instanceof RuntimeError && error.code === "NOT_FOUND") return 0;
    throw error;
  }
}

async function sent(
  { accounts, typing, live, nowMs }: ChannelParts,
  send: PartSend,
  signal: AbortSignal,
): Promise<SendResult> {
  const account = accounts.find(send.channel) ?? (await accounts.settled(send.channel));
  if (account?.tenant !== send.tenant) return notOpen(accounts.has(send.channel));
  const { health, pacing, hide } = account;
  const { address, deliverByMs } = send;
  const room = AbortSignal.any([signal, AbortSignal.timeout(channelLimits.callMs)]);
  try {
    await pacing.turn(send.conversation ?? JSON.stringify(address), room);
  } catch {
    const reason = "The rate of the account or of the conversation left no room in time.";
    return { ok: false, class: "rate", reason, retryAfterMs: RATE_AGAIN_MS };
  }
  if (deliverByMs !== undefined && nowMs() > deliverByMs) {
    return { ok: false, class: "late", reason: "Its time was over before it could be sent." };
  }
  typing.end(account, address);
  if (send.edits !== undefined) await live.end({ receipt: send.edits });
  const result = await called(account, send, signal);
  health.count(result.ok ? "sent" : "send_failed");
  if (result.ok) return result;
  const reason = wellFormed(hide(result.reason).slice(0, REASON_CHARS));
  health.failed(`A send failed (${result.class}): ${reason}`);
  return { ...result, reason };
}

/** What an adapter throws is a mistake of it: nobody knows whether the message has gone out. */
async function called(
  { instance }: Account,
  { part, address, key, attempt, edits }: PartSend,
  signal: AbortSignal,
): Promise<SendResult> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(channelLimits.callMs)]);
  const options = { key, attempt, signal: within };
  try {
    if (edits === undefined) return await instance.send(part, address, options);
    if (instance.edit !== undefined) return await instance.edit(edits, part, address, options);
    return await instance.send(part, address, options);
  } catch (error) {
    return { ok: false, class: "unknown", reason: toErrorData(error).message };
  }
}

/** One that is switched off may be switched on again. */
function notAskedOf(isKnown: boolean): Reconciled {
  if (!isKnown) return { state: "unknown" };
  return { state: "later", reason: "The account is not open." };
}

function notOpen(isKnown: boolean): SendResult {
  if (!isKnown) return { ok: false, class: "gone", reason: "The account was removed." };
  const reason = "The account is not open: it is switched off, or could not be opened.";
  return { ok: false, class: "auth", reason };
}
