// The rows of one run's log. Chunks are written while the run goes on, and what they tell leaves the run's
// inbox with them; at its end, when the log is short, all of it goes into the run's row and the chunks go
// away.

import type { Address } from "../address.ts";
import { addressParts } from "../address.ts";
import type { RuntimeError } from "../errors.ts";
import type { Participant } from "../kernel/commit-batch.ts";
import type { Committer } from "../kernel/committer.ts";
import { keys } from "../store/keys.ts";
import { encodeChunk } from "./journal-codec.ts";
import { notPlain, SAVE_BYTES_MAX, tooLarge } from "./large.ts";
import type { LogEntry } from "./log-entry.ts";
import { encodeRun, mergedRun, type StoredRun } from "./run-row.ts";

/** A log of so many bytes in chunks is not tried for size at the run's end. */
const MERGED_CHUNK_BYTES_MAX = 8_000;

/** A chunk, and the batch it was written into, as given by `Committer.current`. */
interface Chunk {
  readonly number: number;
  readonly value: Uint8Array;
  readonly batch: object;
}

/** An entry that cannot be stored, and why. */
interface Unwritten {
  readonly entry: LogEntry;
  readonly error: RuntimeError;
}

/** What of a committer they use. */
type Writer = Pick<Committer, "current" | "write" | "takeBack">;

/** Whose rows they are. */
export interface LogChunksOptions {
  readonly committer: Writer;
  /** The run tree, which has what it wrote written again when a batch is refused. */
  readonly owner: Participant;
  readonly row: { readonly address: Address };
  /** Number of the next chunk. */
  readonly next: number;
}

/** The chunks of a root run's log. */
export class LogChunks {
  readonly #committer: Writer;
  readonly #owner: Participant;
  readonly #root: Address;
  #next: number;
  /** Bytes written since the run is in memory. */
  #bytes = 0;
  /** Chunks of the batch that was written into last. */
  #recent: Chunk[] = [];
  /** Rows of the run's inbox whose entries are not written yet. */
  readonly #taken = new Set<string>();

  constructor({ committer, owner, row, next }: LogChunksOptions) {
    this.#committer = committer;
    this.#owner = owner;
    this.#root = row.address;
    this.#next = next;
  }

  /** A row of the run's inbox goes when the entry that says the same is written. */
  take(row: string): void {
    this.#taken.add(row);
  }

  /** Whether a row was taken and is still there. */
  hasTaken(row: string): boolean {
    return this.#taken.has(row);
  }

  /**
   * Writes one chunk, or several when it would be too large. Returns entries that are too large alone,
   * or no plain data (any more: what was looked at when it was given may have been changed since).
   */
  write(entries: readonly LogEntry[]): readonly Unwritten[] {
    const [entry] = entries;
    if (entry === undefined) return [];
    this.#removeTaken();
    let error: RuntimeError;
    try {
      const value = encodeChunk(entries);
      if (value.byteLength <= SAVE_BYTES_MAX) {
        this.#put({ number: this.#next, value, batch: this.#committer.current });
        this.#next += 1;
        this.#bytes += value.byteLength;
        return [];
      }
      error = tooLarge(entry.run, value.byteLength);
    } catch (cause) {
      const key = "key" in entry ? entry.key : "";
      error = notPlain({ run: entry.run, what: `${entry.type} entry`, key }, cause);
    }
    if (entries.length === 1) return [{ entry, error }];
    const middle = entries.length >> 1;
    return [...this.write(entries.slice(0, middle)), ...this.write(entries.slice(middle))];
  }

  /**
   * Writes the row of the run, which has ended, for `owner`, its parent's turn. Whether the log went
   * into it: then a chunk that was not sent yet is taken back, and the others are removed.
   */
  settle(owner: Participant, row: StoredRun, log: readonly LogEntry[]): boolean {
    this.#removeTaken();
    const { tenant } = addressParts(this.#root);
    const isShort = this.#bytes <= MERGED_CHUNK_BYTES_MAX;
    const merged = isShort ? mergedRun(row, log) : null;
    const value = merged ?? encodeRun(row);
    this.#committer.write(owner, { op: "put", key: keys.run(tenant, row.id), value });
    if (merged === null) return false;
    for (let number = 0; number < this.#next; number += 1) {
      const key = keys.journal(this.#root, number);
      const recent = this.#recent.find((chunk) => chunk.number === number);
      if (recent !== undefined && this.#committer.takeBack(recent.batch, key)) continue;
      this.#committer.write(owner, { op: "remove", key });
    }
    return true;
  }

  /** Writes chunks of these batches, which were refused, again: a row may have taken them back. */
  restore(batches: ReadonlySet<object>): void {
    const lost = this.#recent;
    if (lost[0] === undefined || !batches.has(lost[0].batch)) return;
    this.#recent = [];
    const batch = this.#committer.current;
    for (const chunk of lost) this.#put({ ...chunk, batch });
  }

  #removeTaken(): void {
    for (const key of this.#taken) this.#committer.write(this.#owner, { op: "remove", key });
    this.#taken.clear();
  }

  #put(chunk: Chunk): void {
    const key = keys.journal(this.#root, chunk.number);
    this.#committer.write(this.#owner, { op: "put", key, value: chunk.value });
    if (this.#recent[0]?.batch !== chunk.batch) this.#recent = [];
    this.#recent.push(chunk);
  }
}
