// A conversation as others see it: what may be said to its actor, its answers, its messages, its entry in lists.

import type { Address } from "../../runtime/address.ts";
import type { Degraded } from "../knowledge/search.ts";
import type { BudgetLine } from "../money/lines.ts";
import type { PromptMessage, ToolCall, ToolChoice, ToolSpec, Usage } from "../ports.ts";
import type { PinnedPrompts } from "../prompts/prompt.ts";
import type { Asker } from "./asker.ts";
import type { AuthEvent } from "./auth-event.ts";
import type { Finding, Screenable, WithFindings } from "./guardrail.ts";
import type { RecalledMemory } from "./memory.ts";
import type { Picture } from "./picture.ts";
import type { ResponseNote } from "./response.ts";
import type { TargetEvent } from "./target-event.ts";
import type { TeamEvent } from "./team-event.ts";
import type { TenantLimits } from "./tenant-limits.ts";

/** Which action the router took and why. */
export interface RoutingInfo {
  /** `TEAM`: the members of a team, and how it goes on. `REMOTE_AGENT`: an agent elsewhere. `ENGINE`: that of the agent. */
  readonly selected_action: "SUB_AGENT" | "SUPERVISOR" | "TEAM" | "REMOTE_AGENT" | "ENGINE";
  readonly action_name: string;
  readonly reason: string;
  readonly intent: string;
  /** Calibrated probability that the choice is right, 0..1. */
  readonly confidence: number;
  /** Below it a choice is in doubt. */
  readonly threshold: number;
  readonly method:
    | "keyword"
    | "semantic"
    | "model"
    | "graph"
    | "only"
    | "team"
    | "remote"
    | "engine";
  readonly candidates: readonly {
    readonly name: string;
    readonly key: string;
    readonly score: number;
  }[];
  /** Sub-agent chosen, null for the supervisor. */
  readonly sub_agent_key: string | null;
  /** The parts of a compound message, when it was answered by several. */
  readonly parts?: readonly {
    readonly text: string;
    readonly action_name: string;
    readonly sub_agent_key: string | null;
  }[];
  /** Who handed the turn over to whom, in order; the fields above are then of the last one. */
  readonly handoffs?: readonly {
    readonly from: string;
    readonly to: string;
    readonly name: string;
    readonly reason: string;
  }[];
}

/** A passage an answer rests on. */
export interface Source {
  readonly document_id: string;
  readonly title: string;
  readonly chunk_id: string;
  readonly collection_key: string;
  /** What their order follows, 0..1, and how sure it is to be about the question, 0..1. */
  readonly score: number;
  readonly relevance: number;
  readonly text: string;
  readonly headings: readonly string[];
  /** [start, end) in UTF-8 bytes of the document's text. */
  readonly span: readonly [number, number];
  /** Of a paged document: the page it begins on, from 1. */
  readonly page?: number;
}

/** What was asked of the user and what is still missing. */
export interface DataCollection {
  readonly collected: Readonly<Record<string, unknown>>;
  readonly missing: readonly string[];
  readonly complete: boolean;
}

/** Money of one call, in millionths of the account's unit. */
export interface Charge {
  readonly units: number;
  readonly unitPriceMicros: number;
  readonly micros: number;
}

/** A chat turn's answer: the reply in the run's end frame. */
export interface ChatReply extends WithFindings {
  readonly response: string;
  readonly agent_key: string;
  readonly conversation_key: string | null;
  readonly message_id: string;
  readonly run_id: string;
  readonly routing_info: RoutingInfo;
  readonly frontend_trigger: { readonly name: string; readonly payload?: unknown } | null;
  readonly data_collection: DataCollection | null;
  readonly sources: readonly Source[];
  /** The collections were searched and hold nothing on the question: there are no sources. */
  readonly nothing_relevant?: true;
  /**
   * An embedder gave no vector of the question, and why: only its words were looked for, and
   * `nothing_relevant` says no more than that they were not found.
   */
  readonly degraded?: Degraded;
  /** What was remembered of the user and given to the model; absent for an agent without memory. */
  readonly memories?: readonly RecalledMemory[];
  /** Pictures of the message that whoever answered could not see. */
  readonly unseen_pictures?: number;
  readonly usage: Usage;
  /** Model that wrote the answer, as the record names it, and whether it was the built-in answerer. */
  readonly model: string;
  readonly builtin: boolean;
  readonly finish_reason: "stop" | "length" | "tool_calls" | "content_filter";
  /** Which of the caller's stop sequences ended it, where the provider says so. */
  readonly stop_sequence?: string;
  /** Calls of the caller's own tools, with `finish_reason: "tool_calls"`: it asks again with the results. */
  readonly tool_calls?: readonly ToolCall[];
  /**
   * What the model called of the agent's own tools beside those: not performed, since their results would
   * be lost. The model calls them again when it goes on and still wants them.
   */
  readonly unperformed_calls?: readonly ToolCall[];
  /**
   * The calls of own tools before the caller's, with their results: put back when those come (own-rounds.ts),
   * so that the model does nothing twice.
   */
  readonly own_rounds?: readonly PromptMessage[];
  readonly charge: Charge;
  /** Set when the sub-agent escalated. */
  readonly escalated_to?: string;
  /** Parsed answer when an output_schema was enforced. */
  readonly output?: unknown;
}

