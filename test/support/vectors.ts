// Vectors as embedders give them: clustered, of few latent dimensions, unit length, from a seed.

import { dot } from "../../actors/knowledge/retrieve.ts";
import { seeded } from "../../runtime/testkit/schedule.ts";

/** `count` unit vectors of `dimension` numbers around `count / 50` centres in 32 latent dimensions. */
export function clusteredVectors(count: number, dimension: number, seed = 1): Float32Array[] {
  const random = seeded(seed);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
  const latent = 32;
  const fill = (size: number): Float32Array => Float32Array.from({ length: size }, normal);
  const projection = Array.from({ length: latent }, () => fill(dimension));
  const centres = Array.from({ length: Math.max(1, Math.floor(count / 50)) }, () => fill(latent));
  return Array.from({ length: count }, () => {
    const centre = centres[Math.floor(random() * centres.length)] ?? fill(latent);
    const vector = new Float32Array(dimension);
    for (let from = 0; from < latent; from += 1) {
      const weight = (centre[from] ?? 0) + 0.5 * normal();
      const row = projection[from] ?? vector;
      for (let at = 0; at < dimension; at += 1) {
        vector[at] = (vector[at] ?? 0) + weight * (row[at] ?? 0);
      }
    }
    return unit(vector);
  });
}

/** The vector at length 1. */
export function unit(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const value of vector) squares += value * value;
  return vector.map((value) => value / Math.sqrt(squares));
}

/** Places of the nearest, best first, by comparing with all. */
export function nearest(
  vectors: readonly Float32Array[],
  query: Float32Array,
  limit: number,
): number[] {
  const scores = Float64Array.from(vectors, (vector) => dot(vector, query));
  return [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0)).slice(0, limit);
}
