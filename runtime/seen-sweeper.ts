// Forgets the keys of messages from outside when their time is over. One kernel does it for all: the
// one that owns the first shard.

import type { Engine } from "./engine.ts";
import { decode } from "./store/codec.ts";
import { keys } from "./store/keys.ts";

const EVERY_MS = 600_000;
const HOUR_MS = 3_600_000;
/** Keys forgotten in one sweep; the rest waits for the next, so that a sweep never fills a batch. */
const KEYS_A_SWEEP = 400;
const SWEEPING_SHARD = 0;

/** Sweeps now and then for as long as the kernel lives. */
export class SeenSweeper {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#later();
  }

  /** Forgets what has expired; resolves with the number of keys. */
  async sweep(): Promise<number> {
    const { committer, options } = this.#engine;
    if (this.#engine.epochOf(SWEEPING_SHARD) === undefined) return 0;
    const hour = Math.floor(options.clock.now() / HOUR_MS);
    const rows = await committer.range({ ...keys.seenExpiredBefore(hour), limit: KEYS_A_SWEEP });
    const owner = { shard: SWEEPING_SHARD };
    for (const row of rows) {
      committer.write(owner, { op: "remove", key: String(decode(row.value)) });
      committer.write(owner, { op: "remove", key: row.key });
    }
    return rows.length;
  }

  #later(): void {
    const { clock } = this.#engine.options;
    clock.after(EVERY_MS, () => {
      this.sweep()
        .catch(() => this.#engine.metrics.count("sweepFailures"))
        .finally(() => this.#later());
    });
  }
}
