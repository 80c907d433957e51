// The engine of one thread, as its host sees it. run-worker.ts hosts one on a worker thread,
// pool.ts one on main when there are no workers, testkit/ several in one thread on virtual time.
// The engine itself (kernel.ts) knows no thread, no LMDB and no real time.

import type { Definition } from "../actor.ts";
import type { Address } from "../address.ts";
import type { Clock } from "../clock.ts";
import type { RandomBytes } from "../id.ts";
import type { DoorItem, PeerItem, WorkerItem } from "../message.ts";
import type { RunEnd } from "../runs/run-end.ts";
import type { Look, Seen } from "../shared/look.ts";
import type { HistogramData } from "../shared/metrics.ts";
import type { WeightOf } from "../shared/tenant-weights.ts";
import type { Level, Store } from "../store/store.ts";

/** What an engine is given. */
export interface KernelOptions {
  /** Number of this worker, 0-based. */
  readonly worker: number;
  readonly definitions: readonly Definition[];
  /** Handed to runs as `context.ports`. */
  readonly ports: unknown;
  /** This thread's connection to the hot environment. */
  readonly store: Store;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Level that acknowledgements and run ends wait for. */
  readonly durability: Exclude<Level, "memory">;
  /** Calls back soon, after what is running now: setImmediate, or the testkit's scheduler. */
  readonly defer: (call: () => void) => void;
  /** Items leave here, already released by their commit; the host batches them. */
  readonly toDoor: (item: WorkerItem) => void;
  /** Sends to the worker that owns `shard` (never this one). */
  readonly toPeer: (shard: number, item: PeerItem) => void;
  /**
   * What is being handled, "" for nothing: the key of an inbox row or a due reminder, a run's address,
   * or the receiver of the door's request `door`. The host keeps it where main can read it.
   */
  readonly handling?: (unit: string, door: number) => void;
  /** Work done for each shard, in ms of this thread: the engine adds, the host reads. */
  readonly loads?: Float64Array;
  /** Shares of a tenant where tenants take turns. Default: one each. */
  readonly weightOf?: WeightOf | undefined;
  readonly limits?: Partial<KernelLimits>;
  /** Told of each root run when it begins to work, also when it is taken up again. Must not throw. */
  readonly runBegun?: ((tenant: string, run: string) => void) | undefined;
  /** Told of each root run when it ends, before that is committed. Must not throw. */
  readonly runEnded?: ((tenant: string, run: string, end: RunEnd) => void) | undefined;
  /** Told what turns note (`Turn.note`). Must not throw. */
  readonly noted?: ((name: string, value: number) => void) | undefined;
}

/** Limits of one engine. */
export interface KernelLimits {
  /** Actors kept in memory; past it the longest idle hibernate. */
  readonly cellsMax: number;
  /** Turns of one slice, and its length in ms, before the event loop gets its turn. */
  readonly sliceTurns: number;
  readonly sliceMs: number;
  /** Rows and bytes of one commit batch. */
  readonly batchRows: number;
  readonly batchBytes: number;
  /** Rows and bytes one turn may write (TURN_TOO_LARGE). */
  readonly turnRows: number;
  readonly turnBytes: number;
  /** Messages and runs one turn may send, start, release, steer and cancel (TURN_TOO_LARGE). */
  readonly turnSends: number;
  /** Bytes of one actor's state, as it is stored (TURN_TOO_LARGE). */
  readonly stateBytes: number;
  /** Bytes of all that one turn stores: its rows, state, answer, and what it sends (TURN_TOO_LARGE). */
  readonly turnTotalBytes: number;
  /** Failures of one message before it becomes a dead letter. */
  readonly failuresMax: number;
  /** Dead letters of a tenant; past it the oldest are dropped. Kept to within a tenth for each worker. */
  readonly deadLettersMax: number;
  /** Times a letter can be put back into its actor's inbox. */
  readonly letterReplaysMax: number;
  /** Steps of one run, depth and number of child runs. */
  readonly stepsMax: number;
  readonly depthMax: number;
  readonly childrenMax: number;
  /** Grace of a cancelled run before its end is forced, ms. */
  readonly graceMs: number;
  /** Runs kept in memory; past it those that wait hibernate at once. */
  readonly runsMax: number;
  /** A run that only waits hibernates after this long, ms. */
  readonly runIdleMs: number;
  /** Days that the record of an ended run is kept; 0: for ever. */
  readonly retentionDays: number;
  /** Keys of messages from outside that are remembered of one tenant; one more is refused (SEEN_FULL). */
  readonly seenKeysMax: number;
  /** Bytes of messages of one tenant that wait; the door then refuses its messages (INBOX_FULL). */
  readonly inboxBytesMax: number;
  /** Viewers of runs; one more is refused (INBOX_FULL). */
  readonly viewersMax: number;
}

