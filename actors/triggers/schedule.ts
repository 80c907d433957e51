// When a schedule comes due. Pure: occurrences are named by their nominal time, so that one that is looked for
// twice is the same one, and jitter follows from the trigger and that time.

import { createHash } from "node:crypto";
import { Cron } from "croner";
import type { TriggerInput } from "../records/trigger.ts";
import { firstShown, shownUntil } from "./wall-clock.ts";

/** One time of a schedule, ms since the epoch. */
export interface Due {
  /** As the schedule says. */
  readonly atMs: number;
  /** When it is begun. */
  readonly dueMs: number;
}

/** What of a record says when. */
export type Times = Pick<TriggerInput, "cron" | "time_zone" | "every" | "from" | "at" | "jitter">;

/** The first time after `afterMs`; null when there is none. @param trigger whose jitter it is. */
export function nextDue(times: Times, trigger: string, afterMs: number): Due | null {
  const atMs = nominalAfter(times, afterMs);
  if (atMs === null) return null;
  const { jitter = 0 } = times;
  if (jitter === 0) return { atMs, dueMs: atMs };
  // None is put off beyond the one that follows: that one would have to wait for it, and be late for no reason.
  const followingMs = nominalAfter(times, atMs) ?? Number.POSITIVE_INFINITY;
  const mostMs = Math.min(jitter * 1_000, followingMs - atMs);
  return { atMs, dueMs: atMs + Math.floor(shareOf(trigger, atMs) * mostMs) };
}

/** What two schedules have in common that come due at the same times. */
export function scheduleKey({ cron, time_zone, every, from, at, jitter }: Times): string {
  return JSON.stringify([cron, time_zone, every, from, at, jitter]);
}

/** The schedule that a key was made of. */
export function timesOf(key: string): Times {
  const names = ["cron", "time_zone", "every", "from", "at", "jitter"] as const;
  const values = JSON.parse(key) as readonly (string | number | null)[];
  const all = names.map((name, at) => [name, values[at] ?? null] as const);
  return Object.fromEntries(all.filter(([, value]) => value !== null));
}

/** A cron expression read. @throws an error that says what is wrong with it, also of the time zone. */
export function readCron(cron: string, timeZone = "UTC"): Cron {
  return new Cron(cron, { timezone: timeZone, paused: true, mode: "5-or-6-parts" });
}

function nominalAfter({ cron, time_zone, every, from, at }: Times, afterMs: number): number | null {
  if (cron !== undefined) return cronAfter(cron, time_zone, afterMs);
  if (every !== undefined) {
    const everyMs = every * 1_000;
    const fromMs = from === undefined ? 0 : Date.parse(from);
    if (afterMs < fromMs) return fromMs;
    return fromMs + (Math.floor((afterMs - fromMs) / everyMs) + 1) * everyMs;
  }
  const atMs = at === undefined ? Number.NaN : Date.parse(at);
  return atMs > afterMs ? atMs : null;
}

/**
 * With any hour it goes on as time passes, whatever clocks show. Otherwise it names times of day, each of which
 * comes once: the library leaves out several of an hour that clocks leave out, and repeats those of one that comes
 * twice. So it reads the calendar, without a zone, and when clocks show what it says is found here.
 */
function cronAfter(cron: string, zone: string | undefined, afterMs: number): number | null {
  if (zone === undefined || hourOf(cron) === "*") {
    return readCron(cron, zone).nextRun(new Date(afterMs))?.getTime() ?? null;
  }
  const calendar = readCron(cron);
  for (let shownMs = shownUntil(zone, afterMs); ; ) {
    const next = calendar.nextRun(new Date(shownMs));
    if (next === null) return null;
    shownMs = next.getTime();
    const atMs = firstShown(zone, shownMs);
    if (atMs > afterMs) return atMs;
  }
}

function hourOf(cron: string): string {
  const fields = cron.trim().split(/\s+/);
  return fields.at(-4) ?? (/^@hourly$/i.test(cron.trim()) ? "*" : "0");
}

/** 0 (inclusive) to 1 (exclusive), the same for one time of one trigger. */
function shareOf(trigger: string, atMs: number): number {
  const digest = createHash("sha256").update(`${trigger} ${atMs}`).digest();
  return digest.readUInt32BE(0) / 2 ** 32;
}
