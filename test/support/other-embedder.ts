// An embedder beside the built-in one, for tests of collections that are embedded anew: cheap vectors
// of their own dimension, every text counted, held or failing where a test wants it.

import { createHash } from "node:crypto";
import type { Embedder, Embedders } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";

/** Numbers of a vector. */
const DIMENSION = 8;

/** The embedder and what a test does with it. */
export interface OtherEmbedder extends Embedder {
  /** Texts that were embedded, in order. */
  readonly texts: string[];
  /** Called before texts are embedded. */
  before: (texts: readonly string[]) => Promise<void>;
}

function vectorOf(text: string): Float32Array {
  const bytes = createHash("sha256").update(text).digest();
  const numbers = Float32Array.from({ length: DIMENSION }, (_, at) => bytes.readInt8(at) + 0.5);
  const length = Math.hypot(...numbers);
  return numbers.map((number) => number / length);
}

/** One that is named and called `id`. */
export function otherEmbedder(id = "other-1"): OtherEmbedder {
  const texts: string[] = [];
  const other: OtherEmbedder = {
    ...{ id, dimension: DIMENSION, tokensMax: 64, tokenizer: { kind: "approximate" }, texts },
    before: () => Promise.resolve(),
    async embed(some) {
      await other.before(some);
      texts.push(...some);
      return some.map(vectorOf);
    },
  };
  return other;
}

/** The built-in one and others. */
export function embeddersWith(builtin: Embedders, others: readonly Embedder[]): Embedders {
  return {
    names: [...builtin.names, ...others.map(({ id }) => id)],
    defaultName: builtin.defaultName,
    find: async (name) => others.find(({ id }) => id === name) ?? (await builtin.find(name)),
    async pinned(pin) {
      const other = others.find(({ id }) => id === pin.id);
      if (other === undefined) return await builtin.pinned(pin);
      if (other.dimension === pin.dimension) return other;
      throw new RuntimeError("EMBEDDER_MISMATCH", "It has another dimension.");
    },
  };
}
