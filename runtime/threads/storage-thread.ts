// Entry of a storage thread: the one writer of one environment. It judges what has arrived, writes
// it as ONE transaction while nothing else is being flushed, and answers. It is never terminated;
// if it dies, the process must end (storage.ts says so to the host).

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { type RuntimeError, toErrorData } from "../errors.ts";
import { decode, encode } from "../store/codec.ts";
import { checkBeside, type Header, needsUpgrade, nextHeader, withBeside } from "../store/folder.ts";
import { type Judged, judge, type Write } from "../store/judge.ts";
import { keys, prefixRange } from "../store/keys.ts";
import { environmentFile, type PackedBatches } from "../store/lmdb.ts";
import type { RootDatabase } from "../store/lmdb-library.ts";
import { unpack } from "../store/packing.ts";
import { causeOf, Room, type Staged } from "../store/room.ts";
import type { ValueSeals } from "../store/sealed-rows.ts";
import type { SealerSource } from "../store/sealer.ts";
import type { ThreadAnswer, ThreadCommand, ThreadOptions } from "../store/storage.ts";
import { StorageMeter } from "../store/storage-meter.ts";
import type { Batch, Environment } from "../store/store.ts";
import { StoredBytes } from "../store/stored-bytes.ts";
import { Visibility } from "../store/visibility.ts";
import { openEnvironment } from "./open-environment.ts";
import { answersOf, newOutcome, type Outcome } from "./outcome.ts";
import { giveWay } from "./priority.ts";
import { WriteWatch } from "./write-watch.ts";

/** One thread that commits. `refusedGeneration`: batches up to it rest on a refused one. */
interface Client {
  readonly port: MessagePort;
  refusedGeneration: number;
}

type Queued =
  | {
      readonly type: "batches";
      readonly client: Client;
      readonly message: PackedBatches;
      readonly batches: readonly Batch[];
    }
  | { readonly type: "epochs"; readonly id: number; readonly epochs: ReadonlyMap<number, number> }
  /** The next rows of before that nobody counted. */
  | { readonly type: "count" };

/** Bytes of one transaction; what is over waits for the next. */
const GROUP_BYTES_MAX = 8 * 1024 * 1024;
/** Between two slices of rows that are counted: half a million rows take 10 s, and nobody waits for them. */
const COUNT_PAUSE_MS = 10;
const options = workerData as ThreadOptions;
/**
 * Nobody waits for `bulk` as somebody waits for an answer: its thread gives way to those of chats, and
 * begins no transaction while one is being flushed, so that it leaves the disk to `hot` as often as it
 * can. What comes meanwhile is one group: it writes as much, with fewer flushes.
 */
const isInBackground = options.environment === "bulk";
const main = parentPort;
if (main === null) throw new Error("storage-thread.ts is the entry of a worker thread.");

const database = opened(options.environment);
const room = new Room(
  {
    name: options.environment,
    file: environmentFile(options.path, options.environment),
    mapBytes: options.mapBytes[options.environment],
  },
  database,
);
/**
 * Opened so that others can read them. All handles of a process share what the first one opened, so
 * the first must be one that can write.
 */
const held: RootDatabase<Uint8Array, string>[] = [];
const visibility = new Visibility(database);
const meter = new StorageMeter(options.meter);
const count = new StoredBytes(options.environment, database);
const epochs = new Map<number, number>();
/**
 * Shards whose epochs found no room yet. They hold nevertheless: what is fenced off are connections
 * of this process, and none outlives it.
 */
const owed = new Set<number>();
/** Undefined where nothing is sealed. */
let seals: ValueSeals | undefined;
let queue: Queued[] = [];
let isWriting = false;
/** Committed and waiting for a flush to begin: the last sequence of each connection, raised epochs. */
const unflushed = new Map<Client, number>();
const raised: number[] = [];
let isFlushing = false;
/** Of the transaction committed last: settles when it and all before it are flushed. */
let flushed: Promise<unknown> = Promise.resolve();
let closing: (() => void) | undefined;
let counting: NodeJS.Timeout | undefined;
const watch = new WriteWatch(options.environment);
if (isInBackground) giveWay();

function opened(environment: Environment): RootDatabase<Uint8Array, string> {
  try {
    return openEnvironment(options, environment);
  } catch (error) {
    tell({ type: "failed", error: toErrorData(error) });
    throw error;
  }
}

function tell(answer: ThreadAnswer): void {
  main?.postMessage(answer);
}

function connect(port: MessagePort): void {
  const client: Client = { port, refusedGeneration: -1 };
  port.on("message", (message: PackedBatches) => {
    const batches = unpack(message.buffer, message.count);
    enqueue({ type: "batches", client, message, batches });
  });
}

/** Counts a slice of what is there when others have had their turn. */
function countLater(): void {
  counting ??= setTimeout(() => {
    counting = undefined;
    enqueue({ type: "count" });
  }, COUNT_PAUSE_MS).unref();
}

