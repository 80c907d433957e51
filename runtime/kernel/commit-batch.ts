// One batch of a kernel's committer while it gathers, and until it is flushed: what is written by
// whom, how rows look with it, and who waits for it.

import type { RuntimeError } from "../errors.ts";
import type { Committed, Level, Range, Row, StoreOp } from "../store/store.ts";

/** Whoever wrote into a batch: a turn or a run tree. */
export interface Participant {
  readonly shard: number;
  /**
   * Called when the batch was refused, unless it is a turn or a run, which the kernel repairs.
   * `batches` are the refused ones, as given by `current`.
   */
  onRefused?(error: RuntimeError, batches: ReadonlySet<object>): void;
}

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

/**
 * Stands for a batch with those who must know later which one it was. The batch itself would keep its
 * turns, those their messages, and these the batches of their rows: under load all that ever was.
 */
export class BatchMark {
  isRefused = false;
}

/** A batch. */
export class CommitBatch {
  readonly mark = new BatchMark();
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

  /** Adds an operation. Of plain writes of one key the last counts. */
  write(owner: Participant, op: StoreOp): void {
    if (op.op === "put" || op.op === "remove") {
      const earlier = this.plain.get(op.key);
      if (earlier !== undefined) this.ops[earlier] = null;
      this.plain.set(op.key, this.ops.length);
    } else if (op.op === "add") {
      this.added.set(op.key, (this.added.get(op.key) ?? 0) + op.delta);
    } else {
      this.plain.set(op.key, this.ops.length);
    }
    this.ops.push(op);
    // What one turn writes comes in a row.
    if (this.owners.at(-1) !== owner) this.participants.add(owner);
    this.owners.push(owner);
    this.bytes += op.key.length + 16;
    if ("value" in op && op.value) this.bytes += op.value.byteLength;
  }

  /** Takes back a plain write. False: there is none. */
  takeBack(key: string): boolean {
    const at = this.plain.get(key);
    if (at === undefined) return false;
    this.ops[at] = null;
    this.plain.delete(key);
    return true;
  }

  /** What is left to be written, and by whom, in order. */
  written(): { readonly ops: readonly StoreOp[]; readonly owners: readonly Participant[] } {
    const ops: StoreOp[] = [];
    const owners: Participant[] = [];
    for (let at = 0; at < this.ops.length; at += 1) {
      const op = this.ops[at];
      const owner = this.owners[at];
      if (op === null || op === undefined || owner === undefined) continue;
      ops.push(op);
      owners.push(owner);
    }
    return { ops, owners };
  }

  /** The value a key of `plain` will have; undefined: none. */
  valueOf(key: string): Uint8Array | undefined {
    const op = this.ops[this.plain.get(key) ?? -1];
    return op && "value" in op ? op.value : undefined;
  }

  /** Keys written within a range, in no order. */
  keysWithin({ from, to }: Range): readonly string[] {
    const within: string[] = [];
    for (const key of this.plain.keys()) if (key >= from && key < to) within.push(key);
    return within;
  }

  /** Stored rows of a range as they look with this batch. `stored` may hold more than its limit. */
  over(range: Range, stored: readonly Row[]): readonly Row[] {
    const written = this.keysWithin(range);
    if (written.length === 0) {
      return stored.length > range.limit ? stored.slice(0, range.limit) : stored;
    }
    const byKey = new Map(stored.map((row) => [row.key, row.value]));
    for (const key of written) {
      const value = this.valueOf(key);
      if (value === undefined) byKey.delete(key);
      else byKey.set(key, value);
    }
    const sign = range.reverse ? -1 : 1;
    return [...byKey]
      .map(([key, value]) => ({ key, value }))
      .sort((a, b) => (a.key < b.key ? -sign : sign))
      .slice(0, range.limit);
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
