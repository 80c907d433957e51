// The sums of an evaluation: which side was better, and what a result adds to them.

import { expect, test } from "vitest";
import { better, emptySummary, withResult } from "../../../actors/evaluation/summary.ts";
import {
  type EvaluationRow,
  evaluationLimits,
  type NamedScorer,
  type SideResult,
} from "../../../actors/records/evaluation.ts";

const none = { promptTokens: 0, completionTokens: 0 };
const side = (
  which: "a" | "b",
  score: number | null,
  more: Partial<SideResult> = {},
): SideResult => ({
  ...{ side: which, run_id: "rn_1", status: "completed", answer: "x", routing: null, model: "m" },
  ...{ error: null, scores: [], score, passed: false, latency_ms: 10, micros: 1_000 },
  ...{ usage: none, judge_usage: none },
  ...more,
});
const scorers: readonly NamedScorer[] = [{ type: "exact", name: "exact", weight: 1 }];
const row = {
  ...{ id: "ev_1", done: 0, skipped: 0, micros: 0, comparison: { a: 0, b: 0, ties: 0 } },
  sides: [emptySummary(scorers), emptySummary(scorers)],
} as unknown as EvaluationRow;
const result = (...sides: readonly SideResult[]) => ({
  ...{ index: 0, item_id: "it_1", item: null, sides },
});

test("a side is better by more than the tie's width, and neither without both scores", () => {
  const { tie } = evaluationLimits;
  const of = (a: number | null, b: number | null) => better([side("a", a), side("b", b)]);

  expect([of(1, 0.5), of(0.5, 1), of(0.5, 0.5)]).toEqual(["a", "b", "tie"]);
  expect([of(0.5, 0.5 + tie / 2), of(0.5, 0.5 + 2 * tie)]).toEqual(["tie", "b"]);
  expect([of(null, 1), of(1, null), of(null, null), better([side("a", 1)])]).toEqual([
    ...[null, null, null, null],
  ]);
});

test("each result is counted on its own side, in the sums and in the comparison", () => {
  const judged = { scores: [{ scorer: "exact", score: null, reason: "?", error: true as const }] };
  const right = { scores: [{ scorer: "exact", score: 1, reason: "." }], passed: true };
  const usage = { promptTokens: 5, completionTokens: 2 };

  const one = withResult(row, result(side("a", null, judged), side("b", 1, { ...right, usage })));
  const two = withResult(one, result(side("a", 0.2), side("b", 0.8, { judge_usage: usage })));
  const skipped = withResult(two, result());

  expect(two).toMatchObject({
    done: 2,
    skipped: 0,
    micros: 4_000,
    comparison: { a: 0, b: 1, ties: 0 },
  });
  expect(two.sides).toMatchObject([
    {
      items: 2,
      passed: 0,
      scored: 1,
      scoreSum: 0.2,
      tokens: 0,
      scorers: [{ scored: 0, errors: 1 }],
    },
    { items: 2, passed: 1, scored: 2, scoreSum: 1.8, tokens: 14, scorers: [{ sum: 1, scored: 1 }] },
  ]);
  expect(skipped).toEqual({ ...two, done: 3, skipped: 1 });
});

test("a run that failed counts as 0, which the other side beats", () => {
  const failed = side("a", 0, { status: "failed", latency_ms: null });

  const after = withResult(row, result(failed, side("b", 0.1)));

  expect(after.comparison).toEqual({ a: 0, b: 1, ties: 0 });
  expect(after.sides[0]).toMatchObject({ failed: 1, scored: 1, scoreSum: 0, latencies: 0 });
});
