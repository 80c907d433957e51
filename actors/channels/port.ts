// What sessions and lanes need from outside: accounts are open once, on main, which sends for all engines.
// Calls that go to a platform return what became of them and do not throw for it.

import type { Approval } from "../records/approval.ts";
import type { ChannelData, FileRef } from "./inbound.ts";
import type { Outgoing, Part, Receipt, Reconciled, SendResult } from "./outgoing.ts";

/** An account: the id of its record. */
export interface AccountRef {
  readonly tenant: string;
  readonly channel: string;
}

/** A message to be answered by an agent. */
export interface ChannelAsk extends AccountRef {
  /** Id of the agent, team or workflow. */
  readonly agent: string;
  readonly text: string;
  readonly files: readonly FileRef[];
  /** The conversation it belongs to; opened by its first message. */
  readonly conversation: string;
  /** Session that is told of the answer, and for which of its questions. */
  readonly session: string;
  readonly question: string;
  /** Where it came from: a sign of writing is shown there meanwhile. */
  readonly address: ChannelData;
  /** Whose rate a preview counts for: the conversation at the platform. Absent in what is older: the address. */
  readonly place?: string;
  /** Who speaks, as users of conversations are named. */
  readonly user: string;
  /** Shown while it is written, where the platform can edit. */
  readonly live?: boolean;
  readonly onBusy: "enqueue" | "interrupt" | "merge" | "steer";
  /** The same for every attempt: it is asked once. */
  readonly key: string;
  /** W3C traceparent of the message. */
  readonly trace?: string;
}

/** What an ask began. */
export interface ChannelAsked {
  readonly run: string;
  /** One sentence for each file that the agent did not get: why. */
  readonly leftOut: readonly string[];
}

/** One part on its way. */
export interface PartSend extends AccountRef {
  readonly part: Part;
  readonly address: ChannelData;
  /** The same for every attempt at this part. */
  readonly key: string;
  readonly attempt: number;
  /** The message that it takes the place of. */
  readonly edits?: Receipt;
  /** Whose rate it counts for: the place's conversation. Default: the address. */
  readonly conversation?: string;
  /** It was not sent before, ms since the epoch, by our clock: what is older is not looked through. Default: not known. */
  readonly sinceMs?: number;
  /** Not sent any more after it, ms since the epoch: class `late`. Default: at any time. */
  readonly deliverByMs?: number;
}

/** Decision about an approval, given in a channel. */
export interface ChannelDecision extends AccountRef {
  readonly approval: string;
  readonly decision: "approve" | "reject";
  /** Who decides: the sender's id at the platform. */
  readonly sender: string;
  readonly note: string | null;
  readonly key: string;
}

/** Whom to write to who has not written. */
export interface ReachAsk extends AccountRef {
  /** The platform's id of a person or a room, as channels of its kind name them. */
  readonly to: string;
  /** Where messages have one. */
  readonly subject?: string;
  /** What begins there is told apart from other such by it. */
  readonly key: string;
}

/** Where that is. */
export interface Reached {
  /** At the platform: of its lane. */
  readonly conversation: string;
  readonly address: ChannelData;
  /** Time to deliver where the channel says nothing, ms. */
  readonly withinMs: number;
}

/** The port. */
export interface Channels {
  /** @throws RuntimeError what the chat was refused with. */
  ask(ask: ChannelAsk, signal: AbortSignal): Promise<ChannelAsked>;
  /** Stops what is under way in a conversation. @returns how many runs were cancelled. */
  stop(
    of: AccountRef & { readonly conversation: string; readonly reason: string },
  ): Promise<number>;
  /** @throws NOT_FOUND, CONFLICT with what was decided, FORBIDDEN. */
  decide(decision: ChannelDecision): Promise<Approval>;
  /** The parts of an answer: the same for the same, as long as the account is. @throws NOT_FOUND when it is gone. */
  render(of: AccountRef & { readonly outgoing: Outgoing }): Promise<readonly Part[]>;
  /** The parts without marks; the template that may be sent instead, null when there is none. */
  renderPlain(of: AccountRef & { readonly outgoing: Outgoing }): Promise<readonly Part[]>;
  template(of: AccountRef & { readonly address: ChannelData }): Promise<Part | null>;
  /**
   * Waits for the account's and the conversation's rate for a while (`callMs` at most, then `rate`). Gives what
   * became of it within two times `callMs`; an account that is closed or broken is `auth`, one that is gone `gone`.
   */
  send(send: PartSend, signal: AbortSignal): Promise<SendResult>;
  reconcile(send: PartSend, signal: AbortSignal): Promise<Reconciled>;
  /** @throws INVALID for what is no id there, or where nobody is written to first; NOT_FOUND, PROVIDER_UNAVAILABLE as `fileBytesMax`. */
  reach(ask: ReachAsk): Promise<Reached>;
  /** Largest file that the account sends, bytes; 0: none. @throws NOT_FOUND, PROVIDER_UNAVAILABLE when it is not open. */
  fileBytesMax(of: AccountRef): Promise<number>;
  typing(of: AccountRef & { readonly address: ChannelData }): void;
  /** A delivery has ended: it is counted. */
  ended(of: AccountRef & { readonly status: string; readonly createdAtMs: number }): void;
}
