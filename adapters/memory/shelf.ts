// One shelf in `bulk`: read, changed on condition of its head, emptied. A change that another one
// overtook is decided again from what is there now.

import { setImmediate as nextTurn } from "node:timers/promises";
import type { EmbedderPin } from "../../actors/records/embedder-pin.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { newId } from "../../runtime/id.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { keys, type MemoryPlace, prefixRange } from "../../runtime/store/keys.ts";
import type { Reader, Row, StoreOp } from "../../runtime/store/store.ts";
import { mergedPin } from "../knowledge/pin.ts";
import { createSerial, type Serial } from "../serial.ts";
import { doneOps, expiredOps } from "./marks.ts";
import {
  doneOf,
  entryBytes,
  entryOf,
  headBytes,
  headOf,
  placeBytes,
  type ShelfHead,
  type ShelfRow,
  shelfLimits,
} from "./rows.ts";

/** What a change does. An empty one writes nothing. */
export interface ShelfChange<Entry extends ShelfRow> {
  /** Without their life, which is the shelf's. */
  readonly put?: readonly Omit<Entry, "life">[];
  /** How many of them are new. */
  readonly added?: number;
  /** Ids of entries that are there. */
  readonly remove?: readonly string[];
  /** Set with the first vector. */
  readonly embedder?: EmbedderPin;
}

/** What a change is decided from. */
export interface ShelfView {
  /** Undefined for a shelf that holds nothing. */
  readonly head: ShelfHead | undefined;
}

/** A decision: what to write and what to give back. */
export interface Decision<Entry extends ShelfRow, Result> {
  readonly change: ShelfChange<Entry>;
  readonly result: Result;
}

/** A shelf's head. */
export async function readHead(reader: Reader, place: MemoryPlace): Promise<ShelfHead | undefined> {
  const bytes = await reader.get(keys.memoryHead(place));
  return bytes === undefined ? undefined : headOf(bytes);
}

/** The entry with this id; undefined when there is none. */
export async function readEntry<Entry extends ShelfRow>(
  reader: Reader,
  place: MemoryPlace,
  head: ShelfHead,
  id: string,
): Promise<Entry | undefined> {
  const bytes = await reader.get(keys.memory(place, id));
  if (bytes === undefined) return undefined;
  const row = entryOf<Entry>(bytes);
  return row.life === head.life ? row : undefined;
}

/** Rows of a range, a few at a time, each few of one snapshot; the event loop has its turn between. */
export async function* rowsOf(
  reader: Reader,
  range: { readonly from: string; readonly to: string },
): AsyncGenerator<Row> {
  let { from } = range;
  for (;;) {
    const rows = await reader.range({ from, to: range.to, limit: shelfLimits.readRows });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < shelfLimits.readRows) return;
    from = `${last.key}!`;
    await nextTurn();
  }
}

/** All rows of a prefix. */
export function rowsWith(reader: Reader, prefix: string): AsyncGenerator<Row> {
  return rowsOf(reader, prefixRange(prefix, 0));
}

/** A change as an operation: one that comes again gives what it gave before, and writes nothing. */
export interface ShelfOperation {
  readonly id: string | null;
  readonly nowMs: number;
}

/** Of one thread's changes the first come first: only other threads can be faster. */
const serials = new WeakMap<Bulk, Serial>();

/**
 * Changes a shelf. `decide` may be called more than once.
 * @throws what `decide` throws, STORE_FULL, POOL_FULL when too many wait for this shelf, CONFLICT when
 * other threads were faster every time.
 */
export function changeShelf<Entry extends ShelfRow, Result>(
  bulk: Bulk,
  place: MemoryPlace,
  operation: ShelfOperation,
  decide: (view: ShelfView) => Promise<Decision<Entry, Result>>,
): Promise<Result> {
  const serial = serials.get(bulk) ?? createSerial();
  serials.set(bulk, serial);
  return serial.run(keys.memoryHead(place), () => changeNow(bulk, place, operation, decide));
}

async function changeNow<Entry extends ShelfRow, Result>(
  bulk: Bulk,
  place: MemoryPlace,
  operation: ShelfOperation,
  decide: (view: ShelfView) => Promise<Decision<Entry, Result>>,
): Promise<Result> {
  const headKey = keys.memoryHead(place);
  for (let tried = 0; tried < shelfLimits.tries; tried += 1) {
    const bytes = await bulk.get(headKey);
    if (operation.id !== null) {
      const done = await bulk.get(keys.memoryDone(place, operation.id));
      if (done !== undefined) return doneOf(done).result as Result;
    }
    const head = bytes === undefined ? undefined : headOf(bytes);
    const { change, result } = await decide({ head });
    const ops = opsOf(place, head, bytes, change, operation.nowMs);
    if (ops.length === 0) return result;
    const { id, nowMs } = operation;
    if (id !== null) ops.push(...doneOps(place, id, { atMs: nowMs, result }));
    const { doneHours: hours, expired: limit } = shelfLimits;
    ops.push(...(await expiredOps(bulk, nowMs, { hours, limit })));
    try {
      await bulk.commit(ops, "flushed");
      return result;
    } catch (error) {
      if (!isOvertaken(error)) throw error;
    }
    await nextTurn();
  }
  throw new RuntimeError("CONFLICT", "This memory is being changed by too many at once.");
}

