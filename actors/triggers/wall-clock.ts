// What clocks of a time zone show, and when they show it: times of day are found on a calendar without zones, and
// looked up here. A time that clocks show twice is when they show it first; one that they leave out is when they
// have passed it. A time of day is written as ms since the epoch, as if the zone were UTC.

/** Clocks are set back by less than that, and not twice in a day. */
const BACK_MS_MAX = 3 * 3_600_000;
const DAY_MS = 86_400_000;
/** Zones whose formats are kept; names are written in many ways. */
const ZONES_KEPT = 200;

const formats = new Map<string, Intl.DateTimeFormat>();

/** When clocks show a time of day, or have passed it. */
export function firstShown(zone: string, shownMs: number): number {
  const offsets = [offsetOf(zone, shownMs - DAY_MS), offsetOf(zone, shownMs + DAY_MS)];
  const soonMs = shownMs - Math.max(...offsets);
  const lateMs = shownMs - Math.min(...offsets);
  for (const atMs of [soonMs, lateMs]) if (atMs + offsetOf(zone, atMs) === shownMs) return atMs;
  return setAt(zone, soonMs, lateMs);
}

/** The latest time of day that clocks have shown until then: within an hour that comes twice, none of it is new. */
export function shownUntil(zone: string, atMs: number): number {
  const offset = offsetOf(zone, atMs);
  const before = offsetOf(zone, atMs - BACK_MS_MAX);
  if (before <= offset) return atMs + offset;
  return Math.max(atMs + offset, setAt(zone, atMs - BACK_MS_MAX, atMs) + before - 1);
}

/** When clocks were set, once, between two moments. */
function setAt(zone: string, fromMs: number, toMs: number): number {
  const after = offsetOf(zone, toMs);
  let [lowMs, highMs] = [fromMs, toMs];
  while (highMs - lowMs > 1) {
    const middleMs = Math.floor((lowMs + highMs) / 2);
    if (offsetOf(zone, middleMs) === after) highMs = middleMs;
    else lowMs = middleMs;
  }
  return highMs;
}

/** By how much clocks there are ahead of UTC, ms. */
function offsetOf(zone: string, atMs: number): number {
  const of: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(atMs)) of[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = of;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1_000) * 1_000;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  if (formats.size >= ZONES_KEPT) formats.clear();
  const date = { year: "numeric", month: "numeric", day: "numeric" } as const;
  const time = { hour: "numeric", minute: "numeric", second: "numeric", hourCycle: "h23" } as const;
  const made = new Intl.DateTimeFormat("en-US", { ...date, ...time, timeZone: zone });
  formats.set(zone, made);
  return made;
}
