// Groups what turns and runs write into batches for the storage thread, and lets out what must not
// be seen before its batch is safe. A refused batch takes every later one with it (they may rest on
// it): all who took part are handed back to the kernel. It repeats the turns, of which only the owner
// of the guilty operation fails, and has what runs wrote written again, as they had it in memory.

import type { Clock } from "../clock.ts";
import { isStorageTrouble, RuntimeError } from "../errors.ts";
import { Histogram, SIZE_BOUNDS, TIME_BOUNDS_MS } from "../shared/metrics.ts";
import { decode } from "../store/codec.ts";
import type { Committed, Level, Range, Reader, Row, Store, StoreOp } from "../store/store.ts";
import type { Participant } from "./commit-batch.ts";
import { BatchMark, CommitBatch, type Saver } from "./commit-batch.ts";

/** What the kernel must repair: all participants in order, and the one whose condition failed. */
export interface Refused {
  readonly error: RuntimeError;
  readonly guilty: Participant | null;
  readonly participants: readonly Participant[];
  /** The batches that were refused, as given by `current`. */
  readonly batches: ReadonlySet<object>;
  /** Writes again what those wrote into the refused batches, and has their waiters go on waiting. */
  repeat(goesOn: (owner: Participant) => boolean): void;
}

/** What a committer needs. */
export interface CommitterOptions {
  readonly store: Store;
  readonly defer: (call: () => void) => void;
  readonly after: Clock["after"];
  readonly epochOf: (shard: number) => number;
  readonly rowsMax: number;
  readonly bytesMax: number;
  /**
   * Called before the open batch is closed: turns that are already due go into it, so that a message
   * to an actor of this kernel and its turn commit together.
   */
  readonly onClosing: () => void;
  /** A batch was sent or committed: turns may go on. */
  readonly onRoom: () => void;
  readonly onRefused: (refused: Refused) => void;
}

/**
 * Batches under way at once; past it rows gather in the open one. Behind a large one there is no
 * second: whoever writes next waits for one large write at most.
 */
const IN_FLIGHT_MAX = 2;
/**
 * Batches not flushed yet from which the open one gathers, unless it is full or someone waits for its
 * commit: who waits for a flush waits for that of those before it anyway.
 */
const UNFLUSHED_MAX = 2;
/** Part of the rows or bytes of a full batch from which one counts as large. */
const LARGE = 0.25;
/**
 * After a refusal by the disk the next batch waits this long, and with it whatever is repeated: a
 * full disk is asked again now and then, not in a loop.
 */
const TROUBLE_PAUSE_MS = 500;

/** The writer of one kernel. */
export class Committer implements Reader {
  readonly #options: CommitterOptions;
  #open = new CommitBatch();
  /** Sent and not yet flushed, oldest first. */
  #sent: CommitBatch[] = [];
  #uncommitted = 0;
  /** Whether the batch sent last is large and not committed yet. */
  #isLarge = false;
  #scheduled = false;
  #isPaused = false;
  #savers: Saver[] = [];
  #onOpened: (() => void)[] = [];
  /** Totals since start, for the figures. */
  readonly totals = { commits: 0, rows: 0, bytes: 0, refused: 0 };
  /** Rows of a batch; from its sending to its commit and to its flush. */
  readonly measured = {
    batchRows: new Histogram(SIZE_BOUNDS),
    commitMs: new Histogram(TIME_BOUNDS_MS),
    flushMs: new Histogram(TIME_BOUNDS_MS),
  };

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /** Identity of the open batch: a row put and taken under the same one is never written. */
  get current(): object {
    return this.#open.mark;
  }

  /** Adds an operation to the open batch. */
  write(owner: Participant, op: StoreOp): void {
    this.#open.write(owner, op);
    this.#schedule();
  }

  /**
   * Whether the open batch is as large as it may grow: no further turn is taken until it is sent.
   * It is never closed in the middle of a turn, so that what one turn writes stays together.
   */
  get isFull(): boolean {
    const { rowsMax, bytesMax } = this.#options;
    return this.#open.ops.length >= rowsMax || this.#open.bytes >= bytesMax;
  }

  /** What the open batch holds. */
  get openRows(): number {
    return this.#open.ops.length;
  }

  get openBytes(): number {
    return this.#open.bytes;
  }

