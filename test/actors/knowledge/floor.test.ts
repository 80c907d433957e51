// What any two texts of a model have in common, and that it is not taken for relevance.

import { expect, test } from "vitest";
import { floorLimits, floorOf, sampleOf } from "../../../actors/knowledge/floor.ts";
import { relevanceOf } from "../../../actors/knowledge/retrieve.ts";
import { lexicalVector } from "../../../actors/text/vector.ts";
import { leaning } from "../../support/leaning-embedder.ts";

const texts = Array.from({ length: 20 }, (_, at) => `alpha${at} beta${at} gamma${at} delta${at}`);
const sampleWith = (lean: number, documents = texts.length) =>
  texts.map((text, at) => ({
    documentId: `d${at % documents}`,
    vector: leaning(lexicalVector(text, 64), lean),
  }));

test("vectors that lean all one way have a floor, others next to none", () => {
  expect(floorOf(sampleWith(0))).toBeLessThan(0.2);
  expect(floorOf(sampleWith(1.2))).toBeGreaterThan(0.45);
  // Copies say nothing of the model.
  expect(floorOf(sampleWith(9))).toBe(floorLimits.most);
});

test("few chunks, those of one document and those without a vector tell nothing", () => {
  expect(floorOf(sampleWith(1.2).slice(0, floorLimits.chunksMin - 1))).toBe(0);
  expect(floorOf(sampleWith(1.2, 1))).toBe(0);
  const without = sampleWith(1.2).map((one) => ({ ...one, vector: new Float32Array(0) }));
  expect(floorOf(without)).toBe(0);
  expect(floorOf([])).toBe(0);
});

test("a sample is even, and all of few", () => {
  expect(sampleOf([5, 6, 9])).toEqual([5, 6, 9]);
  const slots = Array.from({ length: 1_000 }, (_, at) => at * 2);
  const sample = sampleOf(slots);
  expect(new Set(sample).size).toBe(floorLimits.chunks);
  expect(sample.at(-1)).toBeGreaterThan(1_900);
});

test("what is at the floor is not relevant, what is the same is", () => {
  expect(relevanceOf(0, 0.7, "vector", 0.7)).toBe(0);
  expect(relevanceOf(0, 0.5, "vector", 0.7)).toBe(0);
  expect(relevanceOf(0, 1, "vector", 0.7)).toBe(1);
  expect(relevanceOf(0, 0.7, "vector")).toBe(0.7);
  expect(relevanceOf(0.5, 0.85, "hybrid", 0.7)).toBeCloseTo(0.75);
});
