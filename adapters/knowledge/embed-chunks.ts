// Texts into chunks and chunks into vectors, by the compute pool or by whoever the embedder asks.

import type { Chunk } from "../../actors/knowledge/split.ts";
import type { Compute, Embedder } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { PreparedChunk } from "./rows.ts";

/** Names of the compute pool's tasks; their functions are in compute-tasks.ts. */
export const ingestTasks = {
  split: "knowledge.split",
  embed: "knowledge.embed",
  prepare: "knowledge.prepare",
} as const;

/** Limits of these tasks: on a thread; until one is free; and what the process may grow by. */
export const ingestTaskLimits = {
  splitMs: 60_000,
  embedMs: 60_000,
  waitMs: 600_000,
  memoryMib: 1_024,
} as const;

const limits = ingestTaskLimits;
const splitOptions = {
  timeoutMs: limits.waitMs + limits.splitMs,
  runMs: limits.splitMs,
  memoryMib: limits.memoryMib,
} as const;

/** For whom it is done. */
export interface EmbedCaller {
  readonly tenant: string;
  /** Key that asked, for its budgets. */
  readonly keyId?: string | undefined;
  readonly signal: AbortSignal;
}

/** Chunks of each text, of a size that the embedder reads whole. */
export async function splitAll(
  compute: Compute,
  embedder: Embedder,
  texts: readonly string[],
  { tenant, signal }: EmbedCaller,
): Promise<readonly (readonly Chunk[])[]> {
  if (texts.length === 0) return [];
  const { tokenizer, tokensMax } = embedder;
  const options = { tenant, signal, ...splitOptions };
  return (await compute.run(
    ingestTasks.split,
    { texts, tokenizer, tokensMax },
    options,
  )) as Chunk[][];
}

/** A vector of each text; a cheap embedder computes, and that is the pool's. @throws PROVIDER_FAILED. */
export async function vectorsOf(
  compute: Compute,
  embedder: Embedder,
  texts: readonly string[],
  { tenant, keyId, signal }: EmbedCaller,
): Promise<readonly Float32Array[]> {
  const timeoutMs = limits.waitMs + limits.embedMs;
  const options = { tenant, signal, timeoutMs, runMs: limits.embedMs };
  const vectors =
    embedder.embedNow === undefined
      ? await embedder.embed(texts, { tenant, payer: { keyId: keyId ?? null, agent: "" }, signal })
      : ((await compute.run(ingestTasks.embed, texts, options)) as Float32Array[]);
  if (vectors.length !== texts.length) {
    const text = `The embedder ${embedder.id} gave ${vectors.length} vectors for ${texts.length} texts.`;
    throw new RuntimeError("PROVIDER_FAILED", text);
  }
  return vectors.map(directed);
}

/** Chunks with their vectors of a text each, for an embedder that computes: one call of the pool. */
export async function splitAndEmbed(
  compute: Compute,
  embedder: Embedder,
  documents: readonly { readonly text: string; readonly title: string }[],
  { tenant, signal }: EmbedCaller,
): Promise<readonly (readonly PreparedChunk[])[]> {
  const { tokenizer, tokensMax, dimension } = embedder;
  const texts = documents.map(({ text }) => text);
  const titles = documents.map(({ title }) => title);
  const input = { texts, titles, tokenizer, tokensMax };
  const options = { tenant, signal, ...splitOptions };
  const { chunks, vectors } = (await compute.run(ingestTasks.prepare, input, options)) as {
    readonly chunks: readonly (readonly Chunk[])[];
    readonly vectors: Float32Array;
  };
  let next = 0;
  return chunks.map((some) =>
    some.map((chunk) => {
      const from = next * dimension;
      next += 1;
      return { ...chunk, vector: directed(vectors.subarray(from, from + dimension)) };
    }),
  );
}

const none = new Float32Array(0);

/** A text without words has no direction, and is near to nothing. */
function directed(vector: Float32Array): Float32Array {
  return vector.some((value) => value !== 0) ? vector : none;
}
