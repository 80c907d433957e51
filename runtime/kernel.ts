// The engine of one thread: puts its parts together and speaks with its host (kernel-port.ts). It
// knows no thread, no LMDB and no real time; all of them are arguments.

import type { ActorDefinition, Data, Definition, RunDefinition } from "./actor.ts";
import { ActorHost } from "./actor-host.ts";
import { SHARDS, shardOf, shardOfAddress } from "./address.ts";
import { Admission } from "./admission.ts";
import { Committer, type Refused } from "./committer.ts";
import { DeadLetters } from "./dead-letters.ts";
import type { Engine } from "./engine.ts";
import { RuntimeError, toErrorData } from "./errors.ts";
import { kernelFigures } from "./kernel-figures.ts";
import type { Guilt, Kernel, KernelFigures, KernelLimits, KernelOptions } from "./kernel-port.ts";
import type { DoorItem, InboxRow, PeerItem } from "./message.ts";
import { Metrics } from "./metrics.ts";
import { Pace } from "./pace.ts";
import { Quarantine } from "./quarantine.ts";
import { sweepRecords } from "./record-sweeper.ts";
import { Reminders } from "./reminders.ts";
import { RunHost } from "./run-host.ts";
import { sweepSeen } from "./seen-sweeper.ts";
import { decode } from "./store/codec.ts";
import { keyNumber, keys, prefixRange, shardOfKey } from "./store/keys.ts";
import { keepSweeping } from "./sweeper.ts";

/** Defaults of an engine's limits. */
export const KERNEL_LIMITS: KernelLimits = {
  cellsMax: 50_000,
  sliceTurns: 64,
  sliceMs: 4,
  batchRows: 1_000,
  batchBytes: 1_000_000,
  turnRows: 1_000,
  turnBytes: 1_000_000,
  failuresMax: 5,
  deadLettersMax: 10_000,
  letterReplaysMax: 10,
  stepsMax: 1_000,
  depthMax: 8,
  childrenMax: 100,
  graceMs: 5_000,
  runsMax: 10_000,
  runIdleMs: 30_000,
  retentionDays: 30,
  seenKeysMax: 5_000_000,
  viewersMax: 100_000,
};

/** Rows of one page when a shard is scanned. */
const SCAN_ROWS = 1_000;
/** A wake-up this soon after a shard was taken may be of a row that its scan has found. */
const SCAN_DOUBT_MS = 10_000;

/** Makes the engine of one thread. */
export function createKernel(options: KernelOptions): Kernel {
  return new KernelOfThread(options);
}

class KernelOfThread implements Kernel {
  readonly #engine: Engine;
  readonly #epochs = new Map<number, number>();
  readonly #ownedSinceMs = new Map<number, number>();
  /** Shards being taken up, and what came for them meanwhile: it waits for the end of the scan. */
  readonly #scanning = new Map<number, (() => void)[]>();
  #sequence = 0;

