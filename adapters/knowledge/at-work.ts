// What is under way for a job in this thread. A step that is cut is not waited for, but what it is
// writing by then it writes: whoever removes what the job leaves would be too early.

import { setTimeout as pause } from "node:timers/promises";

/** A step that goes on after it was cut is waited for so long, ms: it hears that it is cut. */
const CUT_MS_MAX = 30_000;

/** Work by job. */
export class AtWork {
  readonly #under = new Map<string, Set<Promise<unknown>>>();

  /** What `work` gives; it is under way until it has settled. */
  async run<T>(job: string, work: () => Promise<T>): Promise<T> {
    const all = this.#under.get(job) ?? new Set();
    this.#under.set(job, all);
    const one = work();
    all.add(one);
    try {
      return await one;
    } finally {
      all.delete(one);
      if (all.size === 0) this.#under.delete(job);
    }
  }

  /** Resolves when nothing that is under way now is any more, or after `CUT_MS_MAX`. */
  async ended(job: string): Promise<void> {
    const all = [...(this.#under.get(job) ?? [])];
    if (all.length === 0) return;
    const late = new AbortController();
    const { signal } = late;
    await Promise.race([
      Promise.allSettled(all),
      pause(CUT_MS_MAX, undefined, { signal, ref: false }).catch(() => undefined),
    ]);
    late.abort();
  }
}
