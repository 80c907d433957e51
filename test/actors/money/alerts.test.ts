// When an alert has something to tell: once for each crossing, and once in each period.

import fc from "fast-check";
import { expect, test } from "vitest";
import { type BudgetSeen, type Seen, tellOf } from "../../../actors/money/alerts.ts";
import { emptySum, type UsageSum } from "../../../actors/money/sums.ts";
import type { Alert, AlertState } from "../../../actors/records/alert.ts";

const common = { id: "al_1", name: null, url: "https://example.com", created_at: "" };
const low: Alert = { ...common, type: "balance", belowMicros: 10_000_000 };
const usage: Alert = {
  ...{ ...common, type: "usage", measure: "spend", period: "day", above: 5_000_000 },
  ...{ scope: "agent", subject: "ag_1" },
};
const budget: Alert = { ...common, type: "budget", budget: "bd_1", percentages: [50, 80, 100] };
const nothing: Seen = { balanceMicros: 0, usage: () => null, budget: () => null };

/** What is told one look after the other. */
function told(alert: Alert, looks: readonly Partial<Seen>[]): readonly (readonly unknown[])[] {
  let state: AlertState = {};
  return looks.map((look) => {
    const found = tellOf(alert, state, { ...nothing, ...look });
    state = found?.state ?? state;
    return (
      found?.notices.map(({ data }) => data["percentage"] ?? data["period"] ?? data["balance"]) ??
      []
    );
  });
}

const balances = (units: readonly number[]) => units.map((one) => ({ balanceMicros: one * 1e6 }));

test("a balance is told when it falls below, and again only when it had been a tenth above", () => {
  expect(told(low, balances([12, 9.9, 9, 10.5, 9, 11, 9.5, 9]))).toEqual([
    ...[[], [9.9], [], [], [], [], [9.5], []],
  ]);
  expect(told(low, balances([10]))).toEqual([[]]);
});

test("whatever a balance does, it is told at most once between two times that it was filled up", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 30, noNaN: true }), { maxLength: 60 }),
      (units) => {
        const counts = told(low, balances(units)).map((notices) => notices.length);
        let isArmed = true;
        for (const [at, one] of units.entries()) {
          const isLow = Math.round(one * 1e6) < 10_000_000;
          expect(counts[at]).toBe(isArmed && one * 1e6 < 10_000_000 ? 1 : 0);
          if (counts[at] === 1) isArmed = false;
          else if (!isLow && one * 1e6 >= 11_000_000) isArmed = true;
        }
      },
    ),
  );
});

test("usage is told once a day, at the amount itself and not below", () => {
  const spent = (period: string, spend: number): Partial<Seen> => ({
    usage: () => ({ period, sum: { ...emptySum("ag_1"), spend } satisfies UsageSum }),
  });
  const [first, second] = ["2026-11-23", "2026-11-24"];

  expect(
    told(usage, [
      ...[spent(first, 4_999_999), spent(first, 5_000_000), spent(first, 9_000_000)],
      // A row of the day before comes late.
      ...[
        spent(second, 1),
        spent(second, 6_000_000),
        spent(first, 9_000_001),
        spent(second, 7_000_000),
      ],
    ]),
  ).toEqual([[], [first], [], [], [second], [], []]);
});

test("a budget is told at each of its percentages once a period, and of several at once the highest", () => {
  const used = (usedMicros: number, period = "2026-11", limitMicros = 100): Partial<Seen> => ({
    budget: (): BudgetSeen => ({ period, usedMicros, limitMicros }),
  });

  expect(
    told(budget, [used(49), used(50), used(79), used(85), used(85), used(130), used(131)]),
  ).toEqual([...[[], [50], [], [80], [], [100], []]]);
  expect(told(budget, [used(10), used(100), used(101)])).toEqual([[], [100], []]);
  expect(told(budget, [used(90), used(1, "2026-12"), used(55, "2026-12")])).toEqual([
    [80],
    [],
    [50],
  ]);
  // Raised, and reached once more.
  expect(
    told(budget, [used(100), used(100, "2026-11", 1_000), used(500, "2026-11", 1_000)]),
  ).toEqual([...[[100], [], [50]]]);
  expect(told(budget, [{ budget: () => null }])).toEqual([[]]);
});
