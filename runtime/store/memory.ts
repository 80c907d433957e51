// The store in memory, for tests and the testkit: the semantics of the LMDB store and its storage
// thread, without threads or timers. Progress is made only by the injected `defer` and wires, so a
// seeded scheduler decides when a transaction arrives, commits, is answered and is flushed; the next
// one commits while the last is being flushed.

import { RuntimeError } from "../errors.ts";
import { type Answer, Connection, type Sent } from "./connection.ts";
import { judge, type Write } from "./judge.ts";
import { type Base, lowerBound } from "./overlay.ts";
import type { Batch, Commit, Range, Reader, Row, Store } from "./store.ts";

/** What a crash destroys: `process` keeps what was committed, `power` only what was flushed. */
export type Crash = "process" | "power";

/** Where transaction `write` stands: about to be written, written, about to be flushed, flushed. */
export type WriteStage = "writing" | "committed" | "flushing" | "flushed";

/** How a connection reaches the disk. Each way keeps its order; the default is at once. */
export interface DiskWire {
  /** Carries a batch to the disk: it arrives even if its sender has died meanwhile. */
  send(call: () => void): void;
  /** Carries an answer to the connection. */
  receive(call: () => void): void;
  /** Carries what was read; without it reads answer at once, as LMDB's do. */
  read?(call: () => void): void;
}

/** How the disk runs. */
export interface MemoryDiskOptions {
  /** Calls back soon, never at once: setImmediate, or the testkit's scheduler. `what`: for a flush. */
  readonly defer: (call: () => void, what?: "flush") => void;
  /** Called when `crashAfter` strikes; the disk has stopped by then. */
  readonly onCrash?: (commit: number) => void;
  /** Told of every stage before anybody hears of it; may crash the disk or disconnect who wrote. */
  readonly onWrite?: (write: number, stage: WriteStage) => void;
}

interface Client {
  readonly connection: Connection;
  readonly wire: DiskWire;
  refusedGeneration: number;
  /** Its thread has died: it hears nothing more. What it has sent still arrives. */
  isGone: boolean;
  /** The disk it was connected to has crashed. */
  isCut: boolean;
}

interface Queued {
  readonly client: Client | undefined;
  readonly sent: Sent | undefined;
  readonly epochs?: ReadonlyMap<number, number>;
  readonly done?: () => void;
}

/** Rows in key order. */
class Image implements Base {
  #rows = new Map<string, Uint8Array>();
  #sorted: string[] = [];

  get(key: string): Uint8Array | undefined {
    return this.#rows.get(key);
  }

