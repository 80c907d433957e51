// The embedders of the configuration by name and by id. A collection keeps the id and the dimension
// of the one it was filled with; anything that would give it other vectors is refused here, in words.

import type { Embedder, Embedders } from "../../actors/ports.ts";
import type { EmbedderPin } from "../../actors/records/embedder-pin.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { areSameWeights } from "./weights.ts";

/** An embedder that is made when it is first asked for. */
export interface EmbedderEntry {
  readonly name: string;
  /** Known without making it. */
  readonly id: string;
  make(): Promise<MadeEmbedder>;
}

/** An embedder, and how to tell whether its vectors are those of before. */
export interface MadeEmbedder {
  readonly embedder: Embedder;
  /** See `EmbedderPin`; without it the id says it all. */
  weights?(): Promise<string>;
  /** Whether it is still what it was made from; if not it is made again. */
  isCurrent?(): Promise<boolean>;
}

/** The registry of `entries`. A failed making is tried again when it is next asked for. */
export function createRegistry(entries: readonly EmbedderEntry[], defaultName: string): Embedders {
  const made = new Map<EmbedderEntry, Promise<MadeEmbedder>>();
  const names = entries.map(({ name }) => name);

  const get = async (entry: EmbedderEntry): Promise<MadeEmbedder> => {
    const known = made.get(entry);
    if (known !== undefined) {
      const { isCurrent } = await known;
      if (isCurrent === undefined || (await isCurrent())) return await known;
      // One of those who see it makes it again.
      if (made.get(entry) === known) made.delete(entry);
    }
    const making = made.get(entry) ?? entry.make();
    made.set(entry, making);
    making.catch(() => {
      if (made.get(entry) === making) made.delete(entry);
    });
    return await making;
  };
  return {
    names,
    defaultName,
    async find(name) {
      const entry =
        entries.find((one) => one.name === name) ?? entries.find(({ id }) => id === name);
      if (entry !== undefined) return (await get(entry)).embedder;
      const text = `There is no embedder "${name}"; configured: ${names.join(", ")}.`;
      throw new RuntimeError("EMBEDDER_UNKNOWN", text, { embedder: name, embedders: names });
    },
    async pinned(pin) {
      const entry = entries.find(({ id }) => id === pin.id);
      if (entry === undefined) throw notConfigured(pin, names);
      const { embedder, weights } = await get(entry);
      if (embedder.dimension !== pin.dimension) throw mismatch(pin, embedder);
      if (weights === undefined) return embedder;
      const now = await weights();
      if (pin.weights === undefined) return { ...embedder, weights: now };
      if (!areSameWeights(pin.weights, now)) throw otherWeights(pin, entry.name);
      return { ...embedder, weights: pin.weights };
    },
  };
}

/** @param name of the embedder as it is configured. */
function otherWeights({ id, dimension }: EmbedderPin, name: string): RuntimeError {
  const text =
    `The collection holds vectors of other weights than the embedder ${id} has now: its model was ` +
    "exchanged under the same name. Vectors of two models are never mixed: embed the collection anew " +
    `(POST its /reembed with {"embedder": "${name}"}), or put the former model back.`;
  return new RuntimeError("EMBEDDER_MISMATCH", text, {
    ...{ embedder: id, dimension, changed: "weights" },
  });
}

function notConfigured({ id, dimension }: EmbedderPin, names: readonly string[]): RuntimeError {
  const text =
    `The collection holds vectors of the embedder ${id}, which is not configured (there are: ` +
    `${names.join(", ")}). Configure it again, or embed the collection anew with another.`;
  return new RuntimeError("EMBEDDER_UNKNOWN", text, { embedder: id, dimension });
}

function mismatch({ id, dimension }: EmbedderPin, now: EmbedderPin): RuntimeError {
  const text =
    `The collection holds vectors of ${dimension} numbers; the embedder ${id} gives ` +
    `${now.dimension} now. Vectors of two kinds are never mixed: embed the collection anew.`;
  return new RuntimeError("EMBEDDER_MISMATCH", text, {
    embedder: id,
    dimension,
    found: now.dimension,
  });
}
