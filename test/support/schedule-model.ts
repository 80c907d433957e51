// What a ledger of schedules must hold, whatever has happened: told of every change of a record and of the clock, it
// knows by the model of cron which nominal times must be there, and which may be.

import type { TriggerInput } from "../../actors/records/trigger.ts";
import type { OccurrenceRow } from "../../actors/triggers/occurrence.ts";
import { cronTimes } from "./cron-model.ts";

/** What a record says. */
export type Said = Pick<TriggerInput, "jitter" | "is_active"> &
  Required<Pick<TriggerInput, "cron" | "time_zone">>;

/** How far behind the clock its turns may be where it was set back, ms. */
const SLACK_MS = 2_000;

interface Span {
  readonly said: Said;
  readonly must: readonly number[];
  readonly may: readonly number[];
}

/** The model. */
export class ScheduleModel {
  readonly #spans: Span[] = [];
  #said: Said | null = null;
  /** Times after these must and may be there. */
  #mustAfterMs = 0;
  #mayAfterMs = 0;
  #hiMs = 0;

  /** The clock shows so much, and all that was due before was looked at. */
  seen(nowMs: number): void {
    // While it rests nobody looks: what counts is what the clock shows when that is over.
    if (this.#said?.is_active === false) return;
    this.#hiMs = Math.max(this.#hiMs, nowMs);
  }

  /** The record was changed between two times of the clock; null: it is over. */
  changed(said: Said | null, fromMs: number, untilMs: number): void {
    if (this.#said !== null) this.#close(this.#said, fromMs, untilMs);
    const all = this.#spans.flatMap(({ may }) => may);
    const sure = this.#spans.flatMap(({ must }) => must);
    this.#mustAfterMs = all.reduce((most, at) => Math.max(most, at), untilMs);
    this.#mayAfterMs = sure.reduce((most, at) => Math.max(most, at), fromMs);
    this.#said = said;
    this.#hiMs = said?.is_active === false ? 0 : untilMs;
  }

  #close(said: Said, fromMs: number, untilMs: number): void {
    const { cron, time_zone: zone, jitter = 0 } = said;
    const may = cronTimes(cron, zone, this.#mayAfterMs, Math.max(this.#hiMs, untilMs));
    const sureMs = Math.max(this.#hiMs - SLACK_MS - jitter * 1_000, fromMs);
    const must = may.filter((at) => at > this.#mustAfterMs && at <= sureMs);
    this.#spans.push({ said, must, may });
  }

  /** What is wrong with a ledger; empty: nothing. */
  faults(rows: readonly OccurrenceRow[]): string[] {
    const faults: string[] = [];
    const may = new Set(this.#spans.flatMap((span) => span.may));
    let beforeMs = 0;
    for (const { id, atMs, untilMs = atMs, count } of rows) {
      if (atMs <= beforeMs || untilMs < atMs) faults.push(`${id} comes again: ${told(atMs)}`);
      beforeMs = untilMs;
      for (const at of [atMs, untilMs]) {
        if (!may.has(at)) faults.push(`${id} is at no time of any schedule: ${told(at)}`);
      }
      const counts = this.#spans.map(
        (span) => span.may.filter((at) => at >= atMs && at <= untilMs).length,
      );
      if (count !== undefined && !counts.includes(count)) faults.push(`${id} counts ${count}`);
    }
    for (const { said, must } of this.#spans) {
      for (const at of must) {
        const row = rows.find(({ atMs, untilMs = atMs }) => atMs <= at && at <= untilMs);
        if (row === undefined) faults.push(`${told(at)} of ${said.cron} is not there`);
        else if (said.is_active === false && row.why !== "paused") {
          faults.push(`${told(at)} was paused, and is ${row.state} ${row.why}`);
        }
      }
    }
    return faults;
  }

  /** How many times must be there. */
  get size(): number {
    return this.#spans.reduce((sum, { must }) => sum + must.length, 0);
  }
}

const told = (atMs: number): string => new Date(atMs).toISOString();
