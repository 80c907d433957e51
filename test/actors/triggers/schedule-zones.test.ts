// Cron over the changes of clocks in many time zones, against what Intl says the clocks there show; leap days; and
// jitter that is longer than what lies between two times.

import fc from "fast-check";
import { expect, test } from "vitest";
import { nextDue } from "../../../actors/triggers/schedule.ts";
import { cronTimes } from "../../support/cron-model.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Shifts of an hour, half an hour and two, at midnight, and by a quarter past; one without any. */
const zones = [
  ...["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll"],
  ...["America/Havana", "America/Santiago", "Pacific/Chatham", "Asia/Beirut", "Asia/Kathmandu"],
];
type Times = Parameters<typeof nextDue>[0];

const formats = new Map(
  zones.map((timeZone) => {
    const digits = { year: "numeric", month: "2-digit", day: "2-digit" } as const;
    const options = { ...digits, hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
    return [timeZone, new Intl.DateTimeFormat("en-CA", { ...options, timeZone })] as const;
  }),
);

/** What a clock shows there: "2026-03-29" and "02:30". */
function shown(zone: string, atMs: number): readonly [string, string] {
  const parts = formats.get(zone)?.formatToParts(atMs) ?? [];
  const of = (type: string) => parts.find((part) => part.type === type)?.value;
  return [`${of("year")}-${of("month")}-${of("day")}`, `${of("hour")}:${of("minute")}`];
}

/** Days of 2026 and 2027 on which clocks are set there. */
const shifts = new Map(
  zones.map((zone) => {
    const days: number[] = [];
    let before = shown(zone, Date.UTC(2026, 0, 1))[1];
    for (let at = Date.UTC(2026, 0, 2); at < Date.UTC(2028, 0, 1); at += DAY_MS) {
      const after = shown(zone, at)[1];
      if (after !== before) days.push(at - DAY_MS);
      before = after;
    }
    return [zone, days] as const;
  }),
);

/** A zone, and a moment near to when clocks are set there. */
const place = fc.constantFrom(...zones).chain((zone) => {
  const days = shifts.get(zone) ?? [];
  const day = fc.constantFrom(...(days.length > 0 ? days : [Date.UTC(2026, 2, 1)]));
  return fc.tuple(fc.constant(zone), day, fc.integer({ min: -36 * HOUR_MS, max: 36 * HOUR_MS }));
});
const two = (number: number): string => `${number}`.padStart(2, "0");

test("what is due at a time of day is so once each day, at that time, or as soon as clocks have passed it", () => {
  const hour = fc.integer({ min: 0, max: 3 });
  fc.assert(
    fc.property(place, hour, fc.constantFrom(0, 15, 30, 45), ([zone, day], h, m) => {
      const of: Times = { cron: `${m} ${h} * * *`, time_zone: zone };
      const wanted = `${two(h)}:${two(m)}`;
      const dates: string[] = [];
      for (let atMs = day - 3 * DAY_MS; atMs < day + 3 * DAY_MS; ) {
        atMs = nextDue(of, "tr_1", atMs)?.atMs ?? Number.POSITIVE_INFINITY;
        const [date, time] = shown(zone, atMs);
        dates.push(date);
        if (time === wanted) continue;
        // No clock shows it that day: it comes with the first minute behind.
        const minutes = Array.from({ length: 300 }, (_, at) => shown(zone, atMs - at * MINUTE_MS));
        expect(minutes.filter(([on, at]) => on === date && at === wanted)).toEqual([]);
        expect(shown(zone, atMs - MINUTE_MS)[1] < wanted || h === 0).toBe(true);
      }
      expect(new Set(dates).size).toBe(dates.length);
      const span = (Date.parse(dates.at(-1) ?? "") - Date.parse(dates[0] ?? "")) / DAY_MS;
      expect(dates.length).toBe(span + 1);
    }),
    { numRuns: 60 },
  );
});

test("from whatever moment one looks, also within an hour that comes twice, it is the same times", () => {
  const crons = ["30 2 * * *", "*/30 * * * *", "15 1-3 * * *", "0 */2 * * *", "59 59 1 * * *"];
  fc.assert(
    fc.property(place, fc.constantFrom(...crons), ([zone, day, afterMs], cron) => {
      const of: Times = { cron, time_zone: zone };
      let wantedMs = day - 40 * HOUR_MS;
      while (wantedMs <= day + afterMs) {
        wantedMs = nextDue(of, "tr_1", wantedMs)?.atMs ?? Number.POSITIVE_INFINITY;
      }
      expect(nextDue(of, "tr_1", day + afterMs)?.atMs).toBe(wantedMs);
    }),
    { numRuns: 150 },
  );
});

test("where clocks are set, times are those of a model that looks at every minute", () => {
  const cron = fc
    .tuple(
      fc.constantFrom("", "", "0 ", "*/20 ", "10,40 "),
      fc.constantFrom("*", "*/7", "*/20", "0", "30", "15,45", "5-50/15"),
      fc.constantFrom("*", "*/2", "*/5", "2", "1-3", "0,2,23", "0-23"),
      fc.constantFrom("* * *", "* * 1-5", "* * 0,6", "1-7 * 1", "* 3,10 *"),
    )
    .map(([second, minute, hour, days]) => `${second}${minute} ${hour} ${days}`);
  fc.assert(
    fc.property(place, cron, ([zone, day, aroundMs], text) => {
      const fromMs = day + aroundMs - 20 * HOUR_MS;
      const wanted = cronTimes(text, zone, fromMs, day + aroundMs + 20 * HOUR_MS).slice(0, 400);
      let afterMs = fromMs;
      const found = wanted.map(() => {
        afterMs = nextDue({ cron: text, time_zone: zone }, "tr_1", afterMs)?.atMs ?? 0;
        return afterMs;
      });
      expect(found).toEqual(wanted);
    }),
    { numRuns: 250 },
  );
});

test("a leap day comes when there is one, also over a century that has none", () => {
  const years: number[] = [];
  for (let atMs = Date.UTC(2092, 0, 1); years.length < 4; ) {
    atMs = nextDue({ cron: "0 0 29 2 *" }, "tr_1", atMs)?.atMs ?? Number.POSITIVE_INFINITY;
    years.push(new Date(atMs).getUTCFullYear());
  }
  expect(years).toEqual([2092, 2096, 2104, 2108]);
});

test("times that are jittered keep their order, and none is put off beyond the one that follows", () => {
  const times = fc.constantFrom<Times>(
    ...[{ every: 1 }, { every: 60 }, { cron: "*/7 * * * * *" }, { cron: "0 9-17 * * 1-5" }],
  );
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 3_600 }), fc.nat(4e12), (of, jitter, fromMs) => {
      let before = nextDue({ ...of, jitter }, "tr_1", fromMs);
      for (let at = 0; at < 20 && before !== null; at += 1) {
        const next = nextDue({ ...of, jitter }, "tr_1", before.atMs);
        expect(before.dueMs).toBeGreaterThanOrEqual(before.atMs);
        expect(before.dueMs - before.atMs).toBeLessThan(jitter * 1_000);
        expect(before.dueMs).toBeLessThan(next?.atMs ?? 0);
        before = next;
      }
    }),
    { numRuns: 40 },
  );
});
