// The embedder that is always there: lexical vectors, no model, no network, no thread. Its id names
// the computation: a change of the computation needs a new id, because stored vectors would no
// longer be comparable.

import type { Embedder } from "../../actors/ports.ts";
import { lexicalVector } from "../../actors/text/vector.ts";

/** Id and dimension under which collections are pinned to this embedder; tokens it reads of a text. */
export const builtinEmbedder = {
  id: "builtin-1",
  dimension: 512,
  // Approximate tokens are four letters; a vector is of the first 4,000 words.
  tokensMax: 4_000,
  tokenizer: { kind: "approximate" },
} as const;

/** An embedder whose `embedNow` costs microseconds for a message. */
export function createBuiltinEmbedder(): Embedder & { embedNow(text: string): Float32Array } {
  const embedNow = (text: string): Float32Array => lexicalVector(text, builtinEmbedder.dimension);
  return {
    ...builtinEmbedder,
    embedNow,
    embed: (texts, { onUse }) => {
      onUse?.({ tokens: 0, estimated: false, truncated: [] });
      return Promise.resolve(texts.map(embedNow));
    },
  };
}
