// Re-ranking by a server with `/rerank` as Cohere, Jina, Voyage, vLLM and others have it: one request
// a search, and every score checked before it orders anything.

import type { Reranker } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { FairSlots } from "../../runtime/shared/fair-slots.ts";
import type { RerankerConfig } from "../config-rerankers.ts";
import type { Egress } from "../egress.ts";
import { shareOf } from "./logistic.ts";
import {
  type CalledProvider,
  callProvider,
  callStates,
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
  });
  const call = {
    ...{ ...parts, state, model: entry.model, slots },
    ...{ path: "/rerank", answerBytes, totalMs: entry.timeoutMs },
  };
  return {
    id: entry.id,
    async rerank(query, texts, { tenant, signal = new AbortController().signal }) {
      if (texts.length === 0) return [];
      const body = {
        model: entry.model,
        query: query.slice(0, textChars),
        // Empty ones are refused.
        documents: texts.map((text) => text.slice(0, textChars) || " "),
        top_n: texts.length,
      };
      const read = (text: string) => readScores(text, texts.length, entry);
      return await callProvider({ ...call, read }, body, { tenant, signal });
    },
  };
}

/** @throws RuntimeError PROVIDER_FAILED; PROVIDER_UNAVAILABLE when the answer is cut short. */
export function readScores(
  text: string,
  count: number,
  entry: Pick<RerankProviderParts["entry"], "provider" | "model">,
): readonly number[] {
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
