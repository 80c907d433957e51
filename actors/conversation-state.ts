// What a conversation's actor remembers: who is answered by which run, and what waits. Small, because
// it is rewritten with every turn; the messages themselves are records.

import type { Lined } from "./lines/waiting.ts";
import type { Charged } from "./money/charges.ts";
import type { PinnedPrompts } from "./prompts/prompt.ts";
import type { Asker } from "./records/asker.ts";
import type { ConversationRow } from "./records/conversation.ts";
import type { GuardInput } from "./records/guardrail.ts";

/** One run of the conversation: under way, or waiting for its turn. */
export interface Entry extends Lined {
  readonly run: string;
  readonly version: number;
  /** Sequences of the user messages it answers, ascending. */
  readonly sequences: readonly number[];
  readonly mode: "enqueue" | "interrupt" | "reject" | "merge" | "steer";
  /** Whether its text is shown as it comes. */
  readonly stream: boolean;
  /** Price of one message; each message of a merged run has paid it. */
  readonly priceMicros: number;
  readonly service: string;
  readonly keyId?: string;
  /** What the run may spend. */
  readonly maxSpendMicros?: number;
  /** What its messages have taken from budgets. */
  readonly charged?: Charged;
  /** Values of variables of the agent's prompt. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Versions of the agent's prompts, as they were when it was accepted. */
  readonly prompts?: PinnedPrompts;
  readonly guard?: GuardInput;
  /** Who is told of its end. */
  readonly webhooks?: readonly string[];
  /** Sessions of channels that are told of its end. */
  readonly tells?: readonly Asker[];
  /** A later message interrupted it: its cancelled end is an interruption. */
  readonly interrupted?: boolean;
  /** Set when another run has answered it; it only repeats that answer. */
  readonly adopted?: boolean;
  /** It goes on with, or beside, an earlier run, whose input it has. */
  readonly isAgain?: true;
  /** It is counted among what its tenant has under way. */
  readonly isCounted?: true;
}

/** State of a conversation's actor. Version 1. */
export interface ConversationState {
  /** The agent it belongs to; null until its first message. */
  readonly agent: string | null;
  readonly title: string;
  readonly count: number;
  /** Sequence of the next user message; the one after it is kept for the answer. */
  readonly next: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly current: Entry | null;
  readonly waiting: readonly Entry[];
  /** Steered messages whose run repeats an answer that is there already. */
  readonly adopting: readonly Entry[];
  /** Forks under way: their answers are no messages. */
  readonly forks?: readonly Entry[];
  /** Who has taken the place of the run that answered last, while `next` stands there. */
  readonly resumed?: { readonly run: string; readonly next: number };
  /** What `required_parameters` has collected. */
  readonly collected: Readonly<Record<string, unknown>> | null;
  readonly deleted: boolean;
  /** It is counted among its tenant's; those of earlier versions are not. */
  readonly isCounted?: true;
  /** Who speaks; set by the first message. */
  readonly user?: string;
  /** Something of it may be remembered elsewhere: it must be forgotten there too. */
  readonly isRemembered?: true;
  /** Agents of the team that remember something of it. */
  readonly rememberedBy?: readonly string[];
}

/** A conversation nobody has spoken in. */
export const emptyConversation: ConversationState = {
  agent: null,
  title: "",
  count: 0,
  next: 1,
  createdAtMs: 0,
  updatedAtMs: 0,
  current: null,
  waiting: [],
  adopting: [],
  collected: null,
  deleted: false,
};

/** Id of a conversation's row in the tenant's list. */
export function rowId(agent: string, conversation: string): string {
  return `${agent}.${conversation}`;
}

/** The conversation that a row of the list is about. */
export function conversationOf(rowId: string): string {
  return rowId.slice(rowId.indexOf(".") + 1);
}

/** The conversation's row, or null when there is none. */
export function rowOf(state: ConversationState, conversation: string): ConversationRow | null {
  if (state.agent === null || state.deleted) return null;
  return {
    conversation_key: conversation,
    agent_key: state.agent,
    user_key: state.user ?? null,
    title: state.title,
    message_count: state.count,
    created_at: new Date(state.createdAtMs).toISOString(),
    updated_at: new Date(state.updatedAtMs).toISOString(),
  };
}
