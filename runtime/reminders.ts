// Durable timers of one kernel. Rows in time order are read a window ahead; what is due is handed to
// its actor, and its rows go with the turn that handles it: late after a restart, never lost, once.

import type { Address } from "./address.ts";
import type { Timer } from "./clock.ts";
import type { Engine } from "./engine.ts";
import { decode } from "./store/codec.ts";
import { keys, prefixRange, shardOfKey } from "./store/keys.ts";

/** Rows due within this window are held in memory; the rest is found by the next look. */
const WINDOW_MS = 600_000;
const LOOK_AGAIN_MS = 300_000;
const ROWS_A_LOOK = 10_000;

/** The durable timers of one kernel. */
export class Reminders {
  readonly #engine: Engine;
  /** Timers by due key. */
  readonly #armed = new Map<string, Timer>();

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#lookLater();
  }

  /** A reminder was written by a turn of this kernel. */
  add(atMs: number, key: string): void {
    const { clock } = this.#engine.options;
    const ms = atMs - clock.now();
    if (ms > WINDOW_MS || this.#armed.has(key)) return;
    this.#armed.set(
      key,
      clock.after(Math.max(0, ms), () => this.#fire(key)),
    );
  }

  /** Reads what is due soon in a shard. */
  async look(shard: number): Promise<void> {
    const { committer, options } = this.#engine;
    const prefix = keys.remindersDueOf(shard);
    const rows = await committer.range({ ...prefixRange(prefix, ROWS_A_LOOK) });
    const horizonMs = options.clock.now() + WINDOW_MS;
    for (const row of rows) {
      const { at } = decode(row.value) as { at: number };
      if (at > horizonMs) return;
      this.add(at, row.key);
    }
  }

  /** Forgets the timers of shards that have gone. */
  forget(isGone: (shard: number) => boolean): void {
    for (const [key, timer] of [...this.#armed]) {
      if (!isGone(shardOfKey(key))) continue;
      timer.cancel();
      this.#armed.delete(key);
    }
  }

  #fire(key: string): void {
    const { committer, metrics } = this.#engine;
    this.#armed.delete(key);
    Promise.resolve(committer.get(key))
      .then(async (bytes) => {
        if (bytes === undefined) return;
        const due = decode(bytes) as { address: Address; name: string; at: number };
        const named = keys.reminder(due.address, due.name);
        const row = await committer.get(named);
        const reminder =
          row === undefined ? null : (decode(row) as { at: number; message: unknown });
        if (reminder?.at === due.at) {
          this.#engine.actors.due(due.address, reminder.message, [key, named]);
        } else {
          // Replaced or forgotten since: only its place in time is left.
          committer.write({ shard: shardOfKey(key) }, { op: "remove", key });
        }
      })
      .catch(() => metrics.count("reminderFailures"));
  }

  #lookLater(): void {
    this.#engine.options.clock.after(LOOK_AGAIN_MS, () => {
      const shards = this.#engine.ownedShards();
      Promise.all(shards.map((shard) => this.look(shard))).catch(() =>
        this.#engine.metrics.count("reminderFailures"),
      );
      this.#lookLater();
    });
  }
}
