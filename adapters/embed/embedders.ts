// The embedders of one thread, from plain configuration: the composition of this folder.

import type { Embedder, Embedders } from "../../actors/ports.ts";
import { builtinEmbedder } from "./builtin.ts";
import { createRegistry } from "./registry.ts";

/** Name of the embedder that is always there. */
export const BUILTIN = "builtin";

/** The registry of a thread; `builtin` is its built-in one. */
export function createEmbedders(builtin: Embedder): Embedders {
  const entry = { name: BUILTIN, id: builtinEmbedder.id, make: () => Promise.resolve(builtin) };
  return createRegistry([entry], BUILTIN);
}
