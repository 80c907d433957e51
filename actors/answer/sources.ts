// Retrieval for an answer: one step a collection, the best passages of all, and how they look as
// `sources`. The passages are a step's result, so a resumed run answers from the same ones.

import type { RunContext } from "../../runtime/actor.ts";
import { limits } from "../limits.ts";
import type { Passage, Ports } from "../ports.ts";
import type { Source } from "../records/conversation.ts";

/** Below this many characters a question is searched together with the one before it. */
const SHORT_CHARS = 40;

/** The best passages of the collections, best first. @throws NOT_FOUND for an unknown collection. */
export async function retrieve(
  context: RunContext<Ports>,
  wanted: {
    readonly collections: readonly string[];
    readonly question: string;
    readonly previous: string | undefined;
    /** Number of the answer within its run: each retrieves for itself. */
    readonly round: number;
  },
): Promise<readonly Passage[]> {
  const { collections, question, previous } = wanted;
  if (collections.length === 0) return [];
  const query =
    previous !== undefined && question.length < SHORT_CHARS ? `${question}\n${previous}` : question;
  const found = await Promise.all(
    collections.map((collection) =>
      context.step(
        `retrieve:${wanted.round}:${collection}`,
        () =>
          context.ports.retriever.search({
            tenant: context.tenant,
            collection,
            query,
            topK: limits.passages,
          }),
        { repeat: "safe", timeoutMs: limits.retrievalMs },
      ),
    ),
  );
  return found
    .flat()
    .sort((left, right) => right.score - left.score)
    .slice(0, limits.passages);
}

/** A passage as replies show it. */
export function toSource(passage: Passage): Source {
  return {
    document_id: passage.documentId,
    title: passage.documentTitle,
    chunk_id: passage.chunkId,
    collection_key: passage.collection,
    score: passage.score,
    text: passage.text.slice(0, limits.sourceChars),
    headings: passage.headings,
    span: passage.span,
  };
}
