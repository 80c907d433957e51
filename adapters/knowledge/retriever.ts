// The Retriever port of a thread: finds the collection's index in this thread, brings it up to the
// collection's head, searches it, and has what was found re-ranked and diversified where that is set.
// It never writes. Most searches find nothing new: two rows are read.

import { diversified } from "../../actors/knowledge/diversity.ts";
import { compileFilter } from "../../actors/knowledge/filter.ts";
import {
  type ChunkQuery,
  type FoundPassages,
  ranking,
  searchText,
} from "../../actors/knowledge/retrieve.ts";
import type {
  Degraded,
  Passage,
  SearchRequest,
  SearchResult,
  Tuning,
} from "../../actors/knowledge/search.ts";
import { tuningOf } from "../../actors/knowledge/tuning.ts";
import type { Embedder, Embedders, Rerankers, Retriever } from "../../actors/ports.ts";
import type { RetrievalSettings } from "../../actors/records/retrieval.ts";
import { RuntimeError, toErrorData } from "../../runtime/errors.ts";
import { keys } from "../../runtime/store/keys.ts";
import { createQuestions, type QuestionParts, type Questions } from "../embed/questions.ts";
import { readCurrent } from "./editions.ts";
import type { IndexSources } from "./index-cache.ts";
import { type EmbedderName, headOf, type Place } from "./rows.ts";
import { createSearcher, type Searcher } from "./searcher.ts";

/** What a retriever reads. */
export interface RetrieverOptions extends IndexSources {
  /** Settings of a collection; undefined: there is no such collection. */
  settingsOf(place: Place): RetrievalSettings | undefined | Promise<RetrievalSettings | undefined>;
  /** Of collections whose embedder this is. */
  readonly embedder: Embedder;
  /** Of all others; without it they are refused. */
  readonly embedders?: Pick<Embedders, "pinned">;
  /** Vectors of questions. Default: of these embedders. */
  readonly questions?: Questions;
  /** Told whose vectors are compared, where an edition does not say their weights yet. */
  adopt?(edition: Place, embedder: EmbedderName): Promise<void>;
  /** Without it no search is re-ranked. */
  readonly rerankers?: Rerankers;
  /** Where collections with index files are searched. Default: here. */
  readonly elsewhere?: Pick<Searcher, "search">;
  /** Memory of all indexes of this thread; the longest unused goes first. Default 256 MiB. */
  readonly cacheBytesMax?: number;
}

/** Limits of a retriever. */
export const retrieverLimits = {
  queryChars: 4_000,
  /** Passages that a re-ranker is given, or that are chosen from for diversity, at least. */
  poolMin: 20,
  /** Of what is wanted, so many times as much. */
  poolShare: 4,
} as const;

/** A retriever over one thread's snapshots. */
export function createRetriever(options: RetrieverOptions): Retriever {
  const { reader, elsewhere } = options;
  const here = createSearcher(options, options.cacheBytesMax);
  const { questions = createQuestions({ find: findIn(options) }) } = options;

  const search = async (place: Place, query: ChunkQuery): Promise<FoundPassages> => {
    const isLarge = (await reader.get(keys.segment(place.tenant, place.collection))) !== undefined;
    if (!isLarge || elsewhere === undefined) return await here.search(place, query);
    // It was small once.
    here.forget(place);
    return await elsewhere.search(place, query);
  };

  return {
    async search(request): Promise<SearchResult> {
      const { tenant, collection, mode = "hybrid", filter, settings: asked = {} } = request;
      if (filter !== undefined) compileFilter(filter);
      const place = { tenant, collection };
      const own = await options.settingsOf(place);
      if (own === undefined) {
        here.forgetCollection(place);
        throw new RuntimeError("NOT_FOUND", `There is no collection ${collection}.`);
      }
      checkReranker(asked.reranker, options.rerankers);
      const text = request.query.slice(0, retrieverLimits.queryChars);
      const searchIn = async (edition: Place): Promise<Searched> => {
        const head = headOf(await reader.get(keys.collectionHead(tenant, edition.collection)));
        const kind = head.embedder?.id.startsWith("builtin-") === false ? "meaning" : "words";
        const wanted = tuningOf(own, asked, { mode, kind });
        if (head.isRemoved || head.embedder === null) return { tuning: wanted };
        const of = { edition, pin: head.embedder };
        const { vector, degraded } = await vectorOf({ ...options, questions }, of, wanted, {
          ...request,
          query: text,
        });
        // By words alone the thresholds are others: what is not near may be relevant all the same.
        const tuning = degraded ? tuningOf(own, asked, { mode: "lexical", kind }) : wanted;
        const found = await search(edition, {
          query: text,
          vector,
          ...{ mode: tuning.mode, weights: tuning.weights, threshold: thresholdOf(tuning) },
          topK: poolOf(tuning),
          ...(filter !== undefined && { filter }),
          ...(kind === "meaning" && { isOfMeaning: true }),
          ...(request.explain && { explain: true }),
          ...(tuning.diversity > 0 && { withVectors: true }),
        });
        return { tuning, found, ...(degraded && { degraded }) };
      };
      const { tuning, found, degraded } = await readCurrent(reader, place, searchIn);
      if (found === undefined) return nothing(tuning);
      // What is cited is the collection's, whatever its edition.
      const passages = found.passages.map((passage) => ({ ...passage, collection }));
      const given = { ...found, passages };
      const result = await finish(options, { ...request, query: text }, tuning, given);
      return degraded === undefined ? result : { ...result, degraded };
    },
  };
}

interface Searched {
  readonly tuning: Tuning;
  /** Absent of a collection that is empty. */
  readonly found?: FoundPassages;
  readonly degraded?: Degraded;
}

