// What a session remembers: whom it talks with, what is asked and not answered, and what waits. Small,
// because it is rewritten with every turn; repeats that are known are records.

import type { ChannelData, FileRef } from "./inbound.ts";
import type { Receipt } from "./outgoing.ts";
import type { SessionKey } from "./session-key.ts";

/** A message on its way to the agent. */
export interface Question {
  /** `cq_...` */
  readonly id: string;
  /** The platform's id of the message; of several that were joined, the last. */
  readonly message: string;
  readonly channel: string;
  readonly text: string;
  readonly files: readonly FileRef[];
  readonly address: ChannelData;
  /** Its conversation at the platform: of its lane. */
  readonly place: string;
  /** Time to deliver where the channel says nothing, ms. */
  readonly withinMs?: number;
  readonly sender: string;
  /** Who that is on all channels. */
  readonly person?: string;
  /** Not asked before, ms since the epoch; 0: at once. */
  readonly dueAtMs: number;
  /** What follows within so many ms is joined to it. */
  readonly mergeMs?: number;
  /** Platform ids of what was joined in it. */
  readonly joined?: readonly string[];
  /** Times that it was refused for now. */
  readonly refusals?: number;
  /** Asked instead of the session's agent. */
  readonly agent?: string;
}

/** A question that was handed over. */
export interface Asked {
  readonly question: string;
  readonly message: string;
  readonly channel: string;
  readonly address: ChannelData;
  readonly place: string;
  readonly withinMs?: number;
  readonly sender: string;
  /** The conversation (`cv_`) that it was asked in. */
  readonly conversation: string;
  /** Null: nobody has taken it yet. */
  readonly run: string | null;
  /** When it was handed over, ms since the epoch; absent in rows of before. */
  readonly atMs?: number;
  /** A preview of its answer is shown, or about to be: under which key, and as which message. */
  readonly live?: { readonly key: string; readonly receipt?: Receipt };
}

/** An approval that is shown in the channel. */
export interface ShownApproval {
  readonly id: string;
  readonly tool: string;
  /** Who had asked: `requester` of `approvers`. */
  readonly requester: string;
  readonly channel: string;
  readonly address: ChannelData;
  readonly place: string;
  readonly withinMs?: number;
  /** The message that shows it; null: it is on its way. */
  readonly receipt: Receipt | null;
  /** Said in its place once the message has arrived. */
  readonly over?: string;
}

/** State of a session's actor. Version 1. */
export interface SessionState {
  readonly key: SessionKey | null;
  /** The channel of its last message. */
  readonly channel: string;
  /** Where its last message came from. */
  readonly address: ChannelData | null;
  readonly place: string;
  readonly isDirect: boolean;
  readonly lastAtMs: number;
  /** Of the first message since it began, or began anew; absent: there was none. */
  readonly sinceMs?: number;
  /** The conversation under way (`cv_`), and those before it, newest first. */
  readonly conversation: string | null;
  readonly earlier: readonly string[];
  /** Chosen by `/agent`; null: the channel's. */
  readonly agent: string | null;
  /** Messages that are not asked yet, oldest first. */
  readonly waiting: readonly Question[];
  /** The question that is being handed over: its run. */
  readonly asking: { readonly question: Question; readonly run: string } | null;
  /** Handed over and not answered, oldest first. */
  readonly asked: readonly Asked[];
  readonly approvals: readonly ShownApproval[];
  /** Edits (a text) and deletions (null) that came before what they change. */
  readonly early: readonly { readonly message: string; readonly text: string | null }[];
  /** Messages that were heard last: what was asked is not changed by an edit. */
  readonly heard: readonly string[];
  /** Receipts of what was said last: our own echoes. */
  readonly said: readonly string[];
  /** Deliveries that wait for the correspondent's next message. */
  readonly held: readonly { readonly delivery: string; readonly lane: string }[];
  /** Answers of the hour that began then: the budget against loops. */
  readonly answers: { readonly sinceMs: number; readonly count: number };
  /** Until then nothing more is said about being closed. */
  readonly toldClosedUntilMs: number;
  readonly isSwept: boolean;
}

/** A session nobody has spoken in. */
export const emptySession: SessionState = {
  key: null,
  channel: "",
  address: null,
  place: "",
  isDirect: true,
  lastAtMs: 0,
  conversation: null,
  earlier: [],
  agent: null,
  waiting: [],
  asking: null,
  asked: [],
  approvals: [],
  early: [],
  heard: [],
  said: [],
  held: [],
  answers: { sinceMs: 0, count: 0 },
  toldClosedUntilMs: 0,
  isSwept: false,
};

/** Table of sessions as lists show them: `<channel>.<cs>`. */
export const sessionsTable = "channel-sessions";
/** Which session has opened a conversation, and by which channel: `<cv>` to `{session, channel}`. */
export const sessionOfConversationTable = "channel-conversations";

/** A session as lists show it. Times are ISO 8601. */
export interface SessionRow {
  readonly id: string;
  readonly channel: string;
  readonly key: SessionKey;
  readonly conversation_key: string | null;
  /** Conversations before it, newest first; their messages stay readable. */
  readonly earlier: readonly string[];
  readonly agent: string | null;
  readonly last_message_at: string;
}