/** Events of a run that viewers see between text (payload of "event" frames). */
export type ChatEvent =
  | { readonly type: "routing"; readonly routing_info: RoutingInfo }
  /** Comes before the first word that rests on them; none with `nothing_relevant`. */
  | {
      readonly type: "sources";
      readonly sources: readonly Source[];
      readonly nothing_relevant?: true;
      readonly degraded?: Degraded;
    }
  /** What was remembered of the user and given to the model. */
  | { readonly type: "memories"; readonly memories: readonly RecalledMemory[] }
  /** A fact was written down after the turn. */
  | { readonly type: "memory_skipped"; readonly reason: "BALANCE_EXHAUSTED" | "BUDGET_EXHAUSTED" }
  | { readonly type: "memory_written"; readonly id: string | null; readonly status: string }
  | {
      readonly type: "tool_call";
      readonly id: string;
      readonly name: string;
      readonly arguments: unknown;
    }
  | {
      readonly type: "tool_result";
      readonly id: string;
      readonly name: string;
      readonly result: unknown;
    }
  /** A call of one of the caller's tools, which ends the run; `arguments` as the model wrote them. */
  | {
      readonly type: "client_tool_call";
      /** Place among the calls of the answer, from 0. */
      readonly index: number;
      readonly id: string;
      readonly name: string;
      readonly arguments: string;
    }
  | {
      readonly type: "node";
      readonly node: string;
      /** Waiting: for a time, an event or a decision. */
      readonly state: "started" | "waiting" | "completed" | "failed";
    }
  /** A call waits for a person: /v2/approvals/{id}/decide. `run_id` may be of a child run. */
  | {
      readonly type: "approval_requested";
      readonly id: string;
      readonly run_id: string;
      readonly agent_key: string | null;
      readonly tool: string;
      readonly arguments: Readonly<Record<string, unknown>>;
      readonly reason: string;
      readonly expires_at: string;
    }
  | {
      readonly type: "approval_decided";
      readonly id: string;
      readonly tool: string;
      readonly decision: "approve" | "reject";
      /** An API key (`ak_`), "admin", "rule", "expiry" or "limit". */
      readonly by: string;
      readonly note?: string;
    }
  | AuthEvent
  | TargetEvent
  | { readonly type: "guardrail"; readonly findings: readonly Finding[] }
  | { readonly type: "escalated"; readonly to: string; readonly reason: string }
  | TeamEvent
  /** The rest of the turn is answered by `to` (`sa_` or `ag_`), which `name` is the name of. */
  | {
      readonly type: "handoff";
      readonly from: string;
      readonly to: string;
      readonly name: string;
      readonly reason: string;
    }
  /** One line for people, e.g. that the built-in answerer answers and how to set a provider. */
  | { readonly type: "notice"; readonly text: string };

/** A stored message. Key in the actor's records: `m` and the sequence in 8 digits. */
export interface MessageRecord extends WithFindings {
  readonly id: string;
  readonly sequence: number;
  readonly role: "user" | "assistant";
  readonly content: string;
  /** Sent along; the content names them. */
  readonly images?: readonly Picture[];
  /** Typed input of a workflow, whose JSON is the content. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly run_id: string;
  readonly created_at: string;
  /** Set on answers. */
  readonly routing_info?: RoutingInfo;
  readonly sources?: readonly Source[];
  readonly nothing_relevant?: true;
  readonly degraded?: Degraded;
  readonly usage?: Usage;
  /** Of an answer of an engine: where its work can be gone on with. */
  readonly engine?: { readonly engine: string; readonly session: string };
  /** An answer that was cut: by an interrupt, a cancel or a failure. */
  readonly status?: "completed" | "interrupted" | "cancelled" | "failed";
  readonly error?: { readonly code: string; readonly message: string };
}

/** A conversation in the tenant's list, as its state says. */
export interface ConversationRow {
  readonly conversation_key: string;
  readonly agent_key: string;
  /** Who speaks in it, as the application names its users; null when it named nobody. */
  readonly user_key: string | null;
  readonly title: string;
  readonly message_count: number;
  readonly created_at: string;
  readonly updated_at: string;
}

/** Told beside an answer of the built-in answerer. */
export const builtinNotice =
  "This answer comes from the built-in answerer, which quotes and does not write. " +
  "Set OPENAI_API_KEY, ANTHROPIC_API_KEY or OPENAI_BASE_URL and restart to use a model.";

/** Table of a tenant's conversations: id `<agent_key>.<conversation_key>`, value null. */
export const conversationsTable = "conversations";

/** Key of a message's record. */
export function messageKey(sequence: number): string {
  return `m${String(sequence).padStart(8, "0")}`;
}

