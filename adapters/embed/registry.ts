// The embedders of the configuration by name and by id. A collection keeps the id and the dimension
// of the one it was filled with; anything that would give it other vectors is refused here, in words.

import type { Embedder, EmbedderPin, Embedders } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";

/** An embedder that is made when it is first asked for. */
export interface EmbedderEntry {
  readonly name: string;
  /** Known without making it. */
  readonly id: string;
  make(): Promise<Embedder>;
}

/** The registry of `entries`. A failed making is tried again when it is next asked for. */
export function createRegistry(entries: readonly EmbedderEntry[], defaultName: string): Embedders {
  const made = new Map<EmbedderEntry, Promise<Embedder>>();
  const names = entries.map(({ name }) => name);

  const get = (entry: EmbedderEntry): Promise<Embedder> => {
    let embedder = made.get(entry);
    if (embedder === undefined) {
      embedder = entry.make();
      made.set(entry, embedder);
      embedder.catch(() => made.delete(entry));
    }
    return embedder;
  };
  const find = async (name: string): Promise<Embedder> => {
    const entry = entries.find((one) => one.name === name) ?? entries.find(({ id }) => id === name);
    if (entry !== undefined) return await get(entry);
    const text = `There is no embedder "${name}"; configured: ${names.join(", ")}.`;
    throw new RuntimeError("EMBEDDER_UNKNOWN", text, { embedder: name, embedders: names });
  };
  return {
    names,
    defaultName,
    find,
    async pinned(pin) {
      if (!entries.some(({ id }) => id === pin.id)) throw notConfigured(pin, names);
      const embedder = await find(pin.id);
      if (embedder.dimension !== pin.dimension) throw mismatch(pin, embedder);
      return embedder;
    },
  };
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
