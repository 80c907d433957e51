// What the compute pool's threads can do, by exported name. Loaded in those threads only.

import { type TrainingInput, trainWeights, type Weights } from "../actors/routing/training.ts";
import { createBuiltinEmbedder } from "./embed/builtin.ts";
import { prepareTask } from "./knowledge/prepare.ts";
import type { PreparedChunk } from "./knowledge/rows.ts";
import { parseTask } from "./parse/pool-parser.ts";

const embedder = createBuiltinEmbedder();

/** Splits a long document and embeds its chunks. */
export function prepareKnowledge(input: unknown): PreparedChunk[] {
  return prepareTask(input, embedder);
}

/** Reads a document. */
export const parseKnowledge = parseTask;

/** Trains the classifier of a router. */
export function trainRouter(input: unknown): Weights {
  return trainWeights(input as TrainingInput);
}
