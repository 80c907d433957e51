// A document's text into chunks with vectors: the CPU work of taking it in. Small texts are done at
// once, in slices; large ones in the compute pool, which calls `prepareTask` by its name.

import { setImmediate as nextTurn } from "node:timers/promises";
import { searchText } from "../../actors/knowledge/retrieve.ts";
import { splitDocument } from "../../actors/knowledge/split.ts";
import type { Compute, Embedder } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { PreparedChunk } from "./rows.ts";

/** Name of the compute pool's task; its function is `prepareTask`. */
export const prepareTaskName = "knowledge.prepare";

/** Limits of preparing. */
export const prepareLimits = {
  /** Longer texts go to the compute pool, when there is one. */
  inlineChars: 65_536,
  /** Texts embedded in one call; the event loop gets its turn in between. */
  embedBatch: 16,
  timeoutMs: 120_000,
} as const;

/** A text to prepare. */
export interface PrepareInput {
  readonly title: string;
  readonly text: string;
}

/** Splits and embeds on this thread. */
export async function prepareHere(
  tenant: string,
  { title, text }: PrepareInput,
  embedder: Embedder,
): Promise<PreparedChunk[]> {
  const chunks = splitDocument(text);
  const prepared: PreparedChunk[] = [];
  for (let at = 0; at < chunks.length; at += prepareLimits.embedBatch) {
    const batch = chunks.slice(at, at + prepareLimits.embedBatch);
    const vectors = await embedder.embed(
      batch.map((chunk) => searchText({ ...chunk, documentTitle: title })),
      { tenant },
    );
    for (const [place, chunk] of batch.entries()) {
      prepared.push({ ...chunk, vector: checked(vectors[place], embedder) });
    }
    await nextTurn();
  }
  return prepared;
}

/** The compute pool's function for texts of the built-in embedder; `embedder` is the pool's own. */
export function prepareTask(
  input: unknown,
  embedder: Embedder & { embedNow(text: string): Float32Array },
): PreparedChunk[] {
  const { title, text } = input as PrepareInput;
  return splitDocument(text).map((chunk) => ({
    ...chunk,
    vector: unlessZero(embedder.embedNow(searchText({ ...chunk, documentTitle: title }))),
  }));
}

/** Prepares where it fits: here, or in the pool for a long text and an embedder that computes. */
export async function prepare(
  tenant: string,
  input: PrepareInput,
  embedder: Embedder,
  compute: Compute | undefined,
): Promise<readonly PreparedChunk[]> {
  const isLong = input.text.length > prepareLimits.inlineChars;
  if (compute === undefined || !isLong || embedder.embedNow === undefined) {
    return await prepareHere(tenant, input, embedder);
  }
  const { timeoutMs } = prepareLimits;
  return (await compute.run(prepareTaskName, input, { tenant, timeoutMs })) as PreparedChunk[];
}

function checked(vector: Float32Array | undefined, embedder: Embedder): Float32Array {
  const isWhole = vector?.length === embedder.dimension && vector.every(Number.isFinite);
  if (isWhole) return unlessZero(vector);
  throw new RuntimeError(
    "PROVIDER_FAILED",
    `The embedder ${embedder.id} must give ${embedder.dimension} finite numbers for each text.`,
  );
}

/** A text without words has no direction, and is near to nothing. */
function unlessZero(vector: Float32Array): Float32Array {
  return vector.some((value) => value !== 0) ? vector : new Float32Array(0);
}