  range({ from, to, limit, reverse }: Range): readonly Row[] {
    const first = lowerBound(this.#sorted, from);
    const after = lowerBound(this.#sorted, to);
    const count = Math.min(Math.max(0, limit), Math.max(0, after - first));
    const rows: Row[] = [];
    for (let taken = 0; taken < count; taken += 1) {
      const key = this.#sorted[reverse === true ? after - 1 - taken : first + taken] ?? "";
      const value = this.#rows.get(key);
      if (value !== undefined) rows.push({ key, value });
    }
    return rows;
  }

  write(writes: readonly Write[]): void {
    for (const { key, value } of writes) {
      const isPresent = this.#rows.has(key);
      if (value === undefined) this.#rows.delete(key);
      else this.#rows.set(key, value);
      if (isPresent === (value !== undefined)) continue;
      const at = lowerBound(this.#sorted, key);
      if (isPresent) this.#sorted.splice(at, 1);
      else this.#sorted.splice(at, 0, key);
    }
  }

  copy(): Image {
    const copy = new Image();
    copy.#rows = new Map(this.#rows);
    copy.#sorted = [...this.#sorted];
    return copy;
  }
}

/** One disk that outlives the crashes of what runs on it. */
export class MemoryDisk {
  readonly #options: MemoryDiskOptions;
  #committed = new Image();
  #flushed = new Image();
  #unflushed: Write[] = [];
  /** Epochs as raised: what is judged is held against them at once. */
  #epochs = new Map<number, number>();
  /** Epochs as committed and as flushed: a start raises them all, so they are kept apart from the rows. */
  #committedEpochs = new Map<number, number>();
  #flushedEpochs = new Map<number, number>();
  #clients: Client[] = [];
  #queue: Queued[] = [];
  #isBusy = false;
  /** Committed and waiting for a flush to begin. */
  #toFlush: Queued[] = [];
  readonly #through = new Map<Client, number>();
  #isFlushing = false;
  #commits = 0;
  #crashAfter = Number.POSITIVE_INFINITY;
  #fullAfter = Number.POSITIVE_INFINITY;
  /** A full disk: what adds a row is refused (STORE_FULL), until this is unset. */
  isFull = false;
  /** Rises with every crash: what was deferred before it must not go on after it. */
  #life = 0;

  constructor(options: MemoryDiskOptions) {
    this.#options = options;
  }

  /** Transactions committed since the disk was made: the number of the last one. */
  get commits(): number {
    return this.#commits;
  }

  /** Epochs as committed. */
  get epochs(): ReadonlyMap<number, number> {
    return this.#epochs;
  }

  /** Committed rows, for assertions. */
  get rows(): readonly Row[] {
    return this.#committed.range({ from: "", to: "\u007f", limit: Number.MAX_SAFE_INTEGER });
  }

  /** Rows that a power cut would take, as they were written. */
  get unflushed(): readonly Write[] {
    return this.#unflushed;
  }

  /** A connection. Without a wire it is at once, and reads answer a moment later. */
  connect(wire: DiskWire = AT_ONCE): MemoryStore {
    let client: Client | undefined;
    const connection = new Connection({
      base: {
        get: (key) => this.#committed.get(key),
        range: (range) => this.#committed.range(range),
      },
      send: (sent) => wire.send(() => this.#enqueue({ client, sent })),
      refresh: () => {},
    });
    client = { connection, wire, refusedGeneration: -1, isGone: false, isCut: false };
    this.#clients.push(client);
    return new MemoryStore(client, this.#options.defer);
  }

  /** Raises epochs; from now on older batches are refused. Resolves when they are flushed. */
  setEpochs(epochs: ReadonlyMap<number, number>): Promise<void> {
    for (const [shard, epoch] of epochs) {
      this.#epochs.set(shard, Math.max(epoch, this.#epochs.get(shard) ?? 0));
    }
    return new Promise((done) => {
      this.#enqueue({ client: undefined, sent: undefined, epochs, done });
    });
  }

  /** Crashes right after transaction `commit` is on disk, before anybody hears of it. */
  crashAfter(commit: number): void {
    this.#crashAfter = commit;
  }

  /** The disk is full from transaction `commit` on. */
  fullAfter(commit: number): void {
    this.#fullAfter = commit;
  }

  /** There is room again. */
  makeRoom(): void {
    this.#fullAfter = Number.POSITIVE_INFINITY;
    this.isFull = false;
  }

  /**
   * Everything that ran on the disk is gone: its connections are dead, their promises stay open,
   * and what the crash destroys is lost. New connections see what is left.
   */
  crash(kind: Crash): void {
    this.#stop();
    if (kind === "power") this.#committed = this.#flushed.copy();
    else this.#flushed = this.#committed.copy();
    this.#unflushed = [];
    this.#crashAfter = Number.POSITIVE_INFINITY;
    if (kind === "power") this.#committedEpochs = new Map(this.#flushedEpochs);
    else this.#flushedEpochs = new Map(this.#committedEpochs);
    this.#epochs = new Map(this.#committedEpochs);
  }

  #stop(): void {
    this.#life += 1;
    for (const client of this.#clients) {
      client.isCut = true;
      client.isGone = true;
    }
    this.#clients = [];
    this.#queue = [];
    this.#isBusy = false;
    this.#toFlush = [];
    this.#through.clear();
    this.#isFlushing = false;
  }

  #enqueue(queued: Queued): void {
    if (queued.client?.isCut === true) return;
    this.#queue.push(queued);
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#later(() => this.#commitGroup());
  }

  #later(call: () => void, what?: "flush"): void {
    const life = this.#life;
    this.#options.defer(() => {
      if (life === this.#life) call();
    }, what);
  }

  /** Commits what is queued as one transaction; answers, then the next group and the flush follow. */
  #commitGroup(): void {
    const life = this.#life;
    const group = this.#queue;
    this.#queue = [];
    const answers: (readonly [Client, Answer])[] = [];
    const through = new Map<Client, number>();
    const before = this.#unflushed.length;
    let hasWritten = false;
    this.#options.onWrite?.(this.#commits + 1, "writing");
    if (life !== this.#life) return;
    for (const { client, sent, epochs } of group) {
      for (const shard of epochs?.keys() ?? []) {
        this.#committedEpochs.set(shard, this.#epochs.get(shard) ?? 0);
        hasWritten = true;
      }
      if (client === undefined || sent === undefined) continue;
      const answer = this.#judge(client, sent);
      if (answer === undefined) continue;
      if (answer.type === "committed") through.set(client, sent.sequence);
      answers.push([client, answer]);
    }
    if (hasWritten || this.#unflushed.length > before) {
      this.#commits += 1;
      if (this.#commits >= this.#fullAfter) this.isFull = true;
      if (this.#commits >= this.#crashAfter) {
        this.#stop();
        this.#options.onCrash?.(this.#commits);
        return;
      }
      this.#options.onWrite?.(this.#commits, "committed");
      if (life !== this.#life) return;
    }
    this.#later(() => {
      for (const [client, answer] of answers) this.#answer(client, answer);
      for (const [client, sequence] of through) this.#through.set(client, sequence);
      this.#toFlush.push(...group);
      if (!this.#isFlushing) {
        this.#isFlushing = true;
        this.#later(() => this.#flush(), "flush");
      }
      if (this.#queue.length > 0) this.#later(() => this.#commitGroup());
      else this.#isBusy = false;
    });
  }

  #flush(): void {
    const life = this.#life;
    this.#options.onWrite?.(this.#commits, "flushing");
    if (life !== this.#life) return;
    const group = this.#toFlush;
    const through = [...this.#through];
    this.#toFlush = [];
    this.#through.clear();
    this.#flushed.write(this.#unflushed);
    if (group.some(({ epochs }) => epochs !== undefined)) {
      this.#flushedEpochs = new Map(this.#committedEpochs);
    }
    this.#unflushed = [];
    this.#options.onWrite?.(this.#commits, "flushed");
    if (life !== this.#life) return;
    this.#later(() => {
      for (const [client, sequence] of through) {
        this.#answer(client, { type: "flushed", through: sequence });
      }
      for (const { done } of group) done?.();
      if (this.#toFlush.length > 0) this.#later(() => this.#flush(), "flush");
      else this.#isFlushing = false;
    });
  }

  #answer(client: Client, answer: Answer): void {
    client.wire.receive(() => {
      if (!client.isGone) client.connection.answer(answer);
    });
  }

  #judge(client: Client, { batch, sequence, generation }: Sent): Answer | undefined {
    if (generation <= client.refusedGeneration) return undefined;
    const verdict = judge(batch, {
      read: (key) => this.#committed.get(key),
      epoch: (shard) => this.#epochs.get(shard) ?? 0,
    });
    if (verdict.type === "refused") {
      client.refusedGeneration = generation;
      return { type: "refused", sequence, error: verdict.refusal };
    }
    if (this.isFull && verdict.writes.some((write) => write.value !== undefined)) {
      client.refusedGeneration = generation;
      const details = { index: -1 };
      return {
        type: "refused",
        sequence,
        error: { code: "STORE_FULL", message: "The disk is full.", details },
      };
    }
    this.#write(verdict.writes);
    const counters = [...(verdict.counters ?? [])].map(
      ([key, sum]) => [sequence, key, sum] as const,
    );
    return { type: "committed", through: sequence, counters };
  }

  #write(writes: readonly Write[]): void {
    this.#committed.write(writes);
    this.#unflushed.push(...writes);
  }
}

