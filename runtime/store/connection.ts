// One thread's side of the storage port, whatever the store: checks batches, keeps the overlay,
// sends in order, and settles the promises when the writer answers.

import type { ErrorData } from "../errors.ts";
import { RuntimeError } from "../errors.ts";
import { type Base, Overlay } from "./overlay.ts";
import { packedBytes } from "./packing.ts";
import type { Batch, Commit, Committed, Range, Row } from "./store.ts";

/** A batch as sent. Batches of a refused generation are not judged and not answered. */
export interface Sent {
  readonly sequence: number;
  readonly generation: number;
  readonly batch: Batch;
  /** The same as it is stored: its values may be sealed. */
  readonly stored: Batch;
  /** Size when packed. */
  readonly bytes: number;
}

/** What the writer says, in order of sequence. `counters`: [sequence, key, sum] rows. */
export type Answer =
  | {
      readonly type: "committed";
      readonly through: number;
      readonly counters?: readonly (readonly [number, string, number])[];
    }
  | { readonly type: "flushed"; readonly through: number }
  | { readonly type: "refused"; readonly sequence: number; readonly error: ErrorData };

/** How a connection reaches its writer and the committed rows. */
export interface Link {
  readonly base: Base;
  /** Hands a batch to the writer; order is kept. */
  send(sent: Sent): void;
  /** A batch as it is stored; absent: as it is. @throws RuntimeError when it cannot be sealed. */
  readonly seal?: ((batch: Batch) => Batch) | undefined;
  /** Later reads see everything committed by now. */
  refresh(): void;
}

interface Pending {
  readonly sent: Sent;
  readonly committed: (committed: Committed) => void;
  readonly flushed: () => void;
  readonly refused: (error: unknown) => void;
}

/** Rows of one batch, bytes of one batch, and bytes sent and not yet committed. */
const BATCH_OPS_MAX = 100_000;
const BATCH_BYTES_MAX = 48 * 1024 * 1024;
const PENDING_BYTES_MAX = 64 * 1024 * 1024;
/** LMDB's own limit at pages of 4 KB is 1,978 bytes; keys are printable ASCII. */
const KEY = /^[\x20-\x7e]{1,1024}$/;
const NO_COUNTERS: ReadonlyMap<string, number> = new Map();

/** The overlay, the order and the promises of one connection. */
export class Connection {
  readonly #link: Link;
  readonly #overlay: Overlay;
  /** Sent and not committed, then committed and not flushed: both in order of sequence. */
  #uncommitted: Pending[] = [];
  #unflushed: Pending[] = [];
  #pendingBytes = 0;
  #sequence = 0;
  #generation = 0;
  #refusal: RuntimeError | undefined;
  #keepsGeneration = false;
  #closed = false;

  constructor(link: Link) {
    this.#link = link;
    this.#overlay = new Overlay(link.base);
  }

  get(key: string): Uint8Array | undefined {
    return this.#overlay.get(key);
  }

  range(range: Range): readonly Row[] {
    return this.#overlay.range(range);
  }

  /** What is committed, by whomever. */
  get committed(): Base {
    return this.#link.base;
  }

  /** Whether everything sent has been answered for good. */
  get isIdle(): boolean {
    return this.#uncommitted.length === 0 && this.#unflushed.length === 0;
  }

