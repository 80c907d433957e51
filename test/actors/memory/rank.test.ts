// What a memory is worth, by the documented formulas.

import { describe, expect, test } from "vitest";
import { factsOf } from "../../../actors/memory/extract.ts";
import { keepValue, recalledOf, saysTheSame } from "../../../actors/memory/rank.ts";

const DAY_MS = 86_400_000;
const nowMs = 1_000 * DAY_MS;
const entry = {
  id: "me_1",
  text: "Likes tea.",
  kind: "fact",
  importance: 0.5,
  updatedMs: nowMs,
  recalledMs: null,
};
const at = { nowMs, halfLifeDays: 10 };

describe("a score", () => {
  test("is relevance times parts for what is always there, for recency and for importance", () => {
    const fresh = recalledOf(entry, { vector: 0.8, words: 0.5 }, at);
    expect(fresh.score).toBeCloseTo(0.8 * (0.7 + 0.2 + 0.05), 4);
    const old = { ...entry, updatedMs: nowMs - 10 * DAY_MS, importance: 1 };
    expect(recalledOf(old, { vector: 0, words: 0.5 }, at)).toMatchObject({
      score: 0.45,
      scores: { vector: 0, words: 0.5, recency: 0.5, importance: 1 },
    });
  });

  test("of a preference is that of a somewhat relevant one at least, of a fact that is not near 0", () => {
    const far = { vector: 0, words: 0 };
    expect(recalledOf({ ...entry, kind: "preference" }, far, at).score).toBeCloseTo(0.285, 4);
    expect(recalledOf(entry, far, at).score).toBe(0);
  });
});

test("what is important, or was of use lately, is worth more to keep", () => {
  const value = (more: object) => keepValue({ ...entry, ...more }, nowMs, 10);
  expect(value({ importance: 1 })).toBeGreaterThan(value({ importance: 0 }));
  const old = { updatedMs: nowMs - 30 * DAY_MS };
  expect(value(old)).toBeLessThan(value({}));
  expect(value({ ...old, recalledMs: nowMs })).toBeCloseTo(value({}), 6);
});

test("texts say the same when their vectors do and they have the same numbers", () => {
  const vector = new Float32Array([1, 0]);
  const near = new Float32Array([Math.cos(0.3), Math.sin(0.3)]);
  const far = new Float32Array([Math.cos(0.6), Math.sin(0.6)]);
  const order = { text: "Ordered 4711 twice.", vector };
  expect(saysTheSame(order, { text: "Twice ordered 4711.", vector: near })).toBe(true);
  expect(saysTheSame(order, { text: "Ordered 4712 twice.", vector })).toBe(false);
  expect(saysTheSame(order, { text: "Ordered 4711 twice.", vector: far })).toBe(false);
  const without = { text: "Ordered 4711 twice.", vector: new Float32Array(0) };
  expect(saysTheSame(without, without)).toBe(false);
});

describe("facts of an answer", () => {
  const known = [recalledOf(entry, { vector: 1, words: 1 }, at)];
  const facts = (value: unknown) => factsOf(JSON.stringify(value), known, 20);

  test("are those of the asked form; an id that was not shown replaces nothing", () => {
    const asked = [
      { text: " Has a cat. ", kind: "preference", importance: 7, replaces: "me_1" },
      { text: "Has a dog.", kind: "order", importance: "high", replaces: "me_of_another" },
      { text: "x".repeat(21) },
      { text: "  " },
      { words: "none" },
      null,
    ];
    expect(facts({ facts: asked })).toEqual([
      { text: "Has a cat.", kind: "preference", importance: 1, replaces: "me_1" },
      { text: "Has a dog.", kind: "fact", importance: 0.5 },
    ]);
  });

  test("are none when the answer is something else, and never more than a turn is good for", () => {
    for (const wrong of [null, 7, "text", [], { facts: "no" }, { fact: [] }]) {
      expect(facts(wrong)).toEqual([]);
    }
    expect(factsOf("no JSON", known, 20)).toEqual([]);
    const many = Array.from({ length: 100 }, (_, number) => ({ text: `Fact ${number}.` }));
    expect(facts({ facts: many })).toHaveLength(8);
  });
});