const AT_ONCE: DiskWire = {
  send: (call) => call(),
  receive: (call) => call(),
  read: (call) => call(),
};

/** A connection to a disk in memory. */
export class MemoryStore implements Store {
  readonly committed: Reader;
  readonly #client: Client;
  readonly #defer: (call: () => void) => void;

  constructor(client: Client, defer: (call: () => void) => void) {
    this.#client = client;
    this.#defer = defer;
    const { committed } = client.connection;
    this.committed = {
      get: (key) => this.#read(() => committed.get(key)),
      range: (range) => this.#read(() => committed.range(range)),
    };
  }

  get(key: string): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    return this.#read(() => this.#client.connection.get(key));
  }

  range(range: Range): readonly Row[] | Promise<readonly Row[]> {
    return this.#read(() => this.#client.connection.range(range));
  }

  commit(batch: Batch): Commit {
    return this.#client.connection.commit(batch);
  }

  reset(): void {
    this.#client.connection.reset();
  }

  /** The thread that holds this connection has died: it hears nothing more. */
  disconnect(): void {
    this.#client.isGone = true;
  }

  async close(): Promise<void> {
    while (!this.#client.connection.isIdle && !this.#client.isGone) {
      await new Promise<void>((resolve) => this.#defer(resolve));
    }
    this.#client.connection.end(new RuntimeError("SHUTTING_DOWN", "The store is closed."));
  }

  #read<T>(read: () => T): T | Promise<T> {
    const { wire } = this.#client;
    if (wire.read === undefined) return read();
    return new Promise<T>((resolve) => {
      wire.read?.(() => resolve(read()));
    });
  }
}
