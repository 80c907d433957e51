// The engine of one thread: puts its parts together and speaks with its host (kernel-port.ts). It
// knows no thread, no LMDB and no real time; all of them are arguments.

import type { ActorDefinition, Data, Definition, RunDefinition } from "../actor.ts";
import { shardOf, shardOfAddress } from "../address.ts";
import { RuntimeError, toErrorData } from "../errors.ts";
import { type DoorItem, type InboxRow, type PeerItem, tenantOf } from "../message.ts";
import { RunHost } from "../runs/run-host.ts";
import { FairPass } from "../shared/fair-pass.ts";
import type { Look, Seen } from "../shared/look.ts";
import { Metrics } from "../shared/metrics.ts";
import { keyNumber, keys } from "../store/keys.ts";
import { ActorHost } from "./actor-host.ts";
import { Admission } from "./admission.ts";
import { Attribution } from "./attribution.ts";
import { Blame } from "./blame.ts";
import { Committer, type Refused } from "./committer.ts";
import { DeadLetters } from "./dead-letters.ts";
import type { Engine } from "./engine.ts";
import { kernelFigures } from "./kernel-figures.ts";
import { look } from "./kernel-look.ts";
import type { Guilt, Kernel, KernelFigures, KernelLimits, KernelOptions } from "./kernel-port.ts";
import { Pace } from "./pace.ts";
import { Quarantine } from "./quarantine.ts";
import { sweepRecords } from "./record-sweeper.ts";
import { Reminders } from "./reminders.ts";
import { Rest } from "./rest.ts";
import { sweepSeen } from "./seen-sweeper.ts";
import { Shards } from "./shards.ts";
import { Suspended, suspendedError } from "./suspended.ts";
import { keepSweeping } from "./sweeper.ts";
import { scanInbox, takeUp } from "./take-up.ts";

/** Defaults of an engine's limits. */
export const KERNEL_LIMITS: KernelLimits = {
  cellsMax: 50_000,
  sliceTurns: 64,
  sliceMs: 4,
  batchRows: 1_000,
  batchBytes: 1_000_000,
  turnRows: 1_000,
  turnBytes: 1_000_000,
  turnSends: 10_000,
  stateBytes: 16_777_216,
  turnTotalBytes: 33_554_432,
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
  inboxBytesMax: 67_108_864,
};

/** Runs that go on in one pass of the event loop. */
const RUNS_A_PASS = 8;
/** First character of a sequence: what the first version wrote, by time, begins with a lesser one. */
const SEQUENCE_FORMAT = "1";
const EPOCH_CHARS = 5;

/** Makes the engine of one thread. */
export function createKernel(options: KernelOptions): Kernel {
  return new KernelOfThread(options);
}

/** The engine whose parts the kernel itself knows whole. */
interface Assembled extends Engine {
  actors: ActorHost;
  admission: Admission;
  letters: DeadLetters;
  quarantine: Quarantine;
  runs: RunHost;
  reminders: Reminders;
  rest: Rest;
}

class KernelOfThread implements Kernel {
  readonly #engine: Assembled;
  readonly #shards = new Shards();
  #sequence = 0;

