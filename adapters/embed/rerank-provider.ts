// Re-ranking by a server with `/rerank` as Cohere, Jina, Voyage, vLLM and others have it: one request
// a search, and every score checked before it orders anything.

import {
  type CallUse,
  type ProviderCall,
  type ProviderPurse,
  rerankSearchesMax,
  rerankTokensMax,
} from "../../actors/money/provider-call.ts";
import type { Reranker, RerankOptions } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { FairSlots } from "../../runtime/shared/fair-slots.ts";
import type { WeightOf } from "../../runtime/shared/tenant-weights.ts";
import type { RerankerConfig } from "../config-rerankers.ts";
import type { Egress } from "../egress.ts";
import { shareOf } from "./logistic.ts";
import {
  type CalledProvider,
  callProvider,
  callStates,
  type Paying,
  type ProviderCallParts,
} from "./provider-call.ts";

/** What it is made from. */
export interface RerankProviderParts {
  readonly entry: Extract<RerankerConfig, { kind: "provider" }>;
  readonly provider: CalledProvider;
  /** Default: of this re-ranker alone. */
  readonly state?: ProviderCallParts<unknown>["state"];
  readonly egress: Egress;
  /** A number in [0, 1) for jitter. Default Math.random. */
  readonly random?: () => number;
  /** Shares of a tenant where requests wait. Default: one each. */
  readonly weightOf?: WeightOf | undefined;
  /** Where requests are paid. Default: nowhere. */
  readonly purse?: ProviderPurse | undefined;
}

/** Limits of requests. */
export const rerankProviderLimits = {
  /** Characters of a text, or of the query; the rest is not sent. */
  textChars: 8_000,
  /** Requests of one thread at once; more wait in fair order. */
  requestsMax: 8,
  requestsWaitingMax: 256,
  /** Some servers send the texts back. */
  answerBytes: 4 * 1_024 * 1_024,
} as const;

/** A re-ranker of a provider. */
export function createProviderReranker(parts: RerankProviderParts): Reranker {
  const { entry, provider } = parts;
  const { state = callStates([provider], provider).reranking } = parts;
  const { textChars, requestsMax, requestsWaitingMax, answerBytes } = rerankProviderLimits;
  const slots = new FairSlots({
    name: `re-ranking requests to ${entry.provider}`,
    slots: requestsMax,
    waitingMax: requestsWaitingMax,
    weightOf: parts.weightOf,
  });
  const call = {
    ...{ ...parts, state, model: entry.model, slots },
    ...{ path: "/rerank", answerBytes, totalMs: entry.timeoutMs },
  };
  return {
    id: entry.id,
    async rerank(query, texts, options) {
      const { tenant, signal = new AbortController().signal } = options;
      if (texts.length === 0) return [];
      const body = {
        model: entry.model,
        query: query.slice(0, textChars),
        // Empty ones are refused.
        documents: texts.map((text) => text.slice(0, textChars) || " "),
        top_n: texts.length,
      };
      const read = (text: string) => readRanking(text, texts.length, entry);
      const paying = payingOf(parts, body, options);
      const { scores } = await callProvider({ ...call, read, paying }, body, { tenant, signal });
      return scores;
    },
  };
}

function payingOf(
  { entry, purse }: RerankProviderParts,
  { query, documents }: { readonly query: string; readonly documents: readonly string[] },
  { tenant, payer }: RerankOptions,
): Paying<Ranking> | undefined {
  if (purse === undefined) return undefined;
  const model = `${entry.provider}/${entry.model}`;
  const call: ProviderCall = {
    ...{ tenant, model, ...(payer && { payer }) },
    service: "rerank",
    tokensMax: rerankTokensMax(query, documents),
    searchesMax: rerankSearchesMax(documents),
  };
  return { reserve: (signal) => purse.reserve(call, signal), useOf: ({ use }) => use };
}

/** Scores in the order of the texts, and what they took. */
interface Ranking {
  readonly scores: readonly number[];
  readonly use: CallUse;
}

/** @throws as `readScores`. */
function readRanking(text: string, count: number, entry: Whose): Ranking {
  const scores = readScores(text, count, entry);
  return { scores, use: useOf(parse(text, entry)) };
}

/** Jina and Voyage count tokens, Cohere searches. */
function useOf({ usage, meta }: Readonly<Record<string, unknown>>): CallUse {
  const { total_tokens, prompt_tokens } = partOf(usage);
  const { search_units, input_tokens } = partOf(partOf(meta)["billed_units"]);
  const tokens = [total_tokens, prompt_tokens, input_tokens].find(isCount);
  return {
    ...(isCount(tokens) && { tokens }),
    ...(isCount(search_units) && { searches: search_units }),
  };
}

function partOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

/** @throws RuntimeError PROVIDER_FAILED; PROVIDER_UNAVAILABLE when the answer is cut short. */
export function readScores(text: string, count: number, entry: Whose): readonly number[] {
  const answer = parse(text, entry);
  // Voyage names it as OpenAI would.
  const results = answer["results"] ?? answer["data"];
  if (!Array.isArray(results)) throw wrong(entry, "an answer without results");
  if (results.length !== count) throw wrong(entry, `${results.length} scores for ${count} texts`);
  const scores = new Array<number>(count);
  for (const item of results) {
    const { index, relevance_score: score } = (item ?? {}) as Readonly<Record<string, unknown>>;
    const isPlace = typeof index === "number" && Number.isInteger(index);
    if (!isPlace || index < 0 || index >= count || scores[index] !== undefined) {
      throw wrong(entry, `a score with the index ${JSON.stringify(index)}`);
    }
    if (typeof score !== "number" || !Number.isFinite(score)) {
      throw wrong(entry, "a score that is no number");
    }
    scores[index] = score;
  }
  // Some servers give what the model gives, and leave it to the caller to make it a share.
  const isShare = scores.every((score) => score >= 0 && score <= 1);
  return isShare ? scores : scores.map(shareOf);
}

type Whose = Pick<RerankProviderParts["entry"], "provider" | "model">;

function parse(text: string, { provider, model }: Whose): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unreadable(provider, cause);
  }
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw wrong({ provider, model }, "an answer that is no object");
}

function unreadable(provider: string, cause: unknown): RuntimeError {
  const text = `${provider} sent an answer that cannot be read.`;
  return new RuntimeError("PROVIDER_UNAVAILABLE", text, { provider }, { cause });
}

function wrong({ provider, model }: Whose, what: string): RuntimeError {
  return new RuntimeError("PROVIDER_FAILED", `${provider} gave ${what} for ${model}.`, {
    provider,
  });
}
