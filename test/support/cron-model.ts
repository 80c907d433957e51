// Cron said once more, and slowly: every minute is looked at with what Intl says that clocks show in it. It shares
// nothing with the library that the product asks.

const MINUTE_MS = 60_000;
/** Before which time clocks are looked at, to know what they have shown. */
const BEFORE_MS = 4 * 3_600_000;

interface Field {
  readonly isAny: boolean;
  readonly values: ReadonlySet<number>;
}

/** All times of an expression after one moment, up to another. */
export function cronTimes(cron: string, zone: string, fromMs: number, untilMs: number): number[] {
  const fields = cron.split(" ");
  if (fields.length === 5) fields.unshift("0");
  const [seconds, ...more] = fields.map((text, at) => fieldOf(text, bounds[at] ?? [0, 0])) as [
    Field,
    ...Field[],
  ];
  const isByTime = more[1]?.isAny === true;
  const found = new Set<number>();
  let mostMs = Number.NEGATIVE_INFINITY;
  const beginMs = Math.floor((fromMs - BEFORE_MS) / MINUTE_MS) * MINUTE_MS;
  for (let atMs = beginMs; atMs <= untilMs; atMs += MINUTE_MS) {
    const shownMs = shownAt(zone, atMs);
    if (!isByTime && shownMs <= mostMs) continue;
    if (!isByTime && Number.isFinite(mostMs)) {
      for (let left = mostMs + MINUTE_MS; left < shownMs; left += MINUTE_MS) {
        if (fits(more, left)) found.add(atMs);
      }
    }
    mostMs = Math.max(mostMs, shownMs);
    if (!fits(more, shownMs)) continue;
    for (const second of seconds.values) found.add(atMs + second * 1_000);
  }
  return [...found].filter((atMs) => atMs > fromMs && atMs <= untilMs).sort((a, b) => a - b);
}

const bounds: readonly (readonly [number, number])[] = [
  ...([
    [0, 59],
    [0, 59],
    [0, 23],
  ] as const),
  ...([
    [1, 31],
    [1, 12],
    [0, 7],
  ] as const),
];

function fieldOf(text: string, [least, most]: readonly [number, number]): Field {
  const values = new Set<number>();
  for (const part of text.split(",")) {
    const [range = "*", step = "1"] = part.split("/");
    const [first, last = first] = range === "*" ? [least, most] : range.split("-").map(Number);
    for (let value = first ?? least; value <= (last ?? most); value += Number(step)) {
      values.add(value);
    }
  }
  return { isAny: text === "*", values };
}

/** Whether a minute that clocks show is one of them: of day and weekday one is enough where both are said. */
function fits([minute, hour, day, month, weekday]: readonly Field[], shownMs: number): boolean {
  const at = new Date(shownMs);
  const has = (field: Field | undefined, value: number): boolean =>
    field?.values.has(value) === true;
  if (!has(minute, at.getUTCMinutes()) || !has(hour, at.getUTCHours())) return false;
  if (!has(month, at.getUTCMonth() + 1)) return false;
  const onDay = has(day, at.getUTCDate());
  const onWeekday = has(weekday, at.getUTCDay()) || (at.getUTCDay() === 0 && has(weekday, 7));
  if (day?.isAny || weekday?.isAny) return onDay && onWeekday;
  return onDay || onWeekday;
}

const formats = new Map<string, Intl.DateTimeFormat>();
const shown = new Map<string, number>();

/** What clocks show in a minute, as if the zone were UTC. */
function shownAt(zone: string, atMs: number): number {
  const key = `${zone} ${atMs}`;
  const known = shown.get(key);
  if (known !== undefined) return known;
  const digits = { year: "numeric", month: "2-digit", day: "2-digit" } as const;
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
  const format =
    formats.get(zone) ?? new Intl.DateTimeFormat("sv-SE", { ...digits, ...time, timeZone: zone });
  formats.set(zone, format);
  const value = Date.parse(`${format.format(atMs).replace(" ", "T")}Z`);
  shown.set(key, value);
  return value;
}
