// The page of an evaluation, and how sure it is of a difference.

import fc from "fast-check";
import { expect, test } from "vitest";
import { bootstrap, signTest } from "../../adapters/cli/eval-interval.ts";
import { lineOf, reportPage } from "../../adapters/cli/eval-report.ts";
import type { EvaluationView, ResultView } from "../../adapters/cli/eval-views.ts";

const evil = `<script>alert("1")</script>'&`;
const side = (of: "a" | "b", score: number) => ({
  ...{ side: of, run_id: "rn_1", answer: evil, routing: { action_name: evil }, error: null },
  scores: [{ scorer: evil, score, reason: evil }],
  ...{ score, passed: score > 0.5, latency_ms: 12, units: 0.001 },
});
const summary = (of: "a" | "b") => ({
  ...{ side: of, items: 1, passed: 1, failed: 0, pass_rate: 1, score: 1, latency_ms: 12 },
  ...{ tokens: 9, units: 0.001, scorers: [{ name: evil, score: 1, scored: 1, errors: 0 }] },
});
const target = { target: "ag_1", version: 1, name: evil };
const evaluation: EvaluationView = {
  ...{ id: "ev_1", name: evil, dataset_id: "ds_1", targets: [target, target], threshold: 0.7 },
  ...{ status: "failed", total: 1, done: 1, skipped: 1, units: 0.002 },
  summary: [summary("a"), summary("b")],
  comparison: { a: 0, b: 1, ties: 0 },
  ...{ error: { message: evil }, created_at: "2026-01-01T00:00:00.000Z" },
};
const results: readonly ResultView[] = [
  {
    index: 0,
    item: {
      messages: [{ role: "user", content: evil }],
      ...{ input: null, expected: { text: evil }, tags: [evil] },
    },
    sides: [side("a", 0), side("b", 1)],
  },
  { index: 1, item: null, sides: [] },
];

test("whatever models and users wrote is text of the page, which asks for nothing from outside", () => {
  const page = reportPage(evaluation, results);

  expect(page).toContain("&lt;script&gt;");
  expect(page).not.toContain("<script");
  expect(page).not.toMatch(/(src|href)=|url\(|@import|https?:/);
  expect(page).toContain("prefers-color-scheme:dark");
  expect(page.match(/<svg /g)).toHaveLength(3);
  expect(page).toContain("Mean difference b − a: 1.000");
});

test("an evaluation of one target has no comparison, and an empty one is a page too", () => {
  const [first] = evaluation.summary;
  const alone = { ...evaluation, summary: first === undefined ? [] : [first], comparison: null };

  const page = reportPage(alone, []);

  expect(page).not.toContain("Side by side");
  expect(lineOf(alone)).toBe("ev_1 failed: a 1/1 passed, score 1.000; 0.002 units");
});

test("the interval holds its mean, is the same every time, and is 0 wide where all are even", () => {
  const score = fc.double({ min: -1, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(score, { minLength: 1, maxLength: 40 }), (differences) => {
      const interval = bootstrap(differences);
      expect(interval).toEqual(bootstrap(differences));
      expect(interval?.low).toBeLessThanOrEqual(interval?.high ?? Number.NaN);
      expect(interval?.low).toBeGreaterThanOrEqual(Math.min(...differences) - 1e-9);
      expect(interval?.high).toBeLessThanOrEqual(Math.max(...differences) + 1e-9);
    }),
    { numRuns: 50 },
  );
  expect(bootstrap([])).toBeNull();
  expect(bootstrap([0.5, 0.5])).toEqual({ mean: 0.5, low: 0.5, high: 0.5 });
});

test("the sign test is exact", () => {
  expect(signTest(0, 0)).toBe(1);
  expect(signTest(5, 0)).toBeCloseTo(2 / 32, 12);
  expect(signTest(8, 2)).toBeCloseTo(0.109375, 12);
  expect(signTest(2, 8)).toBe(signTest(8, 2));
});