  constructor(options: KernelOptions) {
    const limits = { ...KERNEL_LIMITS, ...options.limits };
    const committer = new Committer({
      store: options.store,
      defer: options.defer,
      after: (ms, call) => options.clock.after(ms, call),
      epochOf: (shard) => this.#epochs.get(shard) ?? 0,
      rowsMax: limits.batchRows,
      bytesMax: limits.batchBytes,
      onClosing: () => this.#engine.actors.order.slice(),
      onRoom: () => this.#engine.actors.order.resume(),
      onRefused: (refused) => this.#refused(refused),
    });
    const engine = {
      options,
      limits,
      committer,
      metrics: new Metrics(),
      pace: new Pace(options.clock),
      ...byKind(options.definitions),
      epochOf: (shard: number) => this.#epochs.get(shard),
      ownedShards: () => [...this.#epochs.keys()],
      sequence: () => this.#nextSequence(),
      isDraining: false,
    } as unknown as Engine;
    this.#engine = engine;
    engine.actors = new ActorHost(engine);
    engine.admission = new Admission(engine);
    engine.letters = new DeadLetters(engine);
    engine.quarantine = new Quarantine(engine);
    engine.runs = new RunHost(engine);
    engine.reminders = new Reminders(engine);
    keepSweeping(engine, sweepSeen);
    keepSweeping(engine, sweepRecords);
  }

  async own(shards: ReadonlyMap<number, number>, guilty: readonly Guilt[] = []): Promise<void> {
    const nowMs = this.#engine.options.clock.now();
    for (const [shard, epoch] of shards) {
      this.#epochs.set(shard, epoch);
      this.#ownedSinceMs.set(shard, nowMs);
      this.#scanning.set(shard, []);
    }
    const { actors } = this.#engine;
    actors.blame(new Map(guilty.map(({ address, deaths }) => [address, deaths])));
    await this.#engine.quarantine.read(new Set(shards.keys()));
    const occupied = {
      runs: await this.#occupied(keys.openRunsOf),
      inboxes: await this.#occupied(keys.inboxShard),
      reminders: await this.#occupied(keys.remindersDueOf),
    };
    for (const shard of shards.keys()) {
      await this.#scan(shard, occupied);
      const waiting = this.#scanning.get(shard) ?? [];
      this.#scanning.delete(shard);
      for (const call of waiting) call();
    }
    actors.blame(new Map());
  }

  async rescan(): Promise<void> {
    for (const shard of this.#epochs.keys()) await this.#scanInbox(shard);
  }

  async release(shards: readonly number[], graceMs: number): Promise<void> {
    const going = new Set(shards);
    await this.#rest((shard) => going.has(shard), graceMs);
    this.#forget((shard) => going.has(shard));
  }

  fromDoor(items: readonly DoorItem[]): void {
    this.#engine.pace.read();
    for (const item of items) {
      if (item.type === "drop") {
        this.#engine.runs.viewers.drop(item.id);
        continue;
      }
      const shard = "to" in item ? shardOfAddress(item.to) : shardOf(item.tenant, item.root);
      this.#whenScanned(shard, () => this.#doorItem(item));
    }
  }

  fromPeer(items: readonly PeerItem[]): void {
    this.#engine.pace.read();
    for (const item of items) {
      this.#whenScanned(shardOfAddress(item.to), () => this.#peerItem(item));
    }
  }

  async drain(graceMs: number): Promise<void> {
    this.#engine.isDraining = true;
    await this.#rest(() => true, graceMs);
    this.#forget(() => true);
  }

  inspect(): KernelFigures {
    return kernelFigures(this.#engine);
  }

  /** A shard's messages are taken after its stored ones: a reply must find its run. */
  #whenScanned(shard: number, call: () => void): void {
    const waiting = this.#scanning.get(shard);
    if (waiting) waiting.push(call);
    else call();
  }

  #doorItem(item: Exclude<DoorItem, { type: "drop" }>): void {
    const { admission, runs, letters, quarantine, options } = this.#engine;
    switch (item.type) {
      case "request":
        admission.request(item);
        return;
      case "follow":
        runs.viewers.follow(item).catch((error: unknown) => {
          const frames = [{ type: "refused", error: toErrorData(error) }] as const;
          options.toDoor({ type: "frames", id: item.id, frames });
        });
        return;
      case "control":
        runs.controls.fromDoor(item);
        return;
      case "operate":
        if ("letter" in item.operation) letters.operate({ ...item, operation: item.operation });
        else quarantine.operate(item);
        return;
    }
  }

  #peerItem(item: PeerItem): void {
    if (item.type === "tell") this.#engine.actors.tell(item.to, item.from, item.message);
    else this.#wakeUp(item);
  }

