// Dates and times: in time zones, across changes of the clocks, by the calendar.

import { expect, test } from "vitest";
import { timeOf } from "../../../actors/tools/date-time.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

const NOW = Date.parse("2026-11-22T13:45:10.500Z");
const of = (given: object, config = {}): Record<string, unknown> => ({
  ...timeOf(config, given as Record<string, unknown>, NOW),
});
const at = (given: object): unknown => of(given)["date_time"];

test("without arguments it is now, in UTC or in the zone of the configuration", () => {
  expect(of({})).toEqual({
    date_time: "2026-11-22T13:45:10+00:00",
    timezone: "UTC",
    weekday: "Sunday",
    iso_week: "2026-W47",
    utc: "2026-11-22T13:45:10Z",
    unix_seconds: 1_795_355_110,
  });
  expect(of({}, { timezone: "Asia/Kathmandu" })["date_time"]).toBe("2026-11-22T19:30:10+05:45");
});

test("a time without an offset is of the zone, one with an offset is shown in it", () => {
  const timezone = "America/New_York";
  expect(at({ at: "2026-07-01T09:00", timezone })).toBe("2026-07-01T09:00:00-04:00");
  expect(at({ at: "2026-07-01T09:00Z", timezone })).toBe("2026-07-01T05:00:00-04:00");
  expect(at({ at: "2026-07-01 09:00:00 +0200", timezone })).toBe("2026-07-01T03:00:00-04:00");
  const both = of({ at: "2026-07-01T09:00", timezone, to_timezone: "Asia/Tokyo" });
  expect(both["elsewhere"]).toMatchObject({ date_time: "2026-07-01T22:00:00+09:00" });
});

test("an hour that the clocks leave out is moved on, one that comes twice is the first", () => {
  const timezone = "Europe/Berlin";
  expect(at({ at: "2026-03-29T02:30", timezone })).toBe("2026-03-29T03:30:00+02:00");
  expect(at({ at: "2026-10-25T02:30", timezone })).toBe("2026-10-25T02:30:00+02:00");
});

test("days are added by the calendar and hours by the clock", () => {
  const of = (add: object) => at({ at: "2026-03-28T12:00", timezone: "Europe/Berlin", add });
  expect(of({ days: 1 })).toBe("2026-03-29T12:00:00+02:00");
  expect(of({ hours: 24 })).toBe("2026-03-29T13:00:00+02:00");
  const month = (from: string, add: object) => at({ at: from, add });
  expect(month("2026-01-31", { months: 1 })).toBe("2026-02-28T00:00:00+00:00");
  expect(month("2028-02-29", { years: -1 })).toBe("2027-02-28T00:00:00+00:00");
  expect(month("2026-01-15", { months: -13, weeks: 1 })).toBe("2024-12-22T00:00:00+00:00");
});

test("the time until another is told in seconds and in days of the calendar", () => {
  const { until } = of({ at: "2026-11-22T23:00", until: "2026-12-24T01:00" });
  expect(until).toEqual({ seconds: 2_685_600, hours: 746, days: 31.0833, calendar_days: 32 });
});

test("weeks are those of ISO 8601", () => {
  const week = (day: string): unknown => of({ at: day })["iso_week"];
  expect(["2026-01-01", "2027-01-01", "2024-12-30", "2021-01-03"].map(week)).toEqual([
    "2026-W01",
    "2026-W53",
    "2025-W01",
    "2020-W53",
  ]);
});

test.each([
  [{ timezone: "Mars/Olympus" }, "/timezone", '"Mars/Olympus" is no IANA time zone'],
  [{ at: "2026-02-30" }, "/at", '"2026-02-30" is no date and time'],
  [{ at: "tomorrow" }, "/at", '"tomorrow" is no date and time'],
  [{ until: "2026-13-01" }, "/until", "is no date and time"],
  [{ to_timezone: "x" }, "/to_timezone", "is no IANA time zone"],
  [{ add: { years: 9_000 } }, "/add", "within the years 1 to 9999"],
  [{ add: { hours: -1_000_000, years: -2_000 } }, "/add", "within the years 1 to 9999"],
])("%j is refused with its place", (given, pointer, message) => {
  let refused: unknown;
  try {
    of(given);
  } catch (error) {
    refused = error;
  }
  expect(refused).toBeInstanceOf(RuntimeError);
  const error = refused as RuntimeError;
  expect([error.code, error.details?.["pointer"]]).toEqual(["INVALID", pointer]);
  expect(error.message).toContain(message);
});
