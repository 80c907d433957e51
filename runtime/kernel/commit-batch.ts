// One batch of a kernel's committer while it gathers, and until it is flushed: what is written by
// whom, and who waits for it.

import type { Committed, Level, StoreOp } from "../store/store.ts";
import type { Participant } from "./committer.ts";

/** A run tree: what it gathers is written when the open batch closes, or with a later one. */
export interface Saver extends Participant {
  readonly hasUnsaved: boolean;
  save(): void;
}

/** A batch of so many bytes takes no more of what runs have gathered: that waits for the next one. */
const SAVES_BYTES = 4 * 1024 * 1024;

/** Who waits for a batch with what it wrote, and goes on waiting when that is written again. */
interface Waiter {
  readonly owner: Saver;
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
  waiters: Waiter[] = [];
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

  /** Whether someone waits for its commit, not for its flush. */
  get isUrgent(): boolean {
    return this.onCommitted.length > 0 || this.waiters.some(({ level }) => level === "committed");
  }

  /**
   * Has runs write what they gathered, first those who have written into this batch already: that
   * belongs together. Returns those for whom there is no room.
   */
  gather(savers: readonly Saver[]): Saver[] {
    const others: Saver[] = [];
    for (const saver of savers) {
      if (this.participants.has(saver)) saver.save();
      else others.push(saver);
    }
    const left: Saver[] = [];
    for (const saver of others) {
      if (this.bytes < SAVES_BYTES) saver.save();
      else if (saver.hasUnsaved) left.push(saver);
    }
    return left;
  }

  /** Those whose writes found no room in this batch wait for the next. */
  leaveWaiters(next: CommitBatch): void {
    next.waiters.push(...this.waiters.filter(({ owner }) => owner.hasUnsaved));
    this.waiters = this.waiters.filter(({ owner }) => !owner.hasUnsaved);
  }

  /** Waiters come before the others: a run's entries are shown before its end. */
  reached(level: Exclude<Level, "memory">): void {
    for (const waiter of this.waiters) if (waiter.level === level) waiter.call();
  }
}