function enqueue(queued: Queued): void {
  if (queued.type === "batches") meter.queued(queued.batches.length, bytesOf(queued));
  queue.push(queued);
  // At once when there is nothing before it; what comes while a group is written is the next one.
  if (!isWriting) void drain();
}

async function drain(): Promise<void> {
  isWriting = true;
  while (queue.length > 0) {
    await writeGroup(takeGroup());
    if (isInBackground) await flushed.catch(() => undefined);
  }
  isWriting = false;
  closing?.();
}

const bytesOf = (queued: Queued & { readonly type: "batches" }): number =>
  queued.message.buffer.byteLength;

function takeGroup(): readonly Queued[] {
  let bytes = 0;
  let count = 0;
  let batches = 0;
  for (const queued of queue) {
    count += 1;
    if (queued.type === "batches") {
      bytes += bytesOf(queued);
      batches += queued.batches.length;
    }
    if (bytes >= GROUP_BYTES_MAX) break;
  }
  meter.queued(-batches, -bytes);
  meter.groupBatches.observe(batches);
  const group = queue.slice(0, count);
  queue = queue.slice(count);
  return group;
}

/** Judges a group, commits what was accepted and answers `committed`; `flush` answers the rest. */
async function writeGroup(group: readonly Queued[]): Promise<void> {
  const staged = new Map<string, Uint8Array | undefined>();
  const stored: Judged = {
    read: (key) => {
      let value = staged.get(key);
      if (value === undefined && !staged.has(key)) {
        value = database.getBinary(key);
        count.seen(key, value);
      }
      return seals === undefined || value === undefined ? value : seals.open(key, value);
    },
    epoch: (shard) => epochs.get(shard) ?? 0,
  };
  const outcomes = new Map<Client, Outcome>();
  for (const queued of group) {
    if (queued.type === "epochs") stageEpochs(queued.epochs.keys(), staged);
    else if (queued.type === "batches") judgeBatches(queued, stored, staged, outcomes);
  }
  const paid = payEpochs(staged);
  count.stage(
    staged,
    group.some((queued) => queued.type === "count"),
  );
  const failure = staged.size === 0 ? undefined : await commit(staged);
  if (failure !== undefined) {
    refuseGroup(group, outcomes, failure);
    return;
  }
  for (const shard of paid) owed.delete(shard);
  count.committed(staged);
  if (!count.isWhole) countLater();
  database.resetReadTxn();
  for (const [client, outcome] of outcomes) client.port.postMessage(answersOf(outcome));
  for (const [client, { committedThrough }] of outcomes) {
    if (committedThrough > 0) unflushed.set(client, committedThrough);
  }
  for (const queued of group) if (queued.type === "epochs") raised.push(queued.id);
  if (!isFlushing) void flush();
}

/**
 * Answers `flushed` for what was committed before a flush began. The next group commits meanwhile:
 * what a process leaves behind when it is killed is then as new as the disk allows.
 */
async function flush(): Promise<void> {
  isFlushing = true;
  while (unflushed.size > 0 || raised.length > 0) {
    const through = [...unflushed];
    const ids = raised.splice(0);
    unflushed.clear();
    const sinceMs = performance.now();
    await watch.inTime(flushed, "flush");
    meter.flushMs.observe(performance.now() - sinceMs);
    for (const [client, sequence] of through) {
      client.port.postMessage([{ type: "flushed", through: sequence }]);
    }
    for (const id of ids) tell({ type: "raised", id });
  }
  isFlushing = false;
  closing?.();
}

function judgeBatches(
  queued: Extract<Queued, { type: "batches" }>,
  stored: Judged,
  staged: Map<string, Uint8Array | undefined>,
  outcomes: Map<Client, Outcome>,
): void {
  const { client, message, batches } = queued;
  const { first, generation } = message;
  if (generation <= client.refusedGeneration) return;
  const outcome = outcomes.get(client) ?? newOutcome(first, generation);
  outcomes.set(client, outcome);
  for (const [index, batch] of batches.entries()) {
    const sequence = first + index;
    const verdict = judge(batch, stored);
    if (verdict.type === "refused") {
      client.refusedGeneration = generation;
      meter.refused();
      outcome.refusals.push({ type: "refused", sequence, error: verdict.refusal });
      return;
    }
    stage(verdict.writes, staged);
    outcome.committedThrough = sequence;
    for (const [key, sum] of verdict.counters ?? []) outcome.counters.push([sequence, key, sum]);
  }
}

function stage(writes: readonly Write[], staged: Map<string, Uint8Array | undefined>): void {
  for (const { key, value } of writes) staged.set(key, value);
}

function stageEpochs(shards: Iterable<number>, staged: Map<string, Uint8Array | undefined>): void {
  for (const shard of shards) staged.set(keys.epoch(shard), encode(epochs.get(shard) ?? 0));
}

