// The sums of an evaluation, kept as its items end. Pure.

import {
  type EvaluationRow,
  evaluationLimits,
  type NamedScorer,
  type ResultRow,
  type SideResult,
  type SideSummary,
} from "../records/evaluation.ts";

/** Sums of nothing. */
export function emptySummary(scorers: readonly NamedScorer[]): SideSummary {
  return {
    ...{ items: 0, passed: 0, failed: 0, scored: 0, scoreSum: 0 },
    ...{ latencySum: 0, latencies: 0, tokens: 0, micros: 0 },
    scorers: scorers.map(({ name }) => ({ name, scored: 0, sum: 0, errors: 0 })),
  };
}

/** The row of an evaluation with one result more. */
export function withResult(row: EvaluationRow, result: ResultRow): EvaluationRow {
  const isSkipped = result.sides.length === 0;
  return {
    ...row,
    done: row.done + 1,
    skipped: row.skipped + (isSkipped ? 1 : 0),
    micros: row.micros + result.sides.reduce((sum, { micros }) => sum + micros, 0),
    sides: row.sides.map((summary, at) => {
      const side = result.sides[at];
      return side === undefined ? summary : added(summary, side);
    }),
    comparison: row.comparison === null ? null : compared(row.comparison, result.sides),
  };
}

function added(summary: SideSummary, side: SideResult): SideSummary {
  const { usage, judge_usage: judges } = side;
  const tokens = [usage, judges].reduce(
    (sum, { promptTokens, completionTokens }) => sum + promptTokens + completionTokens,
    0,
  );
  return {
    items: summary.items + 1,
    passed: summary.passed + (side.passed ? 1 : 0),
    failed: summary.failed + (side.status === "failed" ? 1 : 0),
    scored: summary.scored + (side.score === null ? 0 : 1),
    scoreSum: summary.scoreSum + (side.score ?? 0),
    latencySum: summary.latencySum + (side.latency_ms ?? 0),
    latencies: summary.latencies + (side.latency_ms === null ? 0 : 1),
    tokens: summary.tokens + tokens,
    micros: summary.micros + side.micros,
    scorers: summary.scorers.map((one) => {
      const score = side.scores.find(({ scorer }) => scorer === one.name);
      if (score === undefined) return one;
      return {
        name: one.name,
        scored: one.scored + (score.score === null ? 0 : 1),
        sum: one.sum + (score.score ?? 0),
        errors: one.errors + (score.error === true ? 1 : 0),
      };
    }),
  };
}

/** Which side was better on an item; one that neither has a score of is not counted. */
export function better(sides: readonly SideResult[]): "a" | "b" | "tie" | null {
  const [a, b] = sides.map(({ score }) => score);
  if (a === undefined || b === undefined || a === null || b === null) return null;
  if (Math.abs(a - b) <= evaluationLimits.tie) return "tie";
  return a > b ? "a" : "b";
}

function compared(
  before: NonNullable<EvaluationRow["comparison"]>,
  sides: readonly SideResult[],
): NonNullable<EvaluationRow["comparison"]> {
  const which = better(sides);
  if (which === null) return before;
  if (which === "tie") return { ...before, ties: before.ties + 1 };
  return { ...before, [which]: before[which] + 1 };
}