/** A message or run that was being handled when threads died, and how often. */
export interface Guilt {
  readonly address: Address;
  /** Key of the inbox row or of the due reminder; a run's address. */
  readonly unit: string;
  readonly deaths: number;
  /** Why the last one died, for a person. */
  readonly reason: string;
}

/** The engine of one thread. */
export interface Kernel {
  /**
   * Takes shards at these epochs: their open runs, due reminders and pending inboxes. Runs that
   * hibernate and actors without mail are left where they are. What comes for the shards meanwhile
   * waits. The deaths of `guilty` count as failures of those messages. `after`: what `release` gave,
   * so that rows written here sort after those written before the move.
   */
  own(
    shards: ReadonlyMap<number, number>,
    guilty?: readonly Guilt[],
    after?: number,
  ): Promise<void>;
  /**
   * Looks again for inbox rows of its shards that it has not taken yet. The host calls this when
   * another worker has died: its commits are on disk, their wake-ups may have died with it.
   */
  rescan(): Promise<void>;
  /**
   * Before a move: no step of these shards begins any more, messages are still handled. Resolves with
   * those in which no step is performed: at once if there are some, else with the first, or with none
   * after `graceMs`. All stay frozen, until they are released or thawed.
   */
  freeze(shards: readonly number[], graceMs: number): Promise<readonly number[]>;
  /** Frozen shards that are not moved (yet) go on. */
  thaw(shards: readonly number[]): void;
  /**
   * Gives shards up at their next step boundaries; a step that is still performed after `graceMs` is
   * cut and counts as unfinished. No message of them is handled any more: stored ones lie in their
   * inboxes, requests and viewers of the door are sent back as `moved`, tells go to `toPeer`.
   * Resolves when everything written for them is flushed and nothing of them is in memory, with the
   * order number that their next owner begins after.
   */
  release(shards: readonly number[], graceMs: number): Promise<number>;
  /**
   * Brings a tenant's actors and runs to rest, and keeps them so until `resume`: messages for them are
   * refused at the door (TENANT_SUSPENDED), stored ones stay in their inboxes, reminders stay due. A
   * step that is still performed after `graceMs` is cut. Resolves when nothing of it is in memory.
   */
  suspend(tenant: string, graceMs: number): Promise<void>;
  /** Takes up a suspended tenant where it was. */
  resume(tenant: string): Promise<void>;
  fromDoor(items: readonly DoorItem[]): void;
  fromPeer(items: readonly PeerItem[]): void;
  /** Takes nothing new and ends what runs at step boundaries or after `graceMs`; resolves after the last flush. */
  drain(graceMs: number): Promise<void>;
  /** Live figures for /admin/runtime and metrics. */
  inspect(): KernelFigures;
  /** What stands in memory, in detail. */
  look(asked: Look): Seen;
}

/** Live figures of one engine. Counters and histograms grow from the start of the thread. */
export interface KernelFigures {
  readonly worker: number;
  /** Actors in memory, runs under way, messages waiting for a turn. */
  readonly cells: number;
  readonly runs: number;
  readonly waiting: number;
  readonly quarantined: number;
  readonly counters: Readonly<Record<string, number>>;
  /** Rows of a commit batch; from its sending to its commit and to its flush, in ms. */
  readonly batchRows: HistogramData;
  readonly commitMs: HistogramData;
  readonly flushMs: HistogramData;
  /** By kind of actor. */
  readonly kinds: Readonly<Record<string, KindFigures>>;
  /** Root runs under way by kind. */
  readonly runKinds: Readonly<Record<string, number>>;
}

/** Figures of the actors of one kind. */
export interface KindFigures {
  readonly cells: number;
  /** Messages waiting for a turn, and the most that wait for one actor. */
  readonly waiting: number;
  readonly deepest: number;
  readonly counters: {
    readonly turns: number;
    readonly turnFailures: number;
    readonly deadLetters: number;
    readonly activations: number;
    readonly hibernations: number;
    readonly restarts: number;
  };
  readonly turnMs: HistogramData;
  /** From a message's arrival in the mailbox to its turn. */
  readonly queueWaitMs: HistogramData;
  /** Messages in a mailbox when one of them is taken, itself included. */
  readonly mailboxDepth: HistogramData;
}
