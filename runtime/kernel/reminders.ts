// Durable timers of one kernel. Rows in time order are read a window ahead; what is due is handed to
// its actor, and its rows go with the turn that handles it: late after a restart, never lost, once.
// The same rows wake runs that hibernate.

import type { Data } from "../actor.ts";
import { type Address, addressParts } from "../address.ts";
import type { Timer } from "../clock.ts";
import { decode } from "../store/codec.ts";
import { keys, shardOfKey } from "../store/keys.ts";
import type { Engine, RemindersPort } from "./engine.ts";

/** Rows due within this window are held in memory; the rest is found by the next look. */
const WINDOW_MS = 600_000;
const LOOK_AGAIN_MS = 300_000;
/** Rows read of one shard at once; what lies beyond is read when these have come due. */
const ROWS_A_LOOK = 200;
/** Between two pages of rows that are all due already. */
const PAGE_MS_MIN = 1_000;

/** The machine's clock is looked at so often; a difference over this is a jump, not a late timer. */
const WATCH_MS = 60_000;
const JUMP_MS = 1_000;

/** How far a shard has been read. */
interface Seen {
  /** Every row due until then is armed. */
  readonly untilMs: number;
  /** Next page, when there was more than one. */
  readonly page: Timer | null;
}

interface Armed {
  readonly timer: Timer;
  readonly atMs: number;
}

/** A reminder as it stands under its name. */
interface Reminder {
  readonly at: number;
  readonly message: Data;
}

/** What stands under a reminder's name; null when it has fired or was forgotten. */
export function reminderOf(row: Uint8Array | undefined): Reminder | null {
  return row === undefined ? null : (decode(row) as Reminder);
}

/** The durable timers of one kernel. */
export class Reminders implements RemindersPort {
  readonly #engine: Engine;
  /** Timers by due key, with the time they are for. */
  readonly #armed = new Map<string, Armed>();
  readonly #seen = new Map<number, Seen>();

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#lookLater();
    this.#watchClock();
  }

  /** A reminder was written by this kernel. */
  add(atMs: number, key: string): void {
    const untilMs = this.#seen.get(shardOfKey(key))?.untilMs ?? 0;
    if (atMs <= untilMs) this.#arm(atMs, key);
  }

  /** A shard was taken that has no reminders: those to come are armed as they are written. */
  begin(shard: number): void {
    const untilMs = this.#engine.options.clock.now() + WINDOW_MS;
    this.#seen.set(shard, { untilMs, page: null });
  }

  /** Reads what is due soon in a shard. */
  async look(shard: number, from: string = keys.remindersDueOf(shard)): Promise<void> {
    const { committer, options } = this.#engine;
    const horizonMs = options.clock.now() + WINDOW_MS;
    // Until the rows are there, what is written is armed: it may lie behind the page being read.
    this.#seen.set(shard, { untilMs: horizonMs, page: null });
    const to = keys.remindersDueUntil(shard, horizonMs);
    const rows = await committer.range({ from, to, limit: ROWS_A_LOOK });
    let lastMs = 0;
    for (const row of rows) {
      lastMs = (decode(row.value) as { at: number }).at;
      this.#arm(lastMs, row.key);
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < ROWS_A_LOOK) return;
    const waitMs = Math.max(PAGE_MS_MIN, lastMs - options.clock.now());
    const page = options.clock.after(waitMs, () => this.#lookAt(shard, `${last.key}!`));
    this.#seen.set(shard, { untilMs: lastMs, page });
  }

  /** Fires a row again after a while: what it asks for could not be done now. */
  putOff(ms: number, key: string): void {
    this.#arm(this.#engine.options.clock.now() + ms, key);
  }

  /** Forgets the timers of shards that have gone. */
  forget(isGone: (shard: number) => boolean): void {
    for (const [key, { timer }] of [...this.#armed]) {
      if (!isGone(shardOfKey(key))) continue;
      timer.cancel();
      this.#armed.delete(key);
    }
    for (const [shard, { page }] of [...this.#seen]) {
      if (!isGone(shard)) continue;
      page?.cancel();
      this.#seen.delete(shard);
    }
  }

  #arm(atMs: number, key: string): void {
    if (this.#armed.has(key)) return;
    const { clock } = this.#engine.options;
    const timer = clock.after(Math.max(0, atMs - clock.now()), () => this.#fire(atMs, key));
    this.#armed.set(key, { timer, atMs });
  }

  #fire(atMs: number, key: string): void {
    const { metrics, options } = this.#engine;
    this.#armed.delete(key);
    // The clock has gone back since: it is not time yet.
    if (atMs - options.clock.now() > JUMP_MS) this.#arm(atMs, key);
    else this.#due(key).catch(() => metrics.count("reminderFailures"));
  }

  /** Timers run on when the machine's clock is set: what is due by the new time is looked for. */
  #watchClock(): void {
    const { clock } = this.#engine.options;
    const expectedMs = clock.now() + WATCH_MS;
    clock.after(WATCH_MS, () => {
      if (Math.abs(clock.now() - expectedMs) > JUMP_MS) this.#clockWasSet();
      this.#watchClock();
    });
  }

  #clockWasSet(): void {
    for (const [key, { timer, atMs }] of [...this.#armed]) {
      timer.cancel();
      this.#armed.delete(key);
      this.#arm(atMs, key);
    }
    for (const shard of this.#engine.ownedShards()) {
      this.#seen.get(shard)?.page?.cancel();
      this.#lookAt(shard);
    }
  }

  async #due(key: string): Promise<void> {
    const { committer, actors, runs } = this.#engine;
    const bytes = await committer.get(key);
    if (bytes === undefined) return;
    const due = decode(bytes) as { address: Address; name: string; at: number };
    const named = keys.reminder(due.address, due.name);
    const reminder = reminderOf(await committer.get(named));
    if (this.#engine.epochOf(shardOfKey(key)) === undefined) return; // Its next owner looks too.
    if (this.#engine.suspended.hasAddress(due.address)) return; // So does who resumes its tenant.
    if (reminder?.at !== due.at) {
      // Replaced or forgotten since: only its place in time is left.
      const onRefused = (): void => this.putOff(PAGE_MS_MIN, key);
      committer.write({ shard: shardOfKey(key), onRefused }, { op: "remove", key });
    } else if (addressParts(due.address).path === "") {
      actors.due(due.address, reminder.message, { key, named, atMs: due.at });
    } else {
      runs.due(due.address, due.at, key);
    }
  }

  #lookAt(shard: number, from?: string): void {
    if (this.#engine.epochOf(shard) === undefined) return;
    this.look(shard, from).catch(() => this.#engine.metrics.count("reminderFailures"));
  }

  #lookLater(): void {
    this.#engine.options.clock.after(LOOK_AGAIN_MS, () => {
      for (const shard of this.#engine.ownedShards()) {
        // A shard that is being paged through goes on where it is.
        if (!this.#seen.get(shard)?.page) this.#lookAt(shard);
      }
      this.#lookLater();
    });
  }
}