const nothing = (tuning: Tuning): SearchResult => ({
  passages: [],
  tuning,
  bestRelevance: null,
  reranked: null,
});

function checkReranker(name: string | null | undefined, rerankers: Rerankers | undefined): void {
  const names = rerankers?.names ?? [];
  if (name === undefined || name === null || names.includes(name)) return;
  const there = names.length === 0 ? "none is configured" : `configured: ${names.join(", ")}`;
  const text = `There is no re-ranker "${name}"; ${there}.`;
  throw new RuntimeError("INVALID", text, { pointer: "/reranker" });
}

/** The question's vector; zeros where none is compared, or none can be had now and words will do. */
async function vectorOf(
  { questions, adopt }: RetrieverOptions & { readonly questions: Questions },
  { edition, pin }: { readonly edition: Place; readonly pin: EmbedderName },
  { mode }: Tuning,
  { query, tenant, payer, mode: asked, signal }: SearchRequest,
): Promise<{ readonly vector: Float32Array; readonly degraded?: Degraded }> {
  const none = new Float32Array(pin.dimension);
  if (mode === "lexical") return { vector: none };
  // Who asks for vectors is told that there are none; a collection's weights are no such wish.
  const isNeeded = asked === "vector";
  try {
    const how = { tenant, payer, isNeeded, ...(signal && { signal }) };
    const { vector, embedder } = await questions.of(pin, query, how);
    if (pin.weights === undefined && embedder.weights !== undefined) {
      await adopt?.(edition, embedder);
    }
    return { vector };
  } catch (error) {
    if (isNeeded || signal?.aborted || !isWithoutVector(error) || isUnpayable(error)) throw error;
    questions.missed(pin, error, "search");
    const { code, message } = error;
    return { vector: none, degraded: { code, message: `Searched by words alone: ${message}` } };
  }
}

/** Whether the embedder only cannot be asked: that it is another one than the collection's stays an error. */
function isWithoutVector(error: unknown): error is RuntimeError {
  return error instanceof RuntimeError && !UNLIKE.includes(error.code);
}

const UNLIKE: readonly string[] = ["CANCELLED", "EMBEDDER_MISMATCH", "EMBEDDER_UNKNOWN"];

/** What cannot be paid is said, and not done in a cheaper way. */
function isUnpayable(error: unknown): boolean {
  return error instanceof RuntimeError && UNPAYABLE.includes(error.code);
}

const UNPAYABLE: readonly string[] = ["BUDGET_EXHAUSTED", "PRICE_UNKNOWN"];

function findIn({ embedder, embedders }: RetrieverOptions): QuestionParts["find"] {
  return async (pin) => {
    if (pin.id === embedder.id && pin.dimension === embedder.dimension) return embedder;
    if (embedders !== undefined) return await embedders.pinned(pin);
    throw new RuntimeError(
      "EMBEDDER_MISMATCH",
      `The collection holds vectors of ${pin.id} (${pin.dimension} numbers).`,
    );
  };
}

/** Passages that are found, to choose the wanted ones from. */
function poolOf({ topK, diversity, reranker }: Tuning): number {
  if (diversity === 0 && reranker === null) return topK;
  const { poolMin, poolShare } = retrieverLimits;
  return Math.min(ranking.topKMax, Math.max(poolMin, topK * poolShare));
}

/** Where the re-ranker says what is relevant, words and vectors need not. */
function thresholdOf({ reranker, rerankThreshold, threshold }: Tuning): Tuning["threshold"] {
  const isJudged = reranker !== null && rerankThreshold !== null;
  return isJudged ? { ...threshold, best: threshold.each } : threshold;
}

async function finish(
  { rerankers }: RetrieverOptions,
  request: SearchRequest,
  tuning: Tuning,
  { passages, vectors = [], bestRelevance }: FoundPassages,
): Promise<SearchResult> {
  const none = new Float32Array(0);
  let found = passages.map((passage, at) => ({ passage, vector: vectors[at] ?? none }));
  let reranked: SearchResult["reranked"] = null;
  if (tuning.reranker !== null && found.length > 0) {
    try {
      const scores = await scoresOf(rerankers, tuning.reranker, request, passages);
      found = found
        .map((one, at) => ({ ...one, passage: rescored(one.passage, scores[at] ?? 0) }))
        .sort((a, b) => b.passage.score - a.passage.score)
        .filter(({ passage }) => passage.score >= (tuning.rerankThreshold ?? 0));
      reranked = { status: "used" };
    } catch (error) {
      // The order of the fusion is an answer too; only who asked no longer waits is told.
      if (request.signal?.aborted || isUnpayable(error)) throw error;
      reranked = { status: "failed", error: toErrorData(error) };
      const isAny = passages.some(({ relevance }) => relevance >= tuning.threshold.best);
      if (!isAny) found = [];
    }
  }
  const { topK, diversity } = tuning;
  const chosen =
    diversity > 0
      ? diversified(found, topK, diversity)
      : found.slice(0, topK).map(({ passage }) => passage);
  return { passages: chosen, tuning, bestRelevance, reranked };
}

async function scoresOf(
  rerankers: Rerankers | undefined,
  name: string,
  { query, tenant, payer, signal }: SearchRequest,
  passages: readonly Passage[],
): Promise<readonly number[]> {
  if (rerankers === undefined) {
    throw new RuntimeError("RERANKER_UNAVAILABLE", "Re-rankers are not at hand here.");
  }
  const reranker = await rerankers.find(name);
  return await reranker.rerank(query, passages.map(searchText), {
    ...{ tenant, payer },
    ...(signal && { signal }),
  });
}

function rescored(passage: Passage, score: number): Passage {
  return { ...passage, score, scores: { ...passage.scores, rerank: score } };
}
