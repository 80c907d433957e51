// The vectors that the classifier is trained on: rows shared by like features change no likeness.

import { describe, expect, test } from "vitest";
import { keptFeaturesOf } from "../../../actors/routing/kept-features.ts";
import { rarityOf, samplesOf, type TrainingText } from "../../../actors/routing/samples.ts";

const texts: readonly TrainingText[] = [
  "I would like to book a flight to Oslo",
  "are there flights to Oslo on Friday",
  "book a table for two on Friday",
  "my table arrived broken",
  "gib mir bitte eine Rechnung",
  "die Rechnungen fehlen bitte senden",
  "我 想 退款 我 的 订单",
].map((text, n) => ({ text, owner: n % 3 }));

/** Cosine of two texts, feature by feature. */
function plainCosine(a: string, b: string): number {
  const all = texts.map(({ text }) => keptFeaturesOf(text));
  const count = (hash: number): number => all.filter(({ hashes }) => hashes.includes(hash)).length;
  const vector = (text: string): Map<number, number> => {
    const { hashes, weights } = keptFeaturesOf(text);
    return new Map(
      [...hashes].map((hash, at) => [
        hash,
        (weights[at] ?? 0) * rarityOf(count(hash), texts.length),
      ]),
    );
  };
  const [one, other] = [vector(a), vector(b)];
  const dot = (x: Map<number, number>, y: Map<number, number>): number =>
    [...x].reduce((sum, [hash, weight]) => sum + weight * (y.get(hash) ?? 0), 0);
  return dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other));
}

/** The same of the samples. */
function cosine(samples: ReturnType<typeof samplesOf>, a: number, b: number): number {
  const { starts, rows, values } = samples;
  const vector = (n: number): Map<number, number> => {
    const places = [...rows.keys()].slice(starts[n], starts[n + 1]);
    return new Map(places.map((at) => [rows[at] ?? 0, values[at] ?? 0]));
  };
  const other = vector(b);
  return [...vector(a)].reduce((sum, [row, value]) => sum + value * (other.get(row) ?? 0), 0);
}

describe("features that the same texts have alike are one row", () => {
  const samples = samplesOf(texts, 10_000);

  test("which leaves every text of length one and as near to each other as it was", () => {
    for (const [a, { text }] of texts.entries()) {
      for (const [b, { text: other }] of texts.entries()) {
        expect(cosine(samples, a, b)).toBeCloseTo(plainCosine(text, other), 5);
      }
    }
  });

  test("and is most of them", () => {
    expect(samples.rowCount).toBeLessThan(samples.featureCount / 4);
    expect(samples.index.table.filter((hash) => hash !== 0)).toHaveLength(samples.featureCount);
  });

  test("the parts of the features in a row are its length together", () => {
    const squares = new Float64Array(samples.rowCount);
    for (const [slot, part] of samples.index.partAt.entries()) {
      if (samples.index.table[slot] === 0) continue;
      const row = samples.index.rowAt[slot] ?? 0;
      squares[row] = (squares[row] ?? 0) + part * part;
    }
    for (const sum of squares) expect(sum).toBeCloseTo(1, 5);
  });
});

test("where room is short each text keeps what only it has, and the most frequent of the rest", () => {
  const whole = samplesOf(texts, 10_000);
  const short = samplesOf(texts, texts.length + 3);

  expect(short.rowCount).toBeLessThanOrEqual(texts.length + 3);
  expect(short.rowCount).toBeLessThan(whole.rowCount);
  for (const n of texts.keys()) expect(cosine(short, n, n)).toBeLessThanOrEqual(1.000_01);
});