function opsOf(
  place: MemoryPlace,
  head: ShelfHead | undefined,
  bytes: Uint8Array | undefined,
  change: ShelfChange<ShelfRow>,
  nowMs: number,
): StoreOp[] {
  const { put = [], remove = [] } = change;
  if (put.length + remove.length === 0) return [];
  const next = nextHead(place, head, change, nowMs);
  const ops: StoreOp[] = [headOp(place, bytes, next)];
  if (head === undefined) {
    ops.push({ op: "put", key: keys.memoryOfUser(place), value: placeBytes(place) });
  }
  if (next.count === 0) ops.push({ op: "remove", key: keys.memoryOfUser(place) });
  for (const row of put) {
    const value = entryBytes({ ...row, life: next.life });
    ops.push({ op: "put", key: keys.memory(place, row.id), value });
    if (place.shelf === "m") {
      const key = keys.memoryById(place.tenant, row.id);
      ops.push({ op: "put", key, value: placeBytes(place) });
    }
  }
  for (const id of remove) ops.push(...removeOps(place, id));
  return ops;
}

function nextHead(
  place: MemoryPlace,
  head: ShelfHead | undefined,
  { put = [], remove = [], added = 0, embedder }: ShelfChange<ShelfRow>,
  nowMs: number,
): ShelfHead {
  const { agent, user, collection } = place;
  const before = head ?? {
    ...{ life: newId("mh", nowMs), generation: 0, count: 0, agent, user, collection },
    ...{ embedder: null, changed: [] },
  };
  const generation = before.generation + 1;
  const ids = [...put.map(({ id }) => id), ...remove];
  const changed = [...before.changed, ...ids.map((id) => [generation, id] as const)];
  return {
    ...before,
    generation,
    count: before.count + added - remove.length,
    embedder: embedder === undefined ? before.embedder : mergedPin(before.embedder, embedder),
    changed: changed.slice(-shelfLimits.changes),
  };
}

/** A shelf that holds nothing has no head: nothing tells of a user who has nothing. */
function headOp(place: MemoryPlace, expected: Uint8Array | undefined, next: ShelfHead): StoreOp {
  const key = keys.memoryHead(place);
  if (expected === undefined) return { op: "insert", key, value: headBytes(next) };
  if (next.count === 0) return { op: "swap", key, expected };
  return { op: "swap", key, expected, value: headBytes(next) };
}

function removeOps(place: MemoryPlace, id: string): readonly StoreOp[] {
  const removed: StoreOp = { op: "remove", key: keys.memory(place, id) };
  if (place.shelf !== "m") return [removed];
  return [removed, { op: "remove", key: keys.memoryById(place.tenant, id) }];
}

/**
 * Removes everything of a shelf: in one commit it is gone for everybody, then its rows go, a few at
 * a time.
 * @returns entries removed.
 */
export async function emptyShelf(bulk: Bulk, place: MemoryPlace): Promise<number> {
  let count = 0;
  for (let tried = 0; ; tried += 1) {
    const key = keys.memoryHead(place);
    const expected = await bulk.get(key);
    count = expected === undefined ? 0 : headOf(expected).count;
    const ops: StoreOp[] = [
      ...(expected === undefined ? [] : [{ op: "swap", key, expected } as const]),
      { op: "remove", key: keys.memoryOfUser(place) },
    ];
    try {
      await bulk.commit(ops, "flushed");
      break;
    } catch (error) {
      if (!isOvertaken(error) || tried >= shelfLimits.tries) throw error;
    }
  }
  await removeRemains(bulk, place);
  return count;
}

/** Rows of lives that are over. */
async function removeRemains(bulk: Bulk, place: MemoryPlace): Promise<void> {
  const { from, to } = prefixRange(keys.memoriesIn(place), 0);
  for (let after = from, tried = 0; tried < shelfLimits.tries; ) {
    const head = await readHead(bulk, place);
    const rows = await bulk.range({ from: after, to, limit: shelfLimits.readRows });
    const ops: StoreOp[] = [];
    for (const { key, value } of rows) {
      const { life, id } = entryOf(value);
      // On condition that it is still this row: the next life may have one of the same id.
      if (life === head?.life) continue;
      ops.push({ op: "swap", key, expected: value });
      if (place.shelf === "m") ops.push({ op: "remove", key: keys.memoryById(place.tenant, id) });
    }
    try {
      if (ops.length > 0) await bulk.commit(ops, "flushed");
    } catch (error) {
      if (!isOvertaken(error)) throw error;
      tried += 1;
      continue;
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < shelfLimits.readRows) return;
    after = `${last.key}!`;
  }
}

const isOvertaken = (error: unknown): boolean =>
  error instanceof RuntimeError && error.code === "CONDITION_FAILED";
