// The tool date_time: what time it is, what it is elsewhere, what it will be, and how long until then.
// A model knows none of it: its training ended some day, and it counts days badly.

import { RuntimeError } from "../../runtime/errors.ts";
import { Type } from "../schema.ts";
import type { Arguments } from "./tool.ts";
import { argumentsSchema, type ToolConfig, type ToolType } from "./tool-type.ts";
import {
  type Civil,
  checkInstant,
  checkZone,
  civilAt,
  instantOf,
  instantOfText,
  offsetAt,
  utcOf,
} from "./zone.ts";

const DAY_MS = 86_400_000;
/** Of each unit that is added. */
const AMOUNT_MAX = 1_000_000;

const units = ["years", "months", "weeks", "days", "hours", "minutes", "seconds"] as const;
type Amounts = Readonly<Partial<Record<(typeof units)[number], number>>>;

const amount = { type: "integer", minimum: -AMOUNT_MAX, maximum: AMOUNT_MAX };
const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/** Type `date_time`. */
export const dateTimeTool: ToolType = {
  type: "date_time",
  describe: () =>
    "The current date and time, or another one: in any IANA time zone, with an amount of time added, or " +
    "with the time until another. Without arguments: now.",
  config: Type.Object(
    { timezone: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })) },
    { additionalProperties: false },
  ),
  needs: [],
  parameters: () =>
    argumentsSchema([], {
      timezone: {
        type: "string",
        maxLength: 64,
        description: "IANA zone of the result, and of times without an offset, e.g. Asia/Tokyo",
      },
      at: { type: "string", maxLength: 40, description: "ISO 8601; default now" },
      add: {
        type: "object",
        description: "Added to `at`; negative amounts go back.",
        properties: Object.fromEntries(units.map((unit) => [unit, amount])),
        additionalProperties: false,
      },
      to_timezone: { type: "string", maxLength: 64, description: "Also shown in this zone." },
      until: { type: "string", maxLength: 40, description: "ISO 8601; the time from `at` to it." },
    }),
  make: (config) => ({
    repeat: "safe",
    perform: async ({ arguments: given }) => timeOf(config, given, Date.now()),
  }),
};

/** @throws INVALID with the pointer of the argument. */
export function timeOf(config: ToolConfig, given: Arguments, nowMs: number): object {
  const zone = String(given["timezone"] ?? config["timezone"] ?? "UTC");
  checkZone(zone, "/timezone");
  const { at, until, to_timezone: elsewhere } = given;
  const from = typeof at === "string" ? instantOfText(at, zone, "/at") : nowMs;
  const instant = checkInstant(added(zone, from, (given["add"] ?? {}) as Amounts), "/add");
  const end = typeof until === "string" ? instantOfText(until, zone, "/until") : null;
  return {
    ...shownIn(zone, instant),
    ...(typeof elsewhere === "string" && { elsewhere: shownElsewhere(elsewhere, instant) }),
    ...(end !== null && { until: differenceOf(zone, instant, end) }),
  };
}

function shownElsewhere(zone: string, instant: number): object {
  checkZone(zone, "/to_timezone");
  return shownIn(zone, instant);
}

/** Years to days by the calendar, at the same time of day; hours to seconds by the clock. */
function added(zone: string, instant: number, by: Amounts): number {
  const { years = 0, months = 0, weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0 } = by;
  const rest = ((hours * 60 + minutes) * 60 + seconds) * 1_000;
  if (years === 0 && months === 0 && weeks === 0 && days === 0) return instant + rest;
  const civil = civilAt(zone, instant);
  const month = civil.year * 12 + civil.month - 1 + years * 12 + months;
  const [year, inYear] = [Math.floor(month / 12), (((month % 12) + 12) % 12) + 1];
  const day = Math.min(civil.day, daysOf(year, inYear));
  const wall = utcOf({ ...civil, year, month: inYear, day: day + weeks * 7 + days });
  if (!Number.isFinite(wall))
    throw new RuntimeError("INVALID", "It is too far.", { pointer: "/add" });
  checkInstant(wall, "/add");
  return instantOf(zone, civilAt("UTC", wall)) + rest;
}

/** Days of a month: the 31st of a month that has none is its last day. */
function daysOf(year: number, month: number): number {
  const next = { year, month: month + 1, day: 0, hour: 0, minute: 0, second: 0 };
  return new Date(utcOf(next)).getUTCDate();
}

function shownIn(zone: string, instant: number): object {
  const civil = civilAt(zone, instant);
  const { year, month, day } = civil;
  const dayMs = dayOf(civil);
  return {
    date_time: `${two(year, 4)}-${two(month)}-${two(day)}T${two(civil.hour)}:${two(civil.minute)}:${two(civil.second)}${offsetText(offsetAt(zone, instant))}`,
    timezone: zone,
    weekday: weekdays[new Date(dayMs).getUTCDay()],
    iso_week: weekOf(dayMs),
    utc: `${new Date(instant).toISOString().slice(0, 19)}Z`,
    unix_seconds: Math.floor(instant / 1_000),
  };
}

function differenceOf(zone: string, from: number, to: number): object {
  const seconds = Math.round((to - from) / 1_000);
  const calendarDays = (dayOf(civilAt(zone, to)) - dayOf(civilAt(zone, from))) / DAY_MS;
  return {
    seconds,
    hours: Number((seconds / 3_600).toFixed(4)),
    days: Number((seconds / 86_400).toFixed(4)),
    /** From one date to the other, whatever the time of day. */
    calendar_days: calendarDays,
  };
}

/** A date's own day, as if it were UTC. */
function dayOf(civil: Civil): number {
  return utcOf({ ...civil, hour: 0, minute: 0, second: 0 });
}

/** ISO 8601 week: that of its Thursday. */
function weekOf(dayMs: number): string {
  const thursday = dayMs + (4 - (new Date(dayMs).getUTCDay() || 7)) * DAY_MS;
  const year = new Date(thursday).getUTCFullYear();
  const first = utcOf({ year, month: 1, day: 1, hour: 0, minute: 0, second: 0 });
  return `${year}-W${two(Math.floor((thursday - first) / DAY_MS / 7) + 1)}`;
}

function offsetText(ms: number): string {
  const seconds = Math.abs(ms) / 1_000;
  const rest = seconds % 60 === 0 ? "" : `:${two(seconds % 60)}`;
  return `${ms < 0 ? "-" : "+"}${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}${rest}`;
}

const two = (value: number, digits = 2): string => String(value).padStart(digits, "0");
