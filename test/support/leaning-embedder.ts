// A deterministic stand-in for models whose vectors all point one way, as those of many trained models
// do: texts about nothing in common have a cosine of a half and more.

import type { Embedder } from "../../actors/ports.ts";
import { lexicalVector } from "../../actors/text/vector.ts";

const DIMENSION = 512;

/** A unit vector bent towards one direction. @param lean 0: as it is; at 1 the floor is about a half. */
export function leaning(vector: Float32Array, lean: number): Float32Array {
  const bent = vector.map((value) => value + lean / Math.sqrt(vector.length));
  const length = Math.hypot(...bent);
  return bent.map((value) => value / length);
}

/** Its id is not of the built-in one: what it gives counts as meaning. */
export function leaningEmbedder(lean: number): Embedder {
  return {
    ...{ id: `leaning-${lean}`, dimension: DIMENSION, tokensMax: 4_000 },
    tokenizer: { kind: "approximate" },
    embed: (texts, { onUse }) => {
      onUse?.({ tokens: 0, estimated: false, truncated: [] });
      return Promise.resolve(texts.map((text) => leaning(lexicalVector(text, DIMENSION), lean)));
    },
  };
}
