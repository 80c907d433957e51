// Civil time in IANA time zones, from what Intl knows: the runtime has no Temporal yet. A local time
// that a change of the clocks leaves out is moved on by as much, one that comes twice is the first.

import { RuntimeError } from "../../runtime/errors.ts";

/** A date and time of day as a wall clock shows it; `month` 1..12. */
export interface Civil {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

const DAY_MS = 86_400_000;
/** Formats kept by one thread. */
const FORMATS_MAX = 200;
const YEAR_MAX = 9_999;

const formats = new Map<string, Intl.DateTimeFormat>();

/** @throws INVALID for a name that is no time zone. */
export function checkZone(zone: string, pointer: string): void {
  if (isZone(zone)) return;
  const message = `"${zone.slice(0, 64)}" is no IANA time zone, e.g. Europe/Berlin or UTC.`;
  throw new RuntimeError("INVALID", message, { pointer });
}

function isZone(zone: string): boolean {
  try {
    formatOf(zone);
    return true;
  } catch {
    return false;
  }
}

/** What clocks in a zone show at an instant. */
export function civilAt(zone: string, instantMs: number): Civil {
  const parts = new Map(
    formatOf(zone)
      .formatToParts(instantMs)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const of = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0;
  return {
    year: of("year"),
    month: of("month"),
    day: of("day"),
    hour: of("hour"),
    minute: of("minute"),
    second: of("second"),
  };
}

/** Milliseconds that a zone's clocks are ahead of UTC at an instant. */
export function offsetAt(zone: string, instantMs: number): number {
  return utcOf(civilAt(zone, instantMs)) - Math.floor(instantMs / 1_000) * 1_000;
}

/** The instant at which a zone's clocks show this. */
export function instantOf(zone: string, civil: Civil): number {
  const wall = utcOf(civil);
  const before = offsetAt(zone, wall - DAY_MS);
  const after = offsetAt(zone, wall + DAY_MS);
  const fitting = [before, after]
    .map((offset) => wall - offset)
    .filter((instant) => utcOf(civilAt(zone, instant)) === wall);
  return fitting.length > 0 ? Math.min(...fitting) : wall - before;
}

/** These numbers read as UTC, ms since the epoch. Numbers beyond their range carry over. */
export function utcOf({ year, month, day, hour, minute, second }: Civil): number {
  const date = new Date(0);
  // Not Date.UTC, which takes the years 0..99 for those of the twentieth century.
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, 0);
  return date.getTime();
}

/** The same numbers back from `utcOf`. */
export function civilOfUtc(ms: number): Civil {
  const date = new Date(ms);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
  };
}

const TIME =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?$/i;

/** An ISO 8601 time as an instant; without an offset it is of the zone. @throws INVALID. */
export function instantOfText(text: string, zone: string, pointer: string): number {
  const found = TIME.exec(text.trim());
  const [, year, month, day, hour = "0", minute = "0", second = "0", offset] = found ?? [];
  const numbers = [year, month, day, hour, minute, second].map(Number);
  const [y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0] = numbers;
  const civil: Civil = { year: y, month: mo, day: d, hour: h, minute: mi, second: s };
  const isSame =
    found !== null && JSON.stringify(civilOfUtc(utcOf(civil))) === JSON.stringify(civil);
  if (!isSame) {
    const message = `"${text.slice(0, 40)}" is no date and time such as 2026-03-29T14:30 or 2026-03-29T14:30:00+02:00.`;
    throw new RuntimeError("INVALID", message, { pointer });
  }
  return offset === undefined ? instantOf(zone, civil) : utcOf(civil) - offsetMs(offset);
}

/** An instant within the years that have four digits. @throws INVALID. */
export function checkInstant(ms: number, pointer: string): number {
  const year = new Date(ms).getUTCFullYear();
  if (year >= 1 && year <= YEAR_MAX) return ms;
  throw new RuntimeError("INVALID", `A time is within the years 1 to ${YEAR_MAX}.`, { pointer });
}

function offsetMs(text: string): number {
  if (/^z$/i.test(text)) return 0;
  const digits = text.slice(1).replace(":", "");
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2) || "0");
  return (text.startsWith("-") ? -1 : 1) * minutes * 60_000;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const numeric = "numeric" as const;
  const format = new Intl.DateTimeFormat("en-US-u-ca-iso8601-nu-latn", {
    ...{ timeZone: zone, hourCycle: "h23" },
    ...{ year: numeric, month: numeric, day: numeric },
    ...{ hour: numeric, minute: numeric, second: numeric },
  });
  if (formats.size >= FORMATS_MAX) formats.clear();
  formats.set(zone, format);
  return format;
}
