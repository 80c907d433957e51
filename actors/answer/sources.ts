// Retrieval for an answer: one step a collection, the best passages of all, and how they look as
// `sources`. The passages are a step's result, so a resumed run answers from the same ones.

import type { RunContext } from "../../runtime/actor.ts";
import { guardOf } from "../guard/guard-of.ts";
import type { Degraded, Passage, SearchResult } from "../knowledge/search.ts";
import { limits } from "../limits.ts";
import type { Payer } from "../money/lines.ts";
import { callPayerOf, untilRaised } from "../money/until-raised.ts";
import type { Ports } from "../ports.ts";
import type { Agent } from "../records/agent.ts";
import type { ChatEvent, Source } from "../records/conversation.ts";
import type { Finding } from "../records/guardrail.ts";
import type { Answer } from "../turn-input.ts";
import { searchedFor } from "./follow-up.ts";

/** What was found for an answer. */
export interface Retrieved {
  /** Best first. */
  readonly passages: readonly Passage[];
  /** Of one collection at least the words alone were compared. */
  readonly degraded?: Degraded;
}

/** The best passages of the collections. @throws NOT_FOUND for an unknown collection. */
export async function retrieve(
  context: RunContext<Ports>,
  wanted: {
    readonly collections: readonly string[];
    readonly question: string;
    readonly previous: string | undefined;
    readonly payer: Payer;
    /** Number of the answer within its run: each retrieves for itself. */
    readonly round: number;
  },
): Promise<Retrieved> {
  const { collections, question, previous } = wanted;
  if (collections.length === 0) return { passages: [] };
  const query = searchedFor(question, previous);
  const payer = callPayerOf(context, wanted.payer);
  const found = await Promise.all(
    collections.map((collection) =>
      untilRaised(context, `retrieve:${wanted.round}:${collection}`, (key) =>
        context.step(
          key,
          async ({ signal }) => {
            const { tenant, ports } = context;
            const search = { tenant, collection, query, payer, signal };
            return withoutBlocked(context, await ports.retriever.search(search));
          },
          { repeat: "safe", timeoutMs: limits.retrievalMs },
        ),
      ),
    ),
  );
  const degraded = found.find((one) => one.degraded !== undefined)?.degraded;
  return { passages: together(found), ...(degraded && { degraded }) };
}

/** What guardrails leave of passages; one that is blocked was not found. */
function withoutBlocked(
  context: RunContext<Ports>,
  found: SearchResult,
): SearchResult & { readonly guardrails?: readonly Finding[] } {
  const under = guardOf(context);
  if (under === null) return found;
  const guardrails: Finding[] = [];
  const passages = found.passages.flatMap((passage) => {
    const { text, documentTitle, headings } = passage;
    const where = { on: "retrieved", at: passage.documentId } as const;
    const { value, findings, blocked } = under.guard.check(
      { text, documentTitle, headings },
      where,
    );
    guardrails.push(...findings);
    return blocked === null ? [{ ...passage, ...value }] : [];
  });
  return guardrails.length === 0 ? found : { ...found, passages, guardrails };
}

/**
 * Passages of several collections, each in its collection's own order: the next one is of the
 * collection whose next is the most relevant. As many as the most generous collection gives.
 */
export function together(found: readonly SearchResult[]): readonly Passage[] {
  const queues = found.map(({ passages }) => [...passages]);
  const most = Math.max(...found.map(({ tuning }) => tuning.topK));
  const chosen: Passage[] = [];
  while (chosen.length < most) {
    let next: Passage[] | undefined;
    for (const queue of queues) {
      if ((queue[0]?.relevance ?? -1) > (next?.[0]?.relevance ?? -1)) next = queue;
    }
    const passage = next?.shift();
    if (passage === undefined) break;
    chosen.push(passage);
  }
  return chosen;
}

/** A passage as replies show it. */
export function toSource(passage: Passage): Source {
  return {
    document_id: passage.documentId,
    title: passage.documentTitle,
    chunk_id: passage.chunkId,
    collection_key: passage.collection,
    score: passage.score,
    relevance: passage.relevance,
    text: passage.text.slice(0, limits.sourceChars),
    headings: passage.headings,
    span: passage.span,
    ...(passage.page === undefined ? {} : { page: passage.page }),
  };
}

/** Whether an agent's own words cite passages of its own. */
export function hasPassages({
  requires_collection,
  collection_ids,
}: Pick<Agent, "requires_collection" | "collection_ids">): boolean {
  return requires_collection === true && (collection_ids ?? []).length > 0;
}

/** Says what an answer rests on, or that there is nothing it could; once a round. */
export function emitSources(
  context: RunContext<Ports>,
  round: number | string,
  { sources, nothingRelevant, degraded }: Pick<Answer, "sources" | "nothingRelevant" | "degraded">,
): void {
  if (sources.length === 0 && nothingRelevant !== true) return;
  const event: ChatEvent = {
    type: "sources",
    sources,
    ...(nothingRelevant && { nothing_relevant: true }),
    ...(degraded && { degraded }),
  };
  context.emit(`sources:${round}`, event);
}
