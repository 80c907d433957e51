// Hours in which messages are answered: `mon-fri 09:00-17:30` in a time zone with its own summer time.

import { RuntimeError } from "../../../runtime/errors.ts";

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
const RANGE = /^([a-z]{3})(?:-([a-z]{3}))? ([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$/;
const DAY_MINUTES = 24 * 60;
const MINUTE_MS = 60_000;
/** Days looked ahead for the next opening: a week, and the day that it is. */
const DAYS_AHEAD = 8;

/** One opening, in minutes of its day. `to` may lie in the next one. */
interface Opening {
  readonly days: ReadonlySet<number>;
  readonly from: number;
  readonly to: number;
}

/** When somebody is there. */
export interface Hours {
  /** Null: it is open. Else when it opens, ms since the epoch. */
  closedUntil(nowMs: number): number | null;
}

/** Settings of hours, as channels have them. */
export interface HoursSettings {
  readonly time_zone: string;
  readonly open: readonly string[];
}

/** Reads them. @throws INVALID with the pointer, below `pointer`, of what is wrong. */
export function hoursOf({ time_zone, open }: HoursSettings, pointer = "/business_hours"): Hours {
  const clock = clockOf(time_zone, `${pointer}/time_zone`);
  const openings = open.map((text, at) => openingOf(text, `${pointer}/open/${at}`));
  // Asked of every message, and the same for a minute: reading the clock takes longer than all else here.
  let known: { readonly minute: number; readonly until: number | null } | undefined;
  return {
    closedUntil: (nowMs) => {
      const minute = Math.floor(nowMs / MINUTE_MS);
      if (known?.minute !== minute) known = { minute, until: untilOf(clock, openings, nowMs) };
      return known.until;
    },
  };
}

function untilOf(
  clock: Intl.DateTimeFormat,
  openings: readonly Opening[],
  nowMs: number,
): number | null {
  const now = wallOf(clock, nowMs);
  if (isOpen(openings, now)) return null;
  for (let ahead = 0; ahead < DAYS_AHEAD; ahead += 1) {
    const day = (now.day + ahead) % 7;
    const starts = openings
      .filter(({ days }) => days.has(day))
      .map(({ from }) => from)
      .filter((from) => ahead > 0 || from > now.minutes)
      .sort((a, b) => a - b);
    const [first] = starts;
    if (first !== undefined) return instantOf(clock, now, ahead, first);
  }
  return null;
}

function isOpen(openings: readonly Opening[], { day, minutes }: Wall): boolean {
  const before = (day + 6) % 7;
  return openings.some(
    ({ days, from, to }) =>
      (days.has(day) && minutes >= from && minutes < to) ||
      (days.has(before) && minutes + DAY_MINUTES < to),
  );
}

function openingOf(text: string, pointer: string): Opening {
  const found = RANGE.exec(text.trim().toLowerCase());
  const [first, last] = [dayOf(found?.[1]), dayOf(found?.[2] ?? found?.[1])];
  if (found === null || first === -1 || last === -1) {
    const message = `"${text.slice(0, 60)}" is none of the form "mon-fri 09:00-17:30".`;
    throw new RuntimeError("INVALID", message, { pointer });
  }
  const from = Number(found[3]) * 60 + Number(found[4]);
  const end = Number(found[5]) * 60 + Number(found[6]);
  if (end > DAY_MINUTES || end === from) {
    const message = `"${text.slice(0, 60)}" has no time in it; a whole day is 00:00-24:00.`;
    throw new RuntimeError("INVALID", message, { pointer });
  }
  const days = new Set<number>();
  for (let day = first; ; day = (day + 1) % 7) {
    days.add(day);
    if (day === last) break;
  }
  return { days, from, to: end > from ? end : end + DAY_MINUTES };
}

function dayOf(name: string | undefined): number {
  return DAYS.indexOf(name as (typeof DAYS)[number]);
}

/** What a clock on the wall shows. */
interface Wall {
  readonly year: number;
  readonly month: number;
  readonly date: number;
  /** 0 is Sunday. */
  readonly day: number;
  /** Since midnight. */
  readonly minutes: number;
}

function clockOf(timeZone: string, pointer: string): Intl.DateTimeFormat {
  const clock = clockOrNull(timeZone);
  if (clock !== null) return clock;
  const message = `"${timeZone.slice(0, 64)}" is no IANA time zone, such as Europe/Vienna.`;
  throw new RuntimeError("INVALID", message, { pointer });
}

function clockOrNull(timeZone: string): Intl.DateTimeFormat | null {
  try {
    return new Intl.DateTimeFormat("en-US", {
      ...{ timeZone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit" },
      ...{ hour: "2-digit", minute: "2-digit" },
    });
  } catch {
    return null;
  }
}

function wallOf(clock: Intl.DateTimeFormat, ms: number): Wall {
  const parts = clock.formatToParts(ms);
  const of = (type: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find((part) => part.type === type)?.value ?? 0);
  const [year, month, date] = [of("year"), of("month"), of("day")];
  const day = new Date(Date.UTC(year, month - 1, date)).getUTCDay();
  return { year, month, date, day, minutes: of("hour") * 60 + of("minute") };
}

/** When the wall shows those minutes, so many days on. */
function instantOf(clock: Intl.DateTimeFormat, now: Wall, ahead: number, minutes: number): number {
  const wanted = Date.UTC(now.year, now.month - 1, now.date + ahead, 0, minutes);
  // What the wall would be behind UTC at that moment; once more, where summer time begins or ends between.
  let instant = wanted;
  for (let look = 0; look < 2; look += 1) {
    const wall = wallOf(clock, instant);
    const shown = Date.UTC(wall.year, wall.month - 1, wall.date, 0, wall.minutes);
    instant += Math.round((wanted - shown) / MINUTE_MS) * MINUTE_MS;
  }
  return instant;
}