/** A message of the user to an agent, a team or a workflow. */
export interface ChatMessage extends Screenable {
  readonly type: "chat";
  /** Id of what is to answer. */
  readonly agent: string;
  readonly text: string;
  /** Sent along, and kept by now; the text names them. */
  readonly images?: readonly Picture[];
  /** Typed input of a workflow; `text` is then its JSON. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Values of variables of the agent's prompt, checked; they count before its constants. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Versions of the agent's prompts, as they are now. */
  readonly prompts?: PinnedPrompts;
  /** Who speaks; the first message of a conversation decides for all of it. */
  readonly user?: string;
  /** Whether text is shown as it comes (the provider is asked to stream). */
  readonly stream: boolean;
  readonly on_busy?: "enqueue" | "interrupt" | "reject" | "merge" | "steer";
  /** Taken in the accept's transaction, given back when the turn fails. */
  readonly priceMicros: number;
  /** Service name for the ledger, e.g. "core-agent-chat". */
  readonly service: string;
  /** API key that asked, for the ledger. */
  readonly keyId?: string;
  /** What its run may spend, with all runs below it. */
  readonly maxSpendMicros?: number;
  /** Budgets that its price counts for. */
  readonly charges?: readonly BudgetLine[];
  /** Limits of a tenant that has none of its own. */
  readonly tenantDefaults?: TenantLimits;
  /** Run deadline, ms. Default 600,000. */
  readonly timeoutMs?: number;
  /** Address that is told of the run's end. */
  readonly webhook?: string;
  /** Nobody waits for it: of an agent with an origin so many work at once. Absent: somebody may. */
  readonly atOnce?: number;
  /** Who is told of the run's end beside the caller. */
  readonly tells?: Asker;
  /** Kept beside the message. */
  readonly response?: ResponseNote;
}

/** What may be said to a conversation from outside. */
export type ConversationRequest =
  | ChatMessage
  | { readonly type: "describe" }
  | { readonly type: "cancel"; readonly reason: string }
  | { readonly type: "rename"; readonly title: string }
  | { readonly type: "delete" };

/** Answer to `describe`. `row` null: there is no such conversation (or it was deleted). */
export interface ConversationDescription {
  readonly row: ConversationRow | null;
  readonly running: string | null;
  readonly waiting: readonly string[];
}

/** Answer to an accepted chat message. */
export interface ChatAccepted {
  readonly run: string;
  readonly conversation_key: string | null;
  readonly message_id: string;
  /** Version of the agent the run is pinned to. */
  readonly agent_version: number;
  /** Model the answer is expected from (the supervisor's; a sub-agent may have its own). */
  readonly model: string;
  /** The conversation was answering, or as many runs work as may: it begins when those before it have ended. */
  readonly queued?: true;
}

/** A stateless completion: the messages are used as sent, nothing is stored but the run. */
export interface CompletionMessage
  extends Screenable,
    Pick<ChatMessage, "maxSpendMicros" | "charges" | "tenantDefaults" | "timeoutMs" | "response"> {
  readonly type: "complete";
  readonly agent: string;
  /** Default: the current one, or its canary. */
  readonly version?: number;
  /** Typed input of a workflow; the last message is its JSON. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Values of variables of the agent's prompt. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Who is told of the end. The messages are then kept until they are forgotten. */
  readonly report?: { readonly to: Address; readonly run: string; readonly key: string };
  /** Checked (client-tools.ts): results of tools follow the calls that they answer. */
  readonly messages: readonly PromptMessage[];
  /** Versions of the agent's prompts, as they are now. */
  readonly prompts?: PinnedPrompts;
  /** Who speaks. */
  readonly user?: string;
  readonly stream: boolean;
  readonly overrides: {
    readonly temperature?: number;
    readonly top_p?: number;
    /** Refused where the provider's protocol has no such setting. */
    readonly top_k?: number;
    readonly max_tokens?: number;
    readonly frequency_penalty?: number;
    readonly presence_penalty?: number;
    readonly stop?: readonly string[];
    readonly response_format?: unknown;
    /** Tools that the caller runs. */
    readonly tools?: readonly ToolSpec[];
    /** Of the caller's tools. `none`: none of them; `required`, or one by name: nothing but them. */
    readonly tool_choice?: ToolChoice;
    /** False: at most one call in an answer. Default true. */
    readonly parallel_tool_calls?: boolean;
  };
  readonly priceMicros: number;
  readonly service: string;
  readonly keyId?: string;
}

/** Counter of a tenant's balance, in millionths. */
export const balanceCounter = "balance";

/** Table of ledger rows: one for each charged operation, id sortable by time. */
export const ledgerTable = "ledger";

/** Rows of the ledger as they are written: moved into it in the transaction that adds them to the sums of usage. */
export const freshLedgerTable = "ledger-fresh";

/** A ledger row. `spend` is tokens as the provider reported them; `charge` what the tenant paid. */
export interface LedgerRow {
  readonly id: string;
  readonly at: string;
  readonly service: string;
  readonly run_id: string | null;
  readonly key_id: string | null;
  /** What answered, or was made or changed: an agent, a team or a workflow; absent in old rows. */
  readonly agent_id?: string | null;
  /** Why an operator changed the balance. */
  readonly note?: string;
  readonly charge: Charge;
  readonly spend: Usage | null;
  readonly outcome: string;
}
