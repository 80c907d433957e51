// Vectors of what is remembered and of what is asked, by the embedder a shelf is pinned to.

import type { Embedders } from "../../actors/ports.ts";
import type { EmbedderPin } from "../../actors/records/embedder-pin.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Questions } from "../embed/questions.ts";
import { pinOf } from "../knowledge/pin.ts";

/** Vectors with whose they are. */
export interface Embedded {
  readonly vectors: readonly Float32Array[];
  readonly embedder: EmbedderPin | null;
}

/** How texts are embedded here. */
export interface MemoryVectors {
  /**
   * Of texts to keep. An embedder that is not there any more gives vectors without numbers: the texts
   * are found by their words. @throws what may be better later.
   */
  ofTexts(tenant: string, pin: EmbedderPin | null, texts: readonly string[]): Promise<Embedded>;
  /** Of a question; null when it cannot be had now. @throws CANCELLED. */
  ofQuery(
    tenant: string,
    pin: EmbedderPin | null,
    query: string,
    signal?: AbortSignal,
  ): Promise<Float32Array | null>;
}

const none = new Float32Array(0);

/** Over the embedders there are. */
export function createMemoryVectors(embedders: Embedders, questions: Questions): MemoryVectors {
  const find = (pin: EmbedderPin | null) =>
    pin === null
      ? embedders.find(embedders.defaultName).then((embedder) => embedders.pinned(embedder))
      : embedders.pinned(pin);
  return {
    ofTexts: async (tenant, pin, texts) => {
      try {
        const embedder = await find(pin);
        const vectors = await embedder.embed(texts, { tenant });
        return {
          vectors: vectors.map(usable),
          embedder: pinOf(embedder),
        };
      } catch (error) {
        if (!(error instanceof RuntimeError) || error.retryable) throw error;
        return { vectors: texts.map(() => none), embedder: null };
      }
    },
    ofQuery: async (tenant, pin, query, signal) => {
      // Nothing has a vector to compare with.
      if (pin === null) return null;
      try {
        const { vector } = await questions.of(pin, query, { tenant, ...(signal && { signal }) });
        return usable(vector).length === 0 ? null : vector;
      } catch (error) {
        if (!(error instanceof RuntimeError) || signal?.aborted) throw error;
        questions.missed(pin, error, "memory");
        return null;
      }
    },
  };
}

/** A text without words has a vector of zeros, which is near to nothing. */
function usable(vector: Float32Array): Float32Array {
  let norm = 0;
  for (const value of vector) norm += value * value;
  return norm > 0.5 && norm < 1.5 ? vector : none;
}
