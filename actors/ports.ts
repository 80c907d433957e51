// What actors need from outside, as types only. Each worker's composition root builds the
// implementations from plain configuration and hands them to runs as `context.ports`.

import type { Log } from "../runtime/log.ts";
import type { Channels } from "./channels/port.ts";
import type { LeftRow } from "./channels/removed-message.ts";
import type { Credentials } from "./credentials/port.ts";
import type { Engines } from "./engines/port.ts";
import type { EngineWorks } from "./engines/works.ts";
import type { Files } from "./files.ts";
import type { Ingest, Reembed } from "./ingestion/port.ts";
import type { Passage, SearchRequest, SearchResult } from "./knowledge/search.ts";
import type { McpServers } from "./mcp/port.ts";
import type { Memories } from "./memory/memories.ts";
import type { Marks } from "./money/ahead.ts";
import type { CallAttempts } from "./money/attempts.ts";
import type { Prices } from "./money/catalogue.ts";
import type { CallPayer } from "./money/provider-call.ts";
import type { EmbedderPin } from "./records/embedder-pin.ts";
import type { GuardFigures } from "./records/guardrail.ts";
import type { ImageRef } from "./records/image.ts";
import type { Scripts } from "./tools/script-run.ts";
import type { Launches, Schedules } from "./triggers/port.ts";
import type { Web } from "./web.ts";
import type { Webhooks } from "./webhooks.ts";

/** Token counts as the provider reported them; `estimated` when it reported none. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly estimated?: boolean;
  /** Of the prompt's what the provider had read before; absent: none, or it does not say. */
  readonly cachedTokens?: number;
  /** Of the prompt's what the provider keeps to be read again: for minutes, and for an hour or longer. */
  readonly cacheWriteTokens?: number;
  readonly cacheWriteLongTokens?: number;
  /** Of the completion's what the model thought before it spoke; absent as above. */
  readonly reasoningTokens?: number;
  /** Who took them, as agents name the model; absent: nobody says, or several did. */
  readonly model?: string;
  /** What they cost at the prices of their time, in millionths of the account's unit; absent: no price is known. */
  readonly spendMicros?: number;
  /** Of several models what each took, together the whole; what nobody named has no `model`. */
  readonly models?: readonly Usage[];
}

/** A tool call the model asked for. `arguments` is the JSON text as sent, possibly invalid. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/** One message of a prompt. */
export type PromptMessage =
  | { readonly role: "system"; readonly content: string }
  | { readonly role: "user"; readonly content: string; readonly images?: readonly ImageRef[] }
  | {
      readonly role: "assistant";
      readonly content: string;
      readonly toolCalls?: readonly ToolCall[];
    }
  | { readonly role: "tool"; readonly content: string; readonly toolCallId: string };

/** A tool the model may call. */
export interface ToolSpec {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Whether a provider that can hold arguments to the schema is asked to. */
  readonly strict?: boolean;
}

/** Which of the tools a model may or must call. */
export type ToolChoice = "auto" | "none" | "required" | { readonly name: string };

/** What the built-in answerer works from; providers with a model never see it. */
export interface Grounding {
  /** The user's message of this turn. */
  readonly question: string;
  readonly passages: readonly Passage[];
  /** Whether the answerer was meant to use a collection (so that no passage means "nothing relevant"). */
  readonly usesCollection: boolean;
  /** The agent's own texts in order of use: examples, goal, persona, description. */
  readonly texts: readonly string[];
  readonly examples: readonly { readonly input: string; readonly output: string }[];
  /** Names of what the sub-agents do, for small talk ("I can help with ..."). */
  readonly offers: readonly string[];
  readonly agentName: string;
}

