// What the compute pool's threads can do, by exported name. Loaded in those threads only.

import { type Chunk, splitDocument, splitLimits } from "../actors/knowledge/split.ts";
import { type TrainingInput, trainWeights, type Weights } from "../actors/routing/training.ts";
import { createBuiltinEmbedder } from "./embed/builtin.ts";
import { parseTask } from "./parse/pool-parser.ts";

const embedder = createBuiltinEmbedder();

/** Splits texts for an embedder that reads at most `tokensMax` tokens of one. */
export function splitTexts(input: unknown): Chunk[][] {
  const { texts, tokensMax } = input as SplitInput;
  const options = { tokensMax: Math.min(tokensMax, splitLimits.tokensMax) };
  return texts.map((text) => splitDocument(text, options));
}

interface SplitInput {
  readonly texts: readonly string[];
  readonly tokensMax: number;
}

/** Reads a document. */
export const parseKnowledge = parseTask;

/** Trains the classifier of a router. */
export function trainRouter(input: unknown): Weights {
  return trainWeights(input as TrainingInput);
}

/** Vectors of the built-in embedder. */
export function embedTexts(input: unknown): Float32Array[] {
  return (input as readonly string[]).map((text) => embedder.embedNow(text));
}