  constructor(options: KernelOptions) {
    const limits = { ...KERNEL_LIMITS, ...options.limits };
    const { defer, weightOf } = options;
    const committer = new Committer({
      store: options.store,
      defer,
      after: (ms, call) => options.clock.after(ms, call),
      epochOf: (shard) => this.#shards.epochOf(shard),
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
      shards: this.#shards,
      suspended: new Suspended(),
      blame: new Blame(),
      attribution: new Attribution(options),
      goingOn: new FairPass({ defer, weightOf, most: RUNS_A_PASS }),
      epochOf: (shard: number) => this.#shards.servedAt(shard),
      ownedShards: () => this.#shards.served(),
      sequence: (shard: number) => this.#nextSequence(shard),
      isDraining: false,
    } as unknown as Assembled;
    this.#engine = engine;
    engine.actors = new ActorHost(engine);
    engine.admission = new Admission(engine);
    engine.letters = new DeadLetters(engine);
    engine.quarantine = new Quarantine(engine);
    engine.runs = new RunHost(engine);
    engine.rest = new Rest(engine);
    engine.reminders = new Reminders(engine);
    keepSweeping(engine, sweepSeen);
    keepSweeping(engine, sweepRecords);
  }

  async own(
    epochs: ReadonlyMap<number, number>,
    guilty: readonly Guilt[] = [],
    after = 0,
  ): Promise<void> {
    const { blame } = this.#engine;
    this.#sequence = Math.max(this.#sequence, after);
    this.#shards.take(epochs);
    blame.add(guilty);
    await takeUp(this.#engine, new Set(epochs.keys()), (shard) => this.#shards.taken(shard));
  }

  async rescan(): Promise<void> {
    for (const shard of this.#shards.served()) await scanInbox(this.#engine, shard);
  }

  async freeze(shards: readonly number[], graceMs: number): Promise<readonly number[]> {
    const { rest } = this.#engine;
    const going = new Set(shards);
    rest.freeze(going);
    await rest.someRested(going, graceMs);
    const performing = rest.performing(going);
    return shards.filter((shard) => !performing.has(shard));
  }

  thaw(shards: readonly number[]): void {
    this.#engine.rest.thaw(shards);
  }

  async release(shards: readonly number[], graceMs: number): Promise<number> {
    const going = new Set(shards);
    this.#shards.leave(going);
    await this.#rest(going, graceMs);
    this.#forget((shard) => going.has(shard));
    this.#engine.rest.thaw(going);
    return this.#sequence;
  }

  async suspend(tenant: string, graceMs: number): Promise<void> {
    this.#engine.suspended.add(tenant);
    const { suspendTenant } = await import("./suspend.ts");
    await suspendTenant(this.#engine, tenant, graceMs);
  }

  async resume(tenant: string): Promise<void> {
    const { resumeTenant } = await import("./suspend.ts");
    await resumeTenant(this.#engine, tenant);
  }

  fromDoor(items: readonly DoorItem[]): void {
    const { actors, pace, runs } = this.#engine;
    pace.read();
    actors.order.gather();
    try {
      for (const item of items) {
        if (item.type === "drop") {
          runs.viewers.drop(item.id);
          continue;
        }
        const shard = "to" in item ? shardOfAddress(item.to) : shardOf(item.tenant, item.root);
        if (this.#shards.isBeingTaken(shard)) {
          this.#shards.whenTaken(shard, () => this.#doorItem(item, shard));
        } else this.#doorItem(item, shard);
      }
    } finally {
      // Now, not after another pass of the event loop: whoever asks is waiting.
      actors.order.slice();
    }
  }

  fromPeer(items: readonly PeerItem[]): void {
    const { actors, pace } = this.#engine;
    pace.read();
    actors.order.gather();
    try {
      for (const item of items) {
        const shard = shardOfAddress(item.to);
        if (this.#shards.isBeingTaken(shard)) {
          this.#shards.whenTaken(shard, () => this.#peerItem(item, shard));
        } else this.#peerItem(item, shard);
      }
    } finally {
      actors.order.slice();
    }
  }

  async drain(graceMs: number): Promise<void> {
    const { committer } = this.#engine;
    this.#engine.isDraining = true;
    await this.#rest(new Set(this.#shards.served()), graceMs);
    while (!committer.isIdle()) await committer.settled();
    this.#forget(() => true);
  }

  inspect(): KernelFigures {
    return kernelFigures(this.#engine);
  }

  look(asked: Look): Seen {
    return look(this.#engine, asked);
  }

  #doorItem(item: Exclude<DoorItem, { type: "drop" }>, shard: number): void {
    const { admission, runs, letters, quarantine, options, suspended } = this.#engine;
    if (this.#shards.servedAt(shard) === undefined) {
      admission.moved(item);
      return;
    }
    if (suspended.has(tenantOf(item))) {
      admission.turnAway(item, suspendedError());
      return;
    }
    switch (item.type) {
      case "request":
        admission.request(item, shard);
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

  /**
   * Order of inbox rows of one sender: the epoch of its shard, then a count. No clock is asked, so
   * that none can go back; and no two rows are under one key, because nobody else has had that shard
   * at that epoch.
   */
  #nextSequence(shard: number): string {
    this.#sequence += 1;
    const epoch = this.#shards.epochOf(shard).toString(36).padStart(EPOCH_CHARS, "0");
    const tail = shard.toString(36).padStart(2, "0");
    return `${SEQUENCE_FORMAT}${epoch}${keyNumber(this.#sequence)}${tail}`;
  }

  #peerItem(item: PeerItem, shard: number): void {
    // Another owner's by now: a stored message is found there, a tell is at most once.
    if (this.#shards.servedAt(shard) === undefined) return;
    if (item.type === "stored") {
      this.#wakeUp(item, shard);
      return;
    }
    const { to, from, message, more } = item;
    this.#engine.actors.tells.tell(to, from, message);
    if (more !== undefined) for (const next of more) this.#engine.actors.tells.tell(to, from, next);
  }

  #wakeUp(item: PeerItem & { type: "stored" }, shard: number): void {
    const { to, from, message, deadlineMs, ask, sequence, trace } = item;
    const isReply = (message as { type?: unknown } | null)?.type === "reply" && ask === undefined;
    const row: InboxRow = {
      message,
      from,
      deadlineMs,
      ...(ask ? { ask } : {}),
      ...(isReply || item.system ? { system: true } : {}),
      ...(trace ? { trace } : {}),
    };
    const at = { key: keys.inbox(to, sequence), batch: item };
    this.#engine.actors.arrive(to, shard, row, at);
  }

  /** Brings the runs of some shards to rest; what they and their actors have written is safe then. */
  async #rest(going: ReadonlySet<number>, graceMs: number): Promise<void> {
    const { runs, rest, committer, options } = this.#engine;
    rest.freeze(going);
    await rest.rested(going, graceMs);
    // Results of the last steps are appended in their continuations: let those run first.
    await new Promise<void>((resolve) => options.defer(resolve));
    runs.cut(going);
    await committer.settled();
  }

  #forget(isGone: (shard: number) => boolean): void {
    // First the ownership: what is handed on must not come back here.
    this.#shards.forget(isGone);
    this.#engine.actors.forget(isGone);
    this.#engine.runs.forget(isGone);
    this.#engine.reminders.forget(isGone);
    this.#engine.quarantine.forget(isGone);
  }

  #refused(refused: Refused): void {
    const { actors, runs } = this.#engine;
    // A stale epoch says that another owner has this one shard: it is forgotten here, and the work
    // of the other shards in the batch is done again.
    const { code, details } = refused.error;
    const stale = code === "STALE_EPOCH" ? Number(details?.["shard"]) : -1;
    const isLost = (shard: number): boolean => shard === stale;
    if (stale !== -1) this.#shards.leave([stale]);
    // Runs first: who had told a run something that is dropped now tells it again.
    runs.repair(refused, isLost);
    actors.repair(refused, isLost);
    if (stale !== -1) this.#forget(isLost);
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