  /**
   * Order of inbox rows: microseconds, never the same twice, never less than before; the worker's
   * number keeps two workers from giving one actor two rows under one key.
   */
  #nextSequence(): string {
    this.#sequence = Math.max(this.#sequence + 1, this.#engine.options.clock.now() * 1_000);
    const worker = this.#engine.options.worker.toString(36).padStart(2, "0");
    return `${keyNumber(this.#sequence)}${worker}`;
  }

  /**
   * Shards that have rows of a family, found by jumping from one to the next: most are empty, and
   * looking into each would be most of a start. What is stored from here on comes with a wake-up.
   */
  async #occupied(prefixOf: (shard: number) => string): Promise<ReadonlySet<number>> {
    const found = new Set<number>();
    const { to } = prefixRange(prefixOf(SHARDS - 1), 1);
    for (let shard = 0; shard < SHARDS; ) {
      const [row] = await this.#engine.committer.range({ from: prefixOf(shard), to, limit: 1 });
      if (row === undefined) break;
      shard = shardOfKey(row.key);
      found.add(shard);
      shard += 1;
    }
    return found;
  }

  /** Takes up what is stored of a shard: open runs first, so that messages find them. */
  async #scan(
    shard: number,
    occupied: Readonly<Record<"runs" | "inboxes" | "reminders", ReadonlySet<number>>>,
  ): Promise<void> {
    if (occupied.runs.has(shard)) await this.#resumeRuns(shard);
    if (occupied.inboxes.has(shard)) await this.#scanInbox(shard);
    if (occupied.reminders.has(shard)) await this.#engine.reminders.look(shard);
    else this.#engine.reminders.begin(shard);
  }

  async #resumeRuns(shard: number): Promise<void> {
    const marks = keys.openRunsOf(shard);
    for await (const row of this.#pages(marks)) {
      const [tenant = "", id = ""] = row.key.slice(marks.length).split("/");
      try {
        await this.#engine.runs.resume(shard, tenant, id, decode(row.value) as { input?: Data });
      } catch {
        // A damaged run must not keep its shard from being served; it stays as it is stored.
        this.#engine.metrics.count("rowsUnreadable");
      }
    }
  }

  async #scanInbox(shard: number): Promise<void> {
    const { actors } = this.#engine;
    const inbox = keys.inboxShard(shard);
    for await (const row of this.#pages(inbox)) {
      const to = addressOf(row.key.slice(inbox.length));
      if (actors.isWaiting(to, row.key)) continue;
      actors.found(to, row);
    }
  }

  async *#pages(prefix: string): AsyncGenerator<{ key: string; value: Uint8Array }> {
    const range = prefixRange(prefix, SCAN_ROWS);
    for (let from = range.from; ; ) {
      const rows = await this.#engine.committer.range({ ...range, from });
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined || rows.length < SCAN_ROWS) return;
      from = `${last.key}!`;
    }
  }

  #wakeUp(item: PeerItem & { type: "stored" }): void {
    const { actors, committer, options, metrics } = this.#engine;
    const { to, from, message, deadlineMs, ask, sequence, trace } = item;
    const system = (message as { type?: unknown } | null)?.type === "reply" && ask === undefined;
    const row: InboxRow = {
      message,
      from,
      deadlineMs,
      ...(ask ? { ask } : {}),
      ...(system ? { system } : {}),
      ...(trace ? { trace } : {}),
    };
    const key = keys.inbox(to, sequence);
    const shard = shardOfAddress(to);
    const take = (): void => actors.stored(to, row, { key, batch: item });
    const sinceMs = this.#ownedSinceMs.get(shard);
    if (sinceMs === undefined) return; // Its next owner's scan finds the row.
    if (options.clock.now() - sinceMs > SCAN_DOUBT_MS) {
      take();
      return;
    }
    // The scan may have found it, and it may even have been handled: only a row still there and not
    // waiting already is new.
    Promise.resolve(committer.get(key))
      .then((bytes) => {
        if (bytes !== undefined && !actors.isWaiting(to, key)) take();
      })
      .catch(() => metrics.count("wakeUpFailures"));
  }

  /** Brings the runs of some shards to rest at step boundaries, then waits for the last flush. */
  async #rest(isGoing: (shard: number) => boolean, graceMs: number): Promise<void> {
    const { runs, committer, options } = this.#engine;
    runs.freeze(isGoing);
    if (runs.isPerforming) {
      await new Promise<void>((resolve) => {
        const timer = options.clock.after(graceMs, resolve);
        runs.onParked = () => {
          if (runs.isPerforming) return;
          timer.cancel();
          resolve();
        };
      });
      runs.onParked = null;
    }
    // Results of the last steps are appended in their continuations: let those run first.
    await new Promise<void>((resolve) => options.defer(resolve));
    while (!committer.isIdle()) await committer.reached("flushed");
  }

  #forget(isGone: (shard: number) => boolean): void {
    this.#engine.actors.forget(isGone);
    this.#engine.runs.forget(isGone);
    this.#engine.reminders.forget(isGone);
    this.#engine.quarantine.forget(isGone);
    for (const shard of [...this.#epochs.keys()]) {
      if (!isGone(shard)) continue;
      this.#epochs.delete(shard);
      this.#ownedSinceMs.delete(shard);
    }
  }

  #refused(refused: Refused): void {
    const { actors, runs } = this.#engine;
    // A stale epoch says that another owner has the shards of this batch: they are forgotten here.
    const isStale = refused.error.code === "STALE_EPOCH";
    const lost = new Set(isStale ? refused.participants.map((one) => one.shard) : []);
    for (const shard of lost) this.#epochs.delete(shard);
    actors.repair(refused, (shard) => lost.has(shard));
    runs.repair(refused, (shard) => lost.has(shard));
    if (lost.size > 0) this.#forget((shard) => lost.has(shard));
  }
}

function byKind(definitions: readonly Definition[]): Pick<Engine, "actorKinds" | "runKinds"> {
  const actorKinds = new Map<string, ActorDefinition<Data, Data>>();
  const runKinds = new Map<string, RunDefinition<Data, Data, Data>>();
  for (const definition of definitions) {
    const { kind } = definition;
    if (actorKinds.has(kind) || runKinds.has(kind)) {
      throw new RuntimeError("CONFLICT", `Two definitions are of kind "${kind}".`);
    }
    if (definition.type === "actor") {
      actorKinds.set(kind, definition as unknown as ActorDefinition<Data, Data>);
    } else {
      runKinds.set(kind, definition as unknown as RunDefinition<Data, Data, Data>);
    }
  }
  return { actorKinds, runKinds };
}

/** The address in an inbox key after its shard: `tenant/root/path:kind/sequence`. */
function addressOf(rest: string): string {
  const at = rest.slice(0, rest.lastIndexOf("/"));
  const colon = at.lastIndexOf(":");
  const [tenant = "", root = "", ...path] = at.slice(0, colon).split("/");
  const tail = path.filter((part) => part !== "").join("/");
  const head = `${at.slice(colon + 1)}:${tenant}/${root}`;
  return tail === "" ? head : `${head}/${tail}`;
}
