// A batch on its way to the storage thread: one run of bytes instead of a cloned object a row,
// because structured clone of many small objects costs more than the commit itself.
//
// batch: u32 bytes | u32 ops | u32 epochs | epochs x (u32 shard, f64 epoch) | ops
// op:    u8 code | u16 key bytes | u32 value bytes | key | value | extra
// extra: "swap": u32 expected bytes | expected;  "add": f64 delta | f64 min (NaN: none)

import type { Batch, StoreOp } from "./store.ts";

const CODES = { put: 1, remove: 2, insert: 3, swap: 4, "swap-remove": 5, add: 6 } as const;
const BATCH_HEAD_BYTES = 12;
const EPOCH_BYTES = 12;
const OP_HEAD_BYTES = 7;
const ADD_BYTES = 16;
/** lmdb-js reads the first 8 bytes of each value at once: room for that after the last one. */
const SLACK_BYTES = 8;

/** Bytes `batch` takes when packed. */
export function packedBytes(batch: Batch): number {
  let bytes = BATCH_HEAD_BYTES + (batch.epochs?.size ?? 0) * EPOCH_BYTES;
  for (const op of batch.ops) {
    bytes += OP_HEAD_BYTES + op.key.length;
    if ("value" in op && op.value !== undefined) bytes += op.value.length;
    if (op.op === "swap") bytes += 4 + op.expected.length;
    if (op.op === "add") bytes += ADD_BYTES;
  }
  return bytes;
}

/** Batches in one buffer of their own, ready to be transferred. `bytes` = sum of their packedBytes. */
export function pack(batches: readonly Batch[], bytes: number): ArrayBuffer {
  const target = Buffer.from(new ArrayBuffer(bytes + SLACK_BYTES));
  let at = 0;
  for (const batch of batches) at = packBatch(target, at, batch);
  return target.buffer as ArrayBuffer;
}

function packBatch(target: Buffer, start: number, batch: Batch): number {
  target.writeUInt32LE(batch.ops.length, start + 4);
  target.writeUInt32LE(batch.epochs?.size ?? 0, start + 8);
  let at = start + BATCH_HEAD_BYTES;
  if (batch.epochs !== undefined) {
    for (const [shard, epoch] of batch.epochs) {
      target.writeUInt32LE(shard, at);
      target.writeDoubleLE(epoch, at + 4);
      at += EPOCH_BYTES;
    }
  }
  for (const op of batch.ops) at = packOp(target, at, op);
  target.writeUInt32LE(at - start, start);
  return at;
}

function packOp(target: Buffer, start: number, op: StoreOp): number {
  const value = "value" in op ? op.value : undefined;
  const isSwapRemove = op.op === "swap" && value === undefined;
  target[start] = CODES[isSwapRemove ? "swap-remove" : op.op];
  target.writeUInt16LE(op.key.length, start + 1);
  target.writeUInt32LE(value?.length ?? 0, start + 3);
  let at = start + OP_HEAD_BYTES;
  at += target.write(op.key, at, "latin1");
  if (value !== undefined) {
    target.set(value, at);
    at += value.length;
  }
  if (op.op === "swap") {
    target.writeUInt32LE(op.expected.length, at);
    target.set(op.expected, at + 4);
    at += 4 + op.expected.length;
  } else if (op.op === "add") {
    target.writeDoubleLE(op.delta, at);
    target.writeDoubleLE(op.min ?? Number.NaN, at + 8);
    at += ADD_BYTES;
  }
  return at;
}

/** The `count` batches of a buffer made by `pack`. Values are views into it. */
export function unpack(buffer: ArrayBuffer, count: number): Batch[] {
  const source = Buffer.from(buffer);
  const batches: Batch[] = [];
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    batches.push(unpackBatch(source, at));
    at += source.readUInt32LE(at);
  }
  return batches;
}

function unpackBatch(source: Buffer, start: number): Batch {
  const count = source.readUInt32LE(start + 4);
  const epochCount = source.readUInt32LE(start + 8);
  let at = start + BATCH_HEAD_BYTES;
  const epochs = new Map<number, number>();
  for (let index = 0; index < epochCount; index += 1) {
    epochs.set(source.readUInt32LE(at), source.readDoubleLE(at + 4));
    at += EPOCH_BYTES;
  }
  const ops: StoreOp[] = [];
  for (let index = 0; index < count; index += 1) {
    const keyBytes = source.readUInt16LE(at + 1);
    const valueBytes = source.readUInt32LE(at + 3);
    const code = source[at];
    const keyAt = at + OP_HEAD_BYTES;
    const valueAt = keyAt + keyBytes;
    const key = source.toString("latin1", keyAt, valueAt);
    const after = valueAt + valueBytes;
    const value = source.subarray(valueAt, after);
    at = after;
    switch (code) {
      case CODES.put:
        ops.push({ op: "put", key, value });
        break;
      case CODES.remove:
        ops.push({ op: "remove", key });
        break;
      case CODES.insert:
        ops.push({ op: "insert", key, value });
        break;
      case CODES.add:
        ops.push(unpackAdd(source, at, key));
        at += ADD_BYTES;
        break;
      default: {
        const bytes = source.readUInt32LE(at);
        const expected = source.subarray(at + 4, at + 4 + bytes);
        ops.push({ op: "swap", key, expected, ...(code === CODES.swap ? { value } : {}) });
        at += 4 + bytes;
      }
    }
  }
  return { ops, epochs };
}

function unpackAdd(source: Buffer, at: number, key: string): StoreOp {
  const delta = source.readDoubleLE(at);
  const min = source.readDoubleLE(at + 8);
  return Number.isNaN(min) ? { op: "add", key, delta } : { op: "add", key, delta, min };
}
