// With how many candidates a graph is said to need searching: over graphs that say how many each question needs.

import { expect, test } from "vitest";
import {
  expansionFor,
  expansionLimits,
  type Measured,
  Sample,
} from "../../../adapters/vector/expansion.ts";

/** A graph that finds what is nearest to a question with as many candidates as its first number says. */
function graphOf(size: number): Measured & { readonly compared: () => number } {
  let compared = 0;
  const slots = (from: number): number[] => Array.from({ length: 10 }, (_, at) => from + at);
  const keysFrom = (from: number): BigUint64Array => BigUint64Array.from(slots(from), BigInt);
  const search = (question: Float32Array, asked: number) => ({
    keys: keysFrom(asked >= (question[0] ?? 0) ? 0 : 10),
    distances: new Float32Array(10),
  });
  return {
    index: { size: () => size, search } as unknown as Measured["index"],
    stored: {
      compare: async () => {
        compared += 1;
        return slots(0).map((slot) => ({ slot, similarity: 1 }));
      },
    },
    compared: () => compared,
  };
}

function sampleOf(count: number, needs: number, shortNeeds?: number): Sample {
  const sample = new Sample();
  for (let at = 0; at < count; at += 1) {
    sample.add(
      Float32Array.of(needs),
      shortNeeds === undefined ? undefined : () => Float32Array.of(shortNeeds),
    );
  }
  return sample;
}

async function chosen(size: number, sample: Sample): Promise<number | undefined> {
  const questions = sample.of(size);
  return questions && (await expansionFor(graphOf(size), questions));
}

test("as many candidates as questions near to texts need, or short questions where there are some", async () => {
  expect(await chosen(100_000, sampleOf(1_000, 20))).toBe(32);
  expect(await chosen(100_000, sampleOf(1_000, 100))).toBe(192);
  expect(await chosen(100_000, sampleOf(1_000, 20, 1_500))).toBe(1_536);
  // Texts without words make no questions.
  expect(await chosen(100_000, sampleOf(1_000, 20, 0))).toBe(32);
});

test("where more are needed than comparing takes it says so, and never more than the limit", async () => {
  expect(await chosen(10_000, sampleOf(1_000, 20, 1_500))).toBe(768);
  expect(await chosen(10_000, sampleOf(1_000, 20, 600))).toBe(768);
  expect(await chosen(10_000, sampleOf(1_000, 20, 500))).toBe(512);
  expect(await chosen(1_000_000, sampleOf(1_000, 20, 50_000))).toBe(4_096);
});

test("few questions are asked, fewer of more vectors, and none of a few", async () => {
  const { questions, questionsLeast } = expansionLimits;
  let asked = 0;
  const sample = new Sample();
  for (let at = 0; at < 10_000; at += 1) {
    sample.add(Float32Array.of(20), () => {
      asked += 1;
      return Float32Array.of(20);
    });
  }
  expect(asked).toBeLessThan(questions * 8);
  for (const [size, count] of [
    [100_000, questions],
    [600_000, 23],
    [5_000_000, questionsLeast],
  ] as const) {
    const graph = graphOf(size);
    const some = sample.of(size);
    if (some === undefined) throw new Error("unreachable");
    await expansionFor(graph, some);
    expect(graph.compared()).toBe(count);
  }
  expect(sampleOf(questionsLeast - 1, 20).of(100_000)).toBeUndefined();
});