/** One call to a model. Unset numbers are left to the provider. */
export interface LlmRequest {
  /**
   * As the record says: "gpt-5-mini", "anthropic/claude-...", "builtin". Mapped to a provider by rule;
   * "" is the operator's default model.
   */
  readonly model: string;
  readonly messages: readonly PromptMessage[];
  readonly temperature?: number;
  readonly topP?: number;
  /** Of providers that speak Anthropic's protocol alone. */
  readonly topK?: number;
  readonly maxTokens?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly stop?: readonly string[];
  readonly tools?: readonly ToolSpec[];
  readonly toolChoice?: ToolChoice;
  /** At most one call in an answer. */
  readonly parallelToolCalls?: false;
  /** `json` any object; a schema where the provider can enforce it (always validated again by us). */
  readonly responseFormat?:
    | { readonly type: "text" }
    | { readonly type: "json" }
    | {
        readonly type: "schema";
        readonly name: string;
        readonly schema: Readonly<Record<string, unknown>>;
      };
  /** Whether the provider is asked to stream. */
  readonly stream: boolean;
  readonly grounding?: Grounding;
}

/** What comes while a model answers. The same events from every implementation. */
export type LlmEvent =
  | { readonly type: "text"; readonly text: string }
  | {
      readonly type: "tool-call";
      readonly index: number;
      readonly id?: string;
      readonly name?: string;
      readonly argumentsDelta?: string;
    };

/** Why a model stopped. */
export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter";

/** What a model call gave. */
export interface LlmResult {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: FinishReason;
  /** Which of the request's stop sequences ended it, where that is known. */
  readonly stopSequence?: string;
  readonly usage: Usage;
  /** Provider's name in our configuration ("openai", "anthropic", "builtin") and the model it named. */
  readonly provider: string;
  readonly model: string;
}

/**
 * A model. Errors are RuntimeError: PROVIDER_LIMITED (429, `details.retryAfterMs`), PROVIDER_UNAVAILABLE
 * (5xx, cut streams, refused connections: retryable), PROVIDER_FAILED (4xx: not), DEADLINE, CANCELLED.
 */
export interface Llm {
  complete(
    request: LlmRequest,
    options: {
      /** Where a provider has no room for all, tenants take turns, and within one its keys. */
      readonly caller: {
        readonly tenant: string;
        readonly key: string;
        /** Told of each request that goes out to a provider. */
        readonly attempts?: CallAttempts;
      };
      readonly signal: AbortSignal;
      onEvent?(event: LlmEvent): void;
    },
  ): Promise<LlmResult>;
  /** Context window of a model in tokens (a configured or known figure, default 128,000). */
  windowOf(model: string): number;
  /** Whether this model is the built-in answerer (no provider configured for it). */
  isBuiltin(model: string): boolean;
  /** Whether a model takes images, as far as is configured or known; of a chain every one of it. */
  takesImages(model: string): boolean;
}

/** What an `embed` call used, for spend and for whoever must be told that a text was cut. */
export interface EmbedUse {
  /** Tokens that were computed; 0 for texts whose vectors were remembered. */
  readonly tokens: number;
  /** Whether the tokens were estimated because nobody counted them. */
  readonly estimated: boolean;
  /** Places in `texts` of those longer than `tokensMax`: their vectors are of their beginnings. */
  readonly truncated: readonly number[];
}

/** How texts are embedded. */
export interface EmbedOptions {
  /** Whose texts: tenants take turns. */
  readonly tenant: string;
  readonly signal?: AbortSignal;
  /** Whose budgets it counts for beside the tenant's; null: nobody's, the operator asks. Default: no other's. */
  readonly payer?: CallPayer | null | undefined;
  /** Some models want queries and documents marked. Default document. */
  readonly purpose?: "query" | "document";
  /** Called once, before the vectors are returned. */
  onUse?(use: EmbedUse): void;
}

/** How an embedder counts tokens, as data that crosses threads: a compute thread loads it by this. */
export type TokenizerSpec =
  | { readonly kind: "approximate" }
  | { readonly kind: "bpe"; readonly encoding: "cl100k_base" | "o200k_base" }
  | { readonly kind: "model"; readonly folder: string };

