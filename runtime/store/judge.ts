// Whether a batch may be written: epochs and conditions against what is stored and what is staged
// in the same transaction. Pure; used by the storage thread and by the in-memory store.

import type { ErrorCode } from "../errors.ts";
import { decodeCounter, encode } from "./codec.ts";
import type { Batch, Refusal, StoreOp } from "./store.ts";

/** What a batch is judged against. */
export interface Judged {
  /** Current bytes of a key, staged writes of earlier batches included. */
  read(key: string): Uint8Array | undefined;
  /** Current epoch of a shard; 0 when it was never raised. */
  epoch(shard: number): number;
}

/** One row to write; no value removes it. */
export interface Write {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

/** The rows of an accepted batch, each once, or why it was refused. */
export type Verdict =
  | {
      readonly type: "accepted";
      readonly writes: readonly Write[];
      readonly counters: ReadonlyMap<string, number> | undefined;
    }
  | { readonly type: "refused"; readonly refusal: Refusal };

/** Judges one batch. Its own earlier ops count for its later ones. */
export function judge(batch: Batch, stored: Judged): Verdict {
  const stale = staleEpoch(batch, stored);
  if (stale !== undefined) return { type: "refused", refusal: stale };
  // By key: a counter that many turns of a batch add to is written once.
  const staged = new Map<string, Uint8Array | undefined>();
  let counters: Map<string, number> | undefined;
  const read = (key: string): Uint8Array | undefined =>
    staged.has(key) ? staged.get(key) : stored.read(key);
  for (const [index, op] of batch.ops.entries()) {
    const failed = failedCondition(op, index, read);
    if (failed !== undefined) return { type: "refused", refusal: failed };
    if (op.op === "add") {
      const sum = decodeCounter(read(op.key)) + op.delta;
      counters ??= new Map();
      counters.set(op.key, sum);
      // Whoever adds 0 wants to know the sum.
      if (op.delta !== 0) staged.set(op.key, encode(sum));
    } else {
      staged.set(op.key, op.op === "remove" ? undefined : op.value);
    }
  }
  const writes = [...staged].map(([key, value]): Write => ({ key, value }));
  return { type: "accepted", writes, counters };
}

function staleEpoch(batch: Batch, stored: Judged): Refusal | undefined {
  for (const [shard, epoch] of batch.epochs ?? []) {
    const current = stored.epoch(shard);
    if (epoch < current) {
      const message = `Shard ${shard} is at epoch ${current}; the batch was written at ${epoch}.`;
      return refusal("STALE_EPOCH", message, { index: -1, shard });
    }
  }
  return undefined;
}

function failedCondition(
  op: StoreOp,
  index: number,
  read: (key: string) => Uint8Array | undefined,
): Refusal | undefined {
  switch (op.op) {
    case "put":
    case "remove":
      return undefined;
    case "insert":
      if (read(op.key) === undefined) return undefined;
      return refusal("CONDITION_FAILED", "The key is taken.", { index, key: op.key });
    case "swap": {
      const found = read(op.key);
      if (found !== undefined && Buffer.compare(found, op.expected) === 0) return undefined;
      const message = "The row is not the expected one.";
      return refusal("CONDITION_FAILED", message, { index, key: op.key });
    }
    case "add": {
      if (op.min === undefined) return undefined;
      const sum = decodeCounter(read(op.key)) + op.delta;
      if (sum >= op.min) return undefined;
      const message = `The counter would be ${sum}, below its minimum of ${op.min}.`;
      return refusal("CONDITION_FAILED", message, { index, key: op.key });
    }
  }
}

function refusal(code: ErrorCode, message: string, details: Refusal["details"]): Refusal {
  return { code, message, details };
}
