// When schedules come due: cron in time zones over their changes, intervals, single times, jitter.

import fc from "fast-check";
import { expect, test } from "vitest";
import { nextDue, readCron } from "../../../actors/triggers/schedule.ts";

const HOUR_MS = 3_600_000;
type Times = Parameters<typeof nextDue>[0];

/** Times from one on. */
function times(of: Times, fromText: string, count: number): string[] {
  const found: string[] = [];
  let afterMs = Date.parse(fromText);
  while (found.length < count) {
    const next = nextDue(of, "tr_1", afterMs);
    if (next === null) break;
    found.push(new Date(next.atMs).toISOString().slice(5, 16));
    afterMs = next.atMs;
  }
  return found;
}

test("a time that is left out when clocks go forward is when they have, and one that comes twice is once", () => {
  const of = { cron: "30 2 * * *", time_zone: "Europe/Berlin" };
  expect(times(of, "2026-03-28T00:00:00Z", 3)).toEqual([
    "03-28T01:30",
    "03-29T01:00",
    "03-30T00:30",
  ]);
  expect(times(of, "2026-10-24T00:00:00Z", 3)).toEqual([
    "10-24T00:30",
    "10-25T00:30",
    "10-26T01:30",
  ]);
});

test("within an hour that comes twice what is behind it is the next, also on the hour", () => {
  const of = { cron: "0,20 2,3 * * *", time_zone: "Europe/Berlin" };
  expect(times(of, "2026-10-25T01:30:00Z", 2)).toEqual(["10-25T02:00", "10-25T02:20"]);
  expect(times(of, "2026-03-29T00:30:00Z", 3)).toEqual([
    ...["03-29T01:00", "03-29T01:20", "03-30T00:00"],
  ]);
});

test("what comes each half hour does so when clocks are set, too", () => {
  const of = { cron: "*/30 * * * *", time_zone: "Europe/Berlin" };
  const all = times(of, "2026-10-24T22:00:00Z", 12);
  expect(new Set(all).size).toBe(12);
  expect(all.at(-1)).toBe("10-25T04:00");
});

test("seconds come first where there are six fields", () => {
  expect(
    nextDue({ cron: "*/10 * * * * *" }, "tr_1", Date.parse("2026-01-01T00:00:01Z"))?.atMs,
  ).toBe(Date.parse("2026-01-01T00:00:10Z"));
});

test("a date that no year has never comes, and is found out at once", () => {
  expect(nextDue({ cron: "0 0 31 2 *" }, "tr_1", 0)).toBe(null);
});

test.each(["x", "* * * *", "61 * * * *", "* * * * * * 2030 8", "@hourly nonsense"])(
  "%s is no cron expression",
  (cron) => {
    expect(() => readCron(cron)).toThrow();
  },
);

test("a time zone that is none is refused", () => {
  expect(() => readCron("0 * * * *", "Mars/Olympus").nextRun()).toThrow(/Mars/);
});

test("a single time comes once", () => {
  const at = "2026-01-01T10:00:00+02:00";
  expect(times({ at }, "2026-01-01T00:00:00Z", 5)).toEqual(["01-01T08:00"]);
  expect(times({ at }, "2026-01-01T08:00:00Z", 5)).toEqual([]);
});

test("intervals are counted from their beginning, whenever one looks", () => {
  const anyTime = fc.integer({ min: 0, max: 4_000_000_000_000 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      anyTime,
      anyTime,
      (every, begun, afterMs) => {
        const fromMs = begun - (begun % 1_000);
        const from = new Date(fromMs).toISOString();
        const { atMs = 0 } = nextDue({ every, from }, "tr_1", afterMs) ?? {};
        expect(atMs).toBeGreaterThan(afterMs - 1);
        expect(Math.abs((atMs - fromMs) % (every * 1_000))).toBe(0);
        if (afterMs >= fromMs) expect(atMs - afterMs).toBeLessThanOrEqual(every * 1_000);
      },
    ),
  );
});

test("jitter is the same for one time, within its bound, and not the same for all", () => {
  const lates = Array.from({ length: 50 }, (_, at) => {
    const of = { every: 3_600, jitter: 600 };
    const { atMs = 0, dueMs = 0 } = nextDue(of, "tr_1", at * HOUR_MS) ?? {};
    expect(nextDue(of, "tr_1", at * HOUR_MS)?.dueMs).toBe(dueMs);
    return dueMs - atMs;
  });
  expect(Math.min(...lates)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...lates)).toBeLessThan(600_000);
  expect(new Set(lates).size).toBeGreaterThan(40);
});