  commit(batch: Batch): Commit {
    const error = this.#closed ? closed() : this.#refusal;
    if (error !== undefined) return refusedCommit(followUp(error));
    checkBatch(batch);
    const stored = this.#sealed(batch);
    if (stored instanceof RuntimeError) return this.#refuseHere(stored);
    const bytes = packedBytes(stored);
    if (bytes > BATCH_BYTES_MAX) throw tooLarge(`${bytes} bytes; the limit is ${BATCH_BYTES_MAX}`);
    if (this.#pendingBytes + bytes > PENDING_BYTES_MAX) {
      const limit = `${PENDING_BYTES_MAX} bytes that are not committed yet`;
      return this.#refuseHere(new RuntimeError("STORE_FULL", `A connection may have ${limit}.`));
    }
    this.#sequence += 1;
    const [sequence, generation] = [this.#sequence, this.#generation];
    const sent = { sequence, generation, batch, stored, bytes };
    this.#overlay.apply(batch, sent.sequence);
    this.#pendingBytes += bytes;
    const commit = this.#track(sent);
    this.#link.send(sent);
    return commit;
  }

  /** Accepts batches again after a refusal; without one it changes nothing. */
  reset(): void {
    if (this.#refusal === undefined) return;
    this.#refusal = undefined;
    if (!this.#keepsGeneration) this.#generation += 1;
    this.#keepsGeneration = false;
  }

  /** Takes an answer of the writer. */
  answer(answer: Answer): void {
    switch (answer.type) {
      case "committed":
        this.#settle(answer.through, answer.counters ?? []);
        break;
      case "flushed":
        while ((this.#unflushed[0]?.sent.sequence ?? Infinity) <= answer.through) {
          this.#unflushed.shift()?.flushed();
        }
        break;
      case "refused":
        this.#refuse(answer.sequence, answer.error);
    }
  }

  /** The writer is gone or the store closes: nothing pending will be answered. */
  end(error: RuntimeError): void {
    this.#closed = true;
    const pending = [...this.#unflushed, ...this.#uncommitted];
    this.#unflushed = [];
    this.#uncommitted = [];
    this.#overlay.clear();
    for (const { refused } of pending) refused(error);
  }

  /** The batch as it is stored, or why it cannot be. */
  #sealed(batch: Batch): Batch | RuntimeError {
    const { seal } = this.#link;
    if (seal === undefined) return batch;
    try {
      return seal(batch);
    } catch (error) {
      if (error instanceof RuntimeError) return error;
      throw error;
    }
  }

  #track(sent: Sent): Commit {
    let settleCommitted: (committed: Committed) => void = () => {};
    let settleFlushed: () => void = () => {};
    let refuseCommitted: (error: unknown) => void = () => {};
    let refuseFlushed: (error: unknown) => void = () => {};
    const committed = new Promise<Committed>((resolve, reject) => {
      settleCommitted = resolve;
      refuseCommitted = reject;
    });
    const flushed = new Promise<void>((resolve, reject) => {
      settleFlushed = resolve;
      refuseFlushed = reject;
    });
    // A caller waits for one level; the other one's refusal must not count as unhandled.
    committed.catch(ignore);
    flushed.catch(ignore);
    const refused = (error: unknown): void => {
      refuseCommitted(error);
      refuseFlushed(error);
    };
    this.#uncommitted.push({ sent, committed: settleCommitted, flushed: settleFlushed, refused });
    return { committed, flushed };
  }

  #settle(through: number, rows: readonly (readonly [number, string, number])[]): void {
    this.#link.refresh();
    const counters = bySequence(rows);
    let count = 0;
    for (const pending of this.#uncommitted) {
      const { sequence, batch, bytes } = pending.sent;
      if (sequence > through) break;
      count += 1;
      this.#pendingBytes -= bytes;
      const own = counters.get(sequence) ?? NO_COUNTERS;
      this.#overlay.settle(batch, sequence, own);
      pending.committed({ counters: own });
    }
    this.#unflushed.push(...this.#uncommitted.splice(0, count));
  }

  /** Everything from the refused batch on is refused: it may rest on it. */
  #refuse(sequence: number, data: ErrorData): void {
    const error = new RuntimeError(data.code, data.message, data.details);
    const pending = this.#uncommitted;
    this.#uncommitted = pending.filter((each) => each.sent.sequence < sequence);
    this.#refusal = error;
    this.#keepsGeneration = false;
    this.#overlay.clear();
    this.#link.refresh();
    for (const { sent, refused } of pending) {
      if (sent.sequence < sequence) continue;
      this.#pendingBytes -= sent.bytes;
      refused(sent.sequence === sequence ? error : followUp(error));
    }
  }

  /** Refused before it was sent: what was sent earlier stands, so the generation stays. */
  #refuseHere(error: RuntimeError): Commit {
    this.#refusal = error;
    this.#keepsGeneration = true;
    return refusedCommit(error);
  }
}

function bySequence(
  rows: readonly (readonly [number, string, number])[],
): ReadonlyMap<number, ReadonlyMap<string, number>> {
  const result = new Map<number, Map<string, number>>();
  for (const [sequence, key, sum] of rows) {
    const sums = result.get(sequence) ?? new Map<string, number>();
    result.set(sequence, sums.set(key, sum));
  }
  return result;
}

function checkBatch(batch: Batch): void {
  if (batch.ops.length > BATCH_OPS_MAX) {
    throw tooLarge(`${batch.ops.length} rows; the limit is ${BATCH_OPS_MAX}`);
  }
  for (const op of batch.ops) {
    if (!KEY.test(op.key)) {
      throw new RuntimeError("INVALID", "A stored key is 1 to 1,024 printable ASCII characters.");
    }
    if (op.op === "add" && !Number.isSafeInteger(op.delta)) {
      throw new RuntimeError("INVALID", "A counter changes by a safe integer.");
    }
    if ("value" in op && op.value !== undefined && !isStorable(op.value)) {
      throw new RuntimeError("INVALID", "A stored value is made by codec.ts.");
    }
  }
}

/** lmdb-js crashes on empty values and takes values that start with 01 01 01 for instructions. */
function isStorable(value: Uint8Array): boolean {
  return value.length > 0 && !(value[0] === 1 && value[1] === 1 && value[2] === 1);
}

function tooLarge(what: string): RuntimeError {
  return new RuntimeError("TURN_TOO_LARGE", `A batch has ${what}.`);
}

function closed(): RuntimeError {
  return new RuntimeError("SHUTTING_DOWN", "The store is closed.");
}

/** Whether a batch was refused only because an earlier one of its connection was. */
export function isFollowUp(error: RuntimeError): boolean {
  return error.cause instanceof RuntimeError && error.message.startsWith(FOLLOWED);
}

const FOLLOWED = "An earlier batch of this connection was refused";

function followUp(error: RuntimeError): RuntimeError {
  const message = `${FOLLOWED}: ${error.message}`;
  return new RuntimeError(error.code, message, error.details, { cause: error });
}

function refusedCommit(error: RuntimeError): Commit {
  const committed = Promise.reject<Committed>(error);
  const flushed = Promise.reject<void>(error);
  committed.catch(ignore);
  flushed.catch(ignore);
  return { committed, flushed };
}

function ignore(): void {}
