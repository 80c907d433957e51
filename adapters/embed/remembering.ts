// An embedder that asks another only for texts whose vectors are not remembered.

import { setImmediate as nextTurn } from "node:timers/promises";
import type { Embedder, EmbedOptions, EmbedUse } from "../../actors/ports.ts";
import { hashOf, type VectorCache } from "./vector-cache.ts";

/** Texts looked up in one slice; then the event loop gets its turn. */
const SLICE = 64;

/**
 * `embedder` with a memory. One that fails (no room on the disk, say) is done without.
 * @param open called with the first text.
 * @param weights of the model: what others remembered is not found.
 */
export function remembering(
  embedder: Embedder,
  open: () => VectorCache,
  weights: () => Promise<string> = () => Promise.resolve(""),
): Embedder {
  let cache: VectorCache | null | undefined;
  const withCache = <T>(use: (cache: VectorCache) => T): T | undefined => {
    try {
      if (cache === undefined) cache = open();
      return cache === null ? undefined : use(cache);
    } catch {
      cache = null;
      return undefined;
    }
  };

  const embed = async (
    texts: readonly string[],
    options: EmbedOptions,
  ): Promise<readonly Float32Array[]> => {
    const { tenant, purpose = "document" } = options;
    const version = await weights();
    const vectors = new Array<Float32Array>(texts.length);
    // A text that stands twice is asked for once.
    const missing = new Map<string, { hash: Buffer; places: number[] }>();
    for (const [at, text] of texts.entries()) {
      if (at % SLICE === SLICE - 1) await nextTurn();
      const asked = missing.get(text);
      if (asked !== undefined) {
        asked.places.push(at);
        continue;
      }
      const hash = hashOf(`${tenant}\0${purpose}\0${version}`, text);
      const found = withCache((known) => known.get(hash));
      if (found === undefined) missing.set(text, { hash, places: [at] });
      else vectors[at] = found;
    }
    let use: EmbedUse = { tokens: 0, estimated: false, truncated: [] };
    const asked = [...missing.values()];
    if (asked.length > 0) {
      const inner = await embedder.embed([...missing.keys()], {
        ...options,
        onUse: (given) => {
          use = given;
        },
      });
      const cut = new Set(use.truncated);
      for (const [at, { hash, places }] of asked.entries()) {
        const vector = inner[at];
        if (vector === undefined) continue;
        for (const place of places) vectors[place] = vector;
        // Not remembered, so that it is said again that the text was cut.
        if (!cut.has(at)) withCache((known) => known.put(hash, vector));
      }
      use = { ...use, truncated: use.truncated.flatMap((at) => asked[at]?.places ?? []) };
    }
    options.onUse?.(use);
    return vectors;
  };
  return { ...embedder, embed };
}
