// What any two texts have in common in the vectors of a model: next to nothing in some models, three
// quarters in others, whose questions about something else would all seem relevant. Measured on pairs
// of the collection's own chunks, and taken off a likeness before it counts as relevance. Pure.

import { dot } from "./retrieve.ts";

/** Constants of the measurement. */
export const floorLimits = {
  /** Chunks that are compared with one another; fewer than `chunksMin` tell nothing. */
  chunks: 48,
  chunksMin: 12,
  /** Of the pairs, least alike first, the one at this share: pairs on one subject are far above it. */
  share: 0.1,
  /** Above, what is alike are the texts and not the model. */
  most: 0.75,
} as const;

/** A chunk's document and vector. */
interface Sampled {
  readonly documentId: string;
  readonly vector: Float32Array;
}

/** Cosine that unrelated texts have; 0 where too few are known. Never negative. */
export function floorOf(sample: readonly Sampled[]): number {
  const { chunks, chunksMin, share, most } = floorLimits;
  const some = sample.filter(({ vector }) => vector.length > 0).slice(0, chunks);
  if (some.length < chunksMin) return 0;
  const likeness: number[] = [];
  for (const [at, one] of some.entries()) {
    for (const other of some.slice(at + 1)) {
      // Parts of one document are on one subject, and overlap.
      if (one.documentId !== other.documentId) likeness.push(dot(one.vector, other.vector));
    }
  }
  if (likeness.length < chunksMin) return 0;
  const ascending = Float64Array.from(likeness).sort();
  const least = ascending[Math.floor(share * ascending.length)] ?? 0;
  return Math.min(most, Math.max(0, least));
}

/** Some of many slots, evenly. */
export function sampleOf(slots: readonly number[]): readonly number[] {
  const step = Math.max(1, slots.length / floorLimits.chunks);
  return Array.from({ length: Math.min(slots.length, floorLimits.chunks) }, (_, at) => {
    return slots[Math.floor(at * step)] ?? 0;
  });
}