/** Writes epochs that found no room, with rows that may find some; what only removes makes it. */
function payEpochs(staged: Map<string, Uint8Array | undefined>): readonly number[] {
  if (owed.size === 0 || ![...staged.values()].some((value) => value !== undefined)) return [];
  stageEpochs(owed, staged);
  return [...owed];
}

/** One transaction of plain puts and removes. @returns why the disk took none, else it throws. */
async function commit(staged: Staged): Promise<RuntimeError | undefined> {
  const refusal = room.refusal(staged);
  if (refusal !== undefined) return refusal;
  const visible = visibility.next();
  const written = database.batch(() => {
    for (const [key, value] of staged) {
      void (value === undefined ? database.remove(key) : database.put(key, value));
    }
  });
  const onDisk = Promise.all([written, database.flushed]);
  const sinceMs = performance.now();
  try {
    await watch.inTime(Promise.race([visible, written]), "commit");
    flushed = onDisk;
    // What was told to be committed cannot be refused any more: a flush that fails ends the thread,
    // and a restart goes on from what the disk has.
    onDisk.catch(fail);
    meter.committed(staged.size, performance.now() - sinceMs);
    return undefined;
  } catch (error) {
    onDisk.catch(() => undefined);
    const cause = await causeOf(error);
    const trouble = room.trouble(cause);
    if (trouble === undefined) throw cause;
    return trouble;
  }
}

async function fail(error: unknown): Promise<never> {
  throw await causeOf(error);
}

/** Nothing of the group was written: every connection in it is refused from its first batch on. */
function refuseGroup(
  group: readonly Queued[],
  outcomes: ReadonlyMap<Client, Outcome>,
  failure: RuntimeError,
): void {
  database.resetReadTxn();
  const error = toErrorData(failure);
  for (const [client, { first, generation }] of outcomes) {
    client.refusedGeneration = generation;
    client.port.postMessage([{ type: "refused", sequence: first, error }]);
  }
  for (const queued of group) {
    if (queued.type !== "epochs") continue;
    for (const shard of queued.epochs.keys()) owed.add(shard);
    tell({ type: "raised", id: queued.id });
  }
}

async function close(): Promise<void> {
  clearTimeout(counting);
  while (isWriting || isFlushing) {
    await new Promise<void>((resolve) => {
      closing = resolve;
    });
  }
  await Promise.all([database.close(), ...held.map((one) => one.close())]);
  tell({ type: "closed" });
  main?.close();
}

async function sealsOf(source: SealerSource, environment: Environment): Promise<ValueSeals> {
  const { loadSeals } = await import("../store/sealed-rows.ts");
  return (await loadSeals(source))[environment];
}

async function start(): Promise<void> {
  const { path, environment, holds, sealer } = options;
  const stored = database.getBinary(keys.header);
  const isSealed = sealer !== undefined;
  checkBeside(path, nextHeader(stored, environment, isSealed));
  for (const other of holds) {
    const one = opened(other);
    held.push(one);
    nextHeader(one.getBinary(keys.header), other, isSealed);
    one.resetReadTxn();
  }
  // After each of them was found to be one of ours: what is refused is not changed.
  const older = [database, ...held].filter((one) => needsUpgrade(one.getBinary(keys.header)));
  for (const one of older) await (await import("../store/upgrade.ts")).upgrade(one);
  const headerNow = nextHeader(database.getBinary(keys.header), environment, isSealed);
  const header = withBeside(path, headerNow, holds);
  const first = new Map<string, Uint8Array | undefined>([[keys.header, encode(header)]]);
  count.begin(stored && (decode(stored) as Header).boots, header.boots, first);
  const failure = await commit(first);
  // A full store still opens: what is in it can be read, and removing makes room.
  if (failure === undefined) {
    count.begun();
    await watch.inTime(database.flushed, "flush");
    database.resetReadTxn();
    if (!count.isWhole) countLater();
  } else if (stored === undefined) throw failure;
  for (const { key, value } of database.getRange({
    start: prefixRange("e/", 0).from,
    end: prefixRange("e/", 0).to,
  })) {
    epochs.set(Number.parseInt(key.slice("e/".length), 16), Number(decode(value)));
  }
  if (isSealed) seals = await sealsOf(sealer, environment);
  tell({ type: "ready", boots: header.boots, epochs });
}

main.on("message", (command: ThreadCommand) => {
  switch (command.type) {
    case "connect":
      connect(command.port);
      break;
    case "epochs":
      // Raised at once: whatever is judged from here on is held against them.
      for (const [shard, epoch] of command.epochs) {
        epochs.set(shard, Math.max(epoch, epochs.get(shard) ?? 0));
      }
      enqueue({ type: "epochs", id: command.id, epochs: command.epochs });
      break;
    case "close":
      void close();
  }
});
start().catch((error: unknown) => {
  tell({ type: "failed", error: toErrorData(error) });
  main?.close();
});
