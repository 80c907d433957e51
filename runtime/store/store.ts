// The storage port. Workers and main read snapshots; ONE storage thread writes. Keys are strings
// built only by keys.ts; values are bytes with a header (format version, key id) made by codec.ts.

import type { ErrorData } from "../errors.ts";

/** Which of the two environments: `hot` is what turns write, `bulk` is chunks, vectors, traces. */
export type Environment = "hot" | "bulk";

/** How safe something must be before others may see it. `memory` waits for nothing. */
export type Level = "memory" | "committed" | "flushed";

/** One write. A condition that does not hold refuses the whole batch and nothing of it is written. */
export type StoreOp =
  | { readonly op: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly op: "remove"; readonly key: string }
  /** The key must be absent. */
  | { readonly op: "insert"; readonly key: string; readonly value: Uint8Array }
  /** The stored bytes must equal `expected`; a missing `value` removes the row. */
  | {
      readonly op: "swap";
      readonly key: string;
      readonly expected: Uint8Array;
      readonly value?: Uint8Array;
    }
  /** Adds to a counter (integer, absent counts as 0); the sum must not fall below `min`. */
  | { readonly op: "add"; readonly key: string; readonly delta: number; readonly min?: number };

/** Ops that commit together or not at all. */
export interface Batch {
  readonly ops: readonly StoreOp[];
  /** Epochs the writer believes it holds, by shard; a stale one refuses the batch (STALE_EPOCH). */
  readonly epochs?: ReadonlyMap<number, number>;
}

/** What a commit says. `counters` holds the value after each `add` of the batch, by key. */
export interface Committed {
  readonly counters: ReadonlyMap<string, number>;
}

/** Why a batch was refused: `index` is the op whose condition failed, -1 for the epoch of `shard`. */
export interface Refusal extends ErrorData {
  readonly details: { readonly index: number; readonly key?: string; readonly shard?: number };
}

/** The two promises of one batch. Both reject with RuntimeError CONDITION_FAILED, STALE_EPOCH or STORE_FULL. */
export interface Commit {
  /** Survives the death of the process; readers that refresh see it. */
  readonly committed: Promise<Committed>;
  /** Survives power loss. Resolves after `committed`, in order of commit. */
  readonly flushed: Promise<void>;
}

/** A row as read. */
export interface Row {
  readonly key: string;
  readonly value: Uint8Array;
}

/** Keys from `from` (inclusive) to `to` (exclusive), in byte order or backwards, at most `limit`. */
export interface Range {
  readonly from: string;
  readonly to: string;
  readonly limit: number;
  readonly reverse?: boolean;
}

/** Reads of one environment. LMDB answers at once; another store may answer later. */
export interface Reader {
  get(key: string): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  range(range: Range): readonly Row[] | Promise<readonly Row[]>;
}

/**
 * One thread's connection to the store: reads see this connection's own pending writes
 * (an overlay until they are committed) and everything committed by others.
 */
export interface Store extends Reader {
  /** Reads without this connection's pending writes: what nothing takes back any more. */
  readonly committed: Reader;
  /** Sends a batch to the storage thread. Batches of one connection commit in the order sent. */
  commit(batch: Batch): Commit;
  /**
   * After a refusal every later batch of this connection is refused too, because it may rest on
   * the refused one; this call accepts batches again, with the overlay empty.
   */
  reset(): void;
  /**
   * Waits until everything sent is flushed or refused. Reading may go on: beside another process that has
   * the data folder by now, whose commits it sees.
   */
  close(reading?: "ends" | "goes-on"): Promise<void>;
}
