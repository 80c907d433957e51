// The store of one thread over LMDB: a read-only handle, the overlay of what this thread has sent,
// and commits over a MessagePort to the storage thread. It never writes to the environment, so the
// thread may be terminated at any moment.

import type { MessagePort } from "node:worker_threads";
import { RuntimeError } from "../errors.ts";
import { type Answer, Connection, type Link, type Sent } from "./connection.ts";
import { open, type RootDatabase } from "./lmdb-library.ts";
import type { Base } from "./overlay.ts";
import { pack } from "./packing.ts";
import type { ValueSeals } from "./sealed-rows.ts";
import type { Batch, Commit, Environment, Range, Reader, Row, Store } from "./store.ts";

/** Where the rows are and who writes them. */
export interface StoreOptions {
  /** The data folder. */
  readonly path: string;
  readonly environment: Environment;
  /** From `Storage.connect`; owned by the store from here on. */
  readonly port: MessagePort;
  /** Seals what is a tenant's; absent: it is stored in clear. */
  readonly seals?: ValueSeals | undefined;
}

/** Batches of one connection, packed. The storage thread answers with `Answer[]`. */
export interface PackedBatches {
  readonly buffer: ArrayBuffer;
  readonly count: number;
  /** Sequence of the first; the others follow it. */
  readonly first: number;
  readonly generation: number;
}

/** File of an environment inside the data folder. */
export function environmentFile(path: string, environment: Environment): string {
  return `${path}/${environment}.mdb`;
}

/** Page size of new environments, and slots for readers: one for each open snapshot. */
export const PAGE_BYTES = 4096;
export const READERS_MAX = 512;
const BATCHES_A_MESSAGE_MAX = 4096;

/**
 * Opens this thread's store. The storage thread must have been started before. A thread may be
 * terminated at any moment after this has returned; while it runs, a termination would abort the
 * process (lmdb-js makes native objects in it), so a host waits for its thread to say it is up.
 */
export function openStore(options: StoreOptions): Store {
  return new LmdbStore(options);
}

class LmdbStore implements Store {
  readonly #database: RootDatabase<Uint8Array, string>;
  readonly #port: MessagePort;
  readonly #connection: Connection;
  #outgoing: Sent[] = [];
  #whenIdle: (() => void) | undefined;
  #isFresh = false;
  #isOpen = true;

  constructor({ path, environment, port, seals }: StoreOptions) {
    this.#database = open<Uint8Array, string>({
      path: environmentFile(path, environment),
      encoding: "binary",
      readOnly: true,
      maxReaders: READERS_MAX,
    });
    // The snapshot and the cursor that later reads use again: to make one while the thread is being
    // terminated aborts the process.
    this.#database.getBinary(" ");
    readRange(this.#database, { from: " ", to: "!", limit: 1 });
    this.#port = port;
    const stored: Base = {
      get: (key) => this.#fresh().getBinary(key),
      range: (range) => readRange(this.#fresh(), range),
    };
    const link: Link = {
      base: seals?.opened(stored) ?? stored,
      seal: seals && ((batch) => seals.seal(batch)),
      send: (sent) => this.#send(sent),
      refresh: () => this.#database.resetReadTxn(),
    };
    this.#connection = new Connection(link);
    port.on("message", (answers: readonly Answer[]) => this.#take(answers));
    port.on("close", () => {
      this.#connection.end(new RuntimeError("WORKER_LOST", "The storage thread has gone."));
      this.#whenIdle?.();
    });
  }

  get(key: string): Uint8Array | undefined {
    return this.#connection.get(key);
  }

  range(range: Range): readonly Row[] {
    return this.#connection.range(range);
  }

  get committed(): Reader {
    return this.#connection.committed;
  }

  commit(batch: Batch): Commit {
    return this.#connection.commit(batch);
  }

  reset(): void {
    this.#connection.reset();
  }

  async close(reading: "ends" | "goes-on" = "ends"): Promise<void> {
    if (!this.#connection.isIdle) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    this.#connection.end(new RuntimeError("SHUTTING_DOWN", "The store is closed."));
    this.#port.close();
    if (reading === "goes-on") return;
    this.#isOpen = false;
    await this.#database.close();
  }

  /**
   * The reads of one callback share a snapshot that is not older than the callback: what another
   * thread committed before it sent the message being handled must be found. (lmdb-js alone renews
   * by timer, after several messages.)
   */
  #fresh(): RootDatabase<Uint8Array, string> {
    // The library's own error has no code, and who asks late would take it for a programmer's.
    if (!this.#isOpen) throw new RuntimeError("SHUTTING_DOWN", "The store is closed.");
    if (!this.#isFresh) {
      this.#isFresh = true;
      this.#database.resetReadTxn();
      queueMicrotask(() => {
        this.#isFresh = false;
      });
    }
    return this.#database;
  }

  /** What one slice commits leaves in one message, when the slice has ended. */
  #send(sent: Sent): void {
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#post());
    else if (this.#mustPostBefore(sent)) this.#post();
    this.#outgoing.push(sent);
  }

  #mustPostBefore(sent: Sent): boolean {
    const [first] = this.#outgoing;
    return first?.generation !== sent.generation || this.#outgoing.length >= BATCHES_A_MESSAGE_MAX;
  }

  #post(): void {
    const [first] = this.#outgoing;
    if (first === undefined) return;
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    const bytes = outgoing.reduce((sum, sent) => sum + sent.bytes, 0);
    const buffer = pack(
      outgoing.map((sent) => sent.stored),
      bytes,
    );
    const message: PackedBatches = {
      buffer,
      count: outgoing.length,
      first: first.sequence,
      generation: first.generation,
    };
    this.#port.postMessage(message, [buffer]);
  }

  #take(answers: readonly Answer[]): void {
    for (const answer of answers) this.#connection.answer(answer);
    if (this.#connection.isIdle) this.#whenIdle?.();
  }
}

/** Rows of a range as one array: a cursor must not outlive the call. */
export function readRange(
  database: RootDatabase<Uint8Array, string>,
  range: Range,
): readonly Row[] {
  const { from, to, limit } = range;
  if (limit <= 0 || from >= to) return [];
  if (range.reverse !== true) {
    const entries = database.getRange({ start: from, end: to, limit });
    return Array.from(entries, ({ key, value }) => ({ key, value }));
  }
  // Backwards, lmdb-js includes the start and excludes the end: the other way round from `Range`.
  const rows: Row[] = [];
  for (const { key, value } of database.getRange({ start: to, reverse: true, limit: limit + 1 })) {
    if (key < from || rows.length >= limit) break;
    if (key < to) rows.push({ key, value });
  }
  return rows;
}