/** Counts tokens on the thread it was loaded in. */
export interface Tokenizer {
  readonly id: string;
  /** Tokens of a text, without what a model adds around it. */
  count(text: string): number;
}

/** Texts to unit vectors of `dimension` floats. */
export interface Embedder extends EmbedderPin {
  /** Longer texts are cut, which `onUse` says. */
  readonly tokensMax: number;
  readonly tokenizer: TokenizerSpec;
  /**
   * One vector per text, same order. @throws RuntimeError POOL_FULL, DEADLINE, CANCELLED,
   * EMBEDDER_UNAVAILABLE, and as a provider's calls do: PROVIDER_LIMITED, PROVIDER_UNAVAILABLE,
   * PROVIDER_FAILED.
   */
  embed(texts: readonly string[], options: EmbedOptions): Promise<readonly Float32Array[]>;
  /** For the router's hot path: at once, on the calling thread. Only cheap embedders have it. */
  embedNow?(text: string): Float32Array;
}

/** The embedders there are. */
export interface Embedders {
  /** Configured names; `builtin` is always there. */
  readonly names: readonly string[];
  /** Of new collections that name none. */
  readonly defaultName: string;
  /**
   * By configured name or by id. @throws RuntimeError EMBEDDER_UNKNOWN, EMBEDDER_UNAVAILABLE (a
   * package or a model's files are missing: the message says which and where they go).
   */
  find(name: string): Promise<Embedder>;
  /**
   * That of a collection, with its `weights`. @throws as `find`, EMBEDDER_MISMATCH when it gives other
   * vectors now, and as `Embedder.embed` where that is told by embedding a text.
   */
  pinned(pin: EmbedderPin): Promise<Embedder>;
}

/** A file as it was given. */
export interface DocumentSource {
  readonly bytes: Uint8Array;
  /** File name; its extension is a hint, the content decides. */
  readonly name?: string;
  /** As declared, e.g. "text/html; charset=utf-8"; a hint too. */
  readonly mediaType?: string;
}

/** What a file turned out to be. */
export type DocumentFormat =
  | "pdf"
  | "docx"
  | "html"
  | "markdown"
  | "text"
  | "csv"
  | "json"
  | "jsonl"
  | "code";