  /**
   * A row as this kernel sees it: what waits in the open batch before what the store has. Where the
   * store answers later, what was written meanwhile counts.
   */
  get(key: string): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    // Most actors that come into memory find it empty: then the key is not even hashed.
    if (this.#open.plain.size > 0 && this.#open.plain.has(key)) return this.#open.valueOf(key);
    const stored = this.#options.store.get(key);
    if (!(stored instanceof Promise)) return stored;
    return stored.then((value) => (this.#open.plain.has(key) ? this.#open.valueOf(key) : value));
  }

  /** A counter as this kernel sees it. */
  counter(key: string): number | Promise<number> {
    const sum = (bytes: Uint8Array | undefined): number =>
      (this.#open.added.get(key) ?? 0) + (bytes === undefined ? 0 : Number(decode(bytes)));
    const stored = this.#options.store.get(key);
    return stored instanceof Promise ? stored.then(sum) : sum(stored);
  }

  /** Rows as this kernel sees them. */
  range(range: Range): readonly Row[] | Promise<readonly Row[]> {
    const hidden = this.#open.keysWithin(range).length;
    const rows = this.#options.store.range({ ...range, limit: range.limit + hidden });
    return rows instanceof Promise
      ? rows.then((stored) => this.#open.over(range, stored))
      : this.#open.over(range, rows);
  }

  /** Takes back a plain write of the open batch (an inbox row that was handled at once). */
  takeBack(batch: object, key: string): boolean {
    return batch === this.#open.mark && this.#open.takeBack(key);
  }

  /** Calls when what is open now has gone and a new batch is open. */
  afterOpened(call: () => void): void {
    this.#onOpened.push(call);
    this.#schedule();
  }

  /** Notes that someone took part without writing. */
  join(owner: Participant): void {
    this.#open.participants.add(owner);
    this.#schedule();
  }

  /** Has what `saver` gathers written: with the open batch if it takes part in it, else as room allows. */
  beforeClose(saver: Saver): void {
    this.#savers.push(saver);
    this.#schedule();
  }

  /** Calls when everything written so far is committed; counters of the batch are given. */
  afterCommitted(call: (committed: Committed) => void): void {
    this.#open.onCommitted.push(call);
    this.#schedule();
  }

  /** Whether everything written so far has reached the level already. */
  hasReached(level: Level): boolean {
    if (level === "memory") return true;
    if (this.#open.ops.length > 0 || this.#savers.length > 0) return false;
    const last = this.#sent[this.#sent.length - 1];
    return last === undefined || (level === "committed" && last.isCommitted);
  }

  /** Calls when everything written so far has reached the level. */
  after(level: Exclude<Level, "memory">, call: () => void): void {
    if (this.hasReached(level)) {
      call();
      return;
    }
    const last = this.#sent.at(-1);
    if (last !== undefined && this.#open.ops.length === 0 && this.#savers.length === 0) {
      (level === "committed" ? last.onCommitted : last.onFlushed).push(call);
      return;
    }
    (level === "committed" ? this.#open.onCommitted : this.#open.onFlushed).push(call);
    this.#schedule();
  }

  /**
   * Calls when everything that any kernel has committed before is flushed: for what is answered from
   * a row that another one may have written a moment ago.
   */
  afterAll(call: () => void): void {
    this.#open.onFlushed.push(call);
    this.#schedule();
  }

  /** As `after`, for one whose writes are written again when their batch is refused. */
  afterOwn(owner: Saver, level: Exclude<Level, "memory">, call: () => void): void {
    const waiter = { owner, level, call };
    if (this.#open.ops.length === 0 && this.#savers.length === 0) {
      const last = this.#sent.at(-1);
      if (last === undefined || (level === "committed" && last.isCommitted)) call();
      else last.waiters.push(waiter);
      return;
    }
    this.#open.waiters.push(waiter);
    this.#schedule();
  }

  /** The batch under way that writes this key and is not committed yet, as given by `current`. */
  batchOf(key: string): object | null {
    if (this.#open.plain.has(key)) return this.#open.mark;
    return this.#sent.find((sent) => !sent.isCommitted && sent.plain.has(key))?.mark ?? null;
  }

  /** Whether a batch, as given by `current`, was refused: nothing of it is stored. */
  wasRefused(batch: object): boolean {
    return batch instanceof BatchMark && batch.isRefused;
  }

  /** Resolves when everything written so far, or again, is flushed, or the disk takes nothing. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      const onRefused = (error: RuntimeError): void => {
        if (isStorageTrouble(error.code)) resolve();
        else this.settled().then(resolve, resolve);
      };
      this.join({ shard: -1, onRefused });
      this.after("flushed", resolve);
    });
  }

  /** Whether nothing is waiting to be written or flushed. */
  isIdle(): boolean {
    const isWaiting = this.#savers.length > 0 || this.#onOpened.length > 0;
    return this.#open.isEmpty() && this.#sent.length === 0 && !isWaiting;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.defer(() => {
      this.#scheduled = false;
      this.#close();
    });
  }

  #close(): void {
    if (this.#uncommitted >= IN_FLIGHT_MAX || this.#isLarge || this.#isPaused) return;
    const mayGather = this.#sent.length >= UNFLUSHED_MAX && !this.#open.isUrgent;
    if (mayGather && !this.isFull) return;
    if (!this.isFull) this.#options.onClosing();
    const batch = this.#open;
    const savers = this.#savers;
    this.#savers = [];
    if (savers.length > 0) this.#savers.push(...batch.gather(savers));
    if (batch.isEmpty()) return;
    this.#open = new CommitBatch();
    if (this.#savers.length > 0) batch.leaveWaiters(this.#open);
    const { ops, owners } = batch.written();
    const epochs = new Map<number, number>();
    for (const { shard } of new Set(owners)) epochs.set(shard, this.#options.epochOf(shard));
    this.totals.commits += 1;
    this.totals.rows += ops.length;
    this.totals.bytes += batch.bytes;
    this.measured.batchRows.observe(ops.length);
    batch.sentMs = performance.now();
    this.#sent.push(batch);
    this.#uncommitted += 1;
    const { rowsMax, bytesMax } = this.#options;
    this.#isLarge = ops.length > rowsMax * LARGE || batch.bytes > bytesMax * LARGE;
    const { committed, flushed } = this.#options.store.commit({ ops, epochs });
    committed.then(
      (result) => this.#committed(batch, result),
      (error: unknown) => this.#refused(batch, owners, error),
    );
    flushed.then(
      () => this.#flushed(batch),
      () => undefined, // Told by `committed`, or the storage thread died and the process with it.
    );
    this.#opened();
    this.#options.onRoom();
  }

  #opened(): void {
    const calls = this.#onOpened;
    if (calls.length === 0) return;
    this.#onOpened = [];
    for (const call of calls) call();
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#options.after(TROUBLE_PAUSE_MS, () => {
      this.#isPaused = false;
      this.#schedule();
    });
  }

  #committed(batch: CommitBatch, result: Committed): void {
    if (!this.#sent.includes(batch)) return;
    this.#uncommitted -= 1;
    if (this.#sent.at(-1) === batch) this.#isLarge = false;
    batch.isCommitted = true;
    this.measured.commitMs.observe(performance.now() - batch.sentMs);
    batch.reached("committed");
    for (const call of batch.onCommitted) call(result);
    this.#options.onRoom();
    if (!this.#open.isEmpty() || this.#savers.length > 0) this.#schedule();
  }

  #flushed(batch: CommitBatch): void {
    const at = this.#sent.indexOf(batch);
    if (at === -1) return;
    this.#sent.splice(at, 1);
    this.measured.flushMs.observe(performance.now() - batch.sentMs);
    batch.reached("flushed");
    for (const call of batch.onFlushed) call();
    if (!this.#open.isEmpty() || this.#savers.length > 0) this.#schedule();
  }

  #refused(batch: CommitBatch, owners: readonly Participant[], cause: unknown): void {
    const at = this.#sent.indexOf(batch);
    if (at === -1) return;
    this.totals.refused += 1;
    const error =
      cause instanceof RuntimeError
        ? cause
        : new RuntimeError("INTERNAL", "A commit failed.", undefined, { cause });
    const index = Number(error.details?.["index"] ?? -1);
    const victims = [...this.#sent.slice(at), this.#open];
    this.#sent = this.#sent.slice(0, at);
    this.#uncommitted = this.#sent.filter((sent) => !sent.isCommitted).length;
    this.#isLarge = false;
    this.#open = new CommitBatch();
    this.#options.store.reset();
    if (isStorageTrouble(error.code)) this.#pause();
    const participants = new Set<Participant>();
    for (const victim of victims) {
      victim.mark.isRefused = true;
      for (const one of victim.participants) participants.add(one);
    }
    this.#options.onRefused({
      error,
      guilty: owners[index] ?? null,
      participants: [...participants],
      batches: new Set(victims.map(({ mark }) => mark)),
      repeat: (goesOn) => this.#repeat(victims, goesOn),
    });
    this.#opened();
    // Entries of runs that took no part wait for the next batch: nobody else would save them.
    this.#schedule();
  }

  #repeat(victims: readonly CommitBatch[], goesOn: (owner: Participant) => boolean): void {
    for (const victim of victims) {
      victim.ops.forEach((op, at) => {
        const owner = victim.owners[at];
        if (op !== null && owner !== undefined && goesOn(owner)) this.write(owner, op);
      });
      for (const one of victim.participants) if (goesOn(one)) this.join(one);
      for (const waiter of victim.waiters) {
        if (goesOn(waiter.owner)) this.#open.waiters.push(waiter);
      }
    }
  }
}
