// Calls of providers that are no model's words: vectors of texts, and the order of passages. What one may
// cost is known before it goes out, so it is reserved whole and settled by what its provider counts. Whoever
// makes such a call asks a `ProviderPurse`, wherever it is made.

import type { CallPrice } from "./catalogue.ts";
import type { Payer } from "./lines.ts";

/** Services under which the ledger has them. */
export type ProviderService = "embedding" | "rerank";

/** On whose behalf a provider is asked. */
export interface CallPayer extends Payer {
  /** Run that asks; absent: none does. */
  readonly run?: string;
  /** What the run lies under: a conversation, or a root of its own. */
  readonly root?: string;
}

/** A call that is about to go out. */
export interface ProviderCall {
  readonly tenant: string;
  /** Absent: nobody but the tenant is known. */
  readonly payer?: CallPayer;
  readonly service: ProviderService;
  /** With its provider's name before it: "voyage/voyage-3". */
  readonly model: string;
  /** Tokens and searches that its provider may count, at most. */
  readonly tokensMax: number;
  readonly searchesMax?: number;
}

/** What a provider has counted; absent: it has not said. */
export interface CallUse {
  readonly tokens?: number;
  readonly searches?: number;
}

/** A call that is paid for. Ended once, by the first of these. */
export interface ReservedCall {
  /** It was made. What was not counted counts as it was reserved. */
  settle(use: CallUse): Promise<void>;
  /** Nothing of it is paid: it was refused, or never sent. */
  release(): Promise<void>;
}

/** Where calls are paid. */
export interface ProviderPurse {
  /**
   * Reserves what a call may cost in every budget that it counts for, or in none.
   * @throws RuntimeError BUDGET_EXHAUSTED, PRICE_UNKNOWN, POOL_FULL while others hold what is left, CANCELLED.
   */
  reserve(call: ProviderCall, signal?: AbortSignal): Promise<ReservedCall>;
}

/** What a call is booked as when it ends: rows of the ledger. */
export interface Booking {
  readonly service: ProviderService;
  readonly keyId: string | null;
  readonly agent: string;
  readonly runId: string | null;
  readonly model: string;
  /** Null: no price is known, and nothing limits it. */
  readonly price: CallPrice | null;
  readonly tokensMax: number;
  readonly searchesMax: number;
  /** Start of the server in which it was made: one that finds another knows that nobody will settle it. */
  readonly life: string;
}

const TOKENS_OF_PRICE = 1_000_000n;
/** What a provider may put around a text, and around a request. */
const TEXT_TOKENS = 16;
const REQUEST_TOKENS = 64;

/** Millionths of so many tokens and searches, rounded up. */
export function callMicros(
  price: CallPrice | null,
  { tokens, searches }: Required<CallUse>,
): number {
  if (price === null) return 0;
  const { inputMicros, searchMicros } = price;
  const sum = BigInt(Math.ceil(tokens)) * BigInt(inputMicros) + TOKENS_OF_PRICE - 1n;
  return Number(sum / TOKENS_OF_PRICE) + Math.ceil(searches) * searchMicros;
}

/** Tokens that a provider may count for texts: none is less than a byte (money/bound.ts). */
export function embedTokensMax(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + bytesOf(text) + TEXT_TOKENS, REQUEST_TOKENS);
}

/** Tokens of re-ranking: the question is read with every text. */
export function rerankTokensMax(query: string, texts: readonly string[]): number {
  return embedTokensMax(texts) + texts.length * bytesOf(query);
}

/**
 * Searches of re-ranking, as Cohere counts them: one holds 100 texts, and of a text that has more than 500
 * tokens with its question each part is one (docs.cohere.com, "How does Cohere's pricing work"). A question
 * takes at most half of a part.
 */
export function rerankSearchesMax(texts: readonly string[]): number {
  const parts = texts.reduce((sum, text) => sum + Math.ceil((bytesOf(text) + 1) / PART_TOKENS), 0);
  return Math.max(1, Math.ceil(parts / SEARCH_TEXTS));
}

const PART_TOKENS = 250;
const SEARCH_TEXTS = 100;

function bytesOf(text: string): number {
  return Buffer.byteLength(text, "utf8");
}