/** A document's text with what is known of it. */
export interface ParsedDocument {
  /** Markdown-like: `#` headings, lists, `|` tables, fenced code; never empty. */
  readonly text: string;
  /** As the document itself says. */
  readonly title?: string;
  readonly format: DocumentFormat;
  /** E.g. author, language, created (ISO 8601), pages, rows, encoding. */
  readonly metadata: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  /** Of a paged document: where each page starts in `text`, in UTF-8 bytes; the first is page 1. */
  readonly pages?: readonly number[];
  /** What was not as expected, e.g. that the extension is wrong. One sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Reads documents. @throws RuntimeError DOCUMENT_UNREADABLE with `details.reason`: encrypted,
 * damaged, too-large, too-many-pages, too-deep, unsupported, no-text, empty, timeout, memory; and what the
 * pool says: POOL_FULL, DEADLINE (it never got a thread), CANCELLED.
 */
export interface Parser {
  parse(
    source: DocumentSource,
    options: { readonly tenant: string; readonly signal?: AbortSignal },
  ): Promise<ParsedDocument>;
}

/** Unknown collection: NOT_FOUND; a filter that is none, or an unknown re-ranker asked for: INVALID. */
export interface Retriever {
  search(request: SearchRequest): Promise<SearchResult>;
}

/** Judges passages by reading each together with the question: slower and better than ranks. */
export interface Reranker {
  readonly id: string;
  /**
   * How well each text answers the query, 0..1, same order. @throws RuntimeError POOL_FULL, DEADLINE,
   * CANCELLED, RERANKER_UNAVAILABLE, PROVIDER_LIMITED, PROVIDER_UNAVAILABLE, PROVIDER_FAILED.
   */
  rerank(
    query: string,
    texts: readonly string[],
    options: RerankOptions,
  ): Promise<readonly number[]>;
}

/** How texts are re-ranked. */
export interface RerankOptions {
  readonly tenant: string;
  /** Whose budgets it counts for beside the tenant's. Default: no other's. */
  readonly payer?: CallPayer | undefined;
  readonly signal?: AbortSignal;
}

/** The re-rankers there are. */
export interface Rerankers {
  /** Configured names; there may be none. */
  readonly names: readonly string[];
  /** @throws RuntimeError INVALID for a name that is not configured, RERANKER_UNAVAILABLE. */
  find(name: string): Promise<Reranker>;
}

/** CPU work that must not run on a worker's thread; saturation shows as POOL_FULL. */
export interface Compute {
  run(
    task: string,
    input: unknown,
    options: {
      /** Whose work it is: tenants take turns, and within one its keys. */
      readonly tenant: string;
      readonly key?: string;
      readonly signal?: AbortSignal;
      /** Waiting for a thread included. */
      readonly timeoutMs: number;
      /** Of this, what it may take once it has a thread. */
      readonly runMs?: number;
      /** What the process may grow by meanwhile. */
      readonly memoryMib?: number;
    },
  ): Promise<unknown>;
}

/** What removing needs from outside. Every call may come again. */
export interface Removals {
  /** Ids of the jobs of a collection that have not ended. */
  jobsOf(tenant: string, collection: string): Promise<readonly string[]>;
  /** Removes rows and files of a collection. */
  collection(tenant: string, collection: string): Promise<void>;
  /** Removes what an agent remembered of everybody. */
  agent(tenant: string, agent: string): Promise<void>;
  /** Ids of a table's rows that begin with `prefix`, in order, behind one of them or from the first. */
  rowsOf(
    tenant: string,
    page: {
      readonly table: string;
      readonly prefix: string;
      readonly after: string | null;
      readonly limit: number;
    },
  ): Promise<readonly string[]>;
  /** Rows of a channel that no actor keeps. */
  channelRows(tenant: string, channel: string, limit: number): Promise<readonly LeftRow[]>;
}

/** The ports of a worker. */
/** What holds for agents that come from files, or were made under /agents/v1. */
export interface AgentDefaults {
  /** That their runs work, where they name no `max_runtime`. */
  readonly timeoutSeconds: number;
}

export interface Ports {
  /** Where findings of guardrails are counted. Default: nowhere. */
  readonly guards?: GuardFigures;
  readonly llm: Llm;
  /** The built-in one: of the router and of whatever must not wait. */
  readonly embedder: Embedder;
  readonly embedders: Embedders;
  readonly retriever: Retriever;
  readonly ingest: Ingest;
  readonly memories: Memories;
  readonly reembed: Reembed;
  readonly removals: Removals;
  readonly webhooks: Webhooks;
  readonly web: Web;
  readonly files: Files;
  readonly credentials: Credentials;
  readonly channels: Channels;
  readonly launches: Launches;
  /** Schedules that agents set for themselves. Absent: nobody keeps them here. */
  readonly schedules?: Schedules;
  /** Scripts of the operator; absent: there are none. */
  readonly scripts?: Scripts;
  /** Ids of tenants whose own code may run in sandboxed processes, or "*". Default: none. */
  readonly processTenants?: readonly string[];
  readonly mcp: McpServers;
  /** Work of engines; absent: there is none, as in a replay. */
  readonly works?: EngineWorks;
  /** Absent: there are no engines. */
  readonly engines?: Engines;
  readonly compute: Compute;
  /** What things cost since this start. */
  readonly prices: Prices;
  /** What holds for agents with an origin. Default: nothing. */
  readonly agentDefaults?: AgentDefaults;
  /** What of budgets is flushed ahead. Default: each call that is limited waits for its own flush. */
  readonly marks?: Marks;
  /** What an operator should know. Default: nothing is said. */
  readonly log?: Log;
}
