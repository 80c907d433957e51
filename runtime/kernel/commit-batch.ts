// One batch of a kernel's committer while it gathers, and until it is flushed: what is written by
// whom, and who waits for it.

import type { Committed, Level, StoreOp } from "../store/store.ts";
import type { Participant } from "./committer.ts";

/** Who waits for a batch with what it wrote, and goes on waiting when that is written again. */
interface Waiter {
  readonly owner: Participant;
  readonly level: Exclude<Level, "memory">;
  readonly call: () => void;
}

/** A batch. */
export class CommitBatch {
  readonly ops: (StoreOp | null)[] = [];
  readonly owners: Participant[] = [];
  /** Index of the last plain write of a key: a later one replaces it. */
  readonly plain = new Map<string, number>();
  /** Sums added to counters. */
  readonly added = new Map<string, number>();
  readonly participants = new Set<Participant>();
  readonly onCommitted: ((committed: Committed) => void)[] = [];
  readonly onFlushed: (() => void)[] = [];
  readonly waiters: Waiter[] = [];
  bytes = 0;
  isCommitted = false;
  sentMs = 0;

  isEmpty(): boolean {
    return (
      this.ops.length === 0 &&
      this.onCommitted.length === 0 &&
      this.onFlushed.length === 0 &&
      this.waiters.length === 0
    );
  }

  /** Waiters come before the others: a run's entries are shown before its end. */
  reached(level: Exclude<Level, "memory">): void {
    for (const waiter of this.waiters) if (waiter.level === level) waiter.call();
  }
}
