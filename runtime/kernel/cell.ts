// One living actor in a worker's memory: its state, its mailbox and where it stands. What is durable
// about it lies in the store; a cell can be dropped at any moment when nothing of it is under way.

import type { ActorDefinition, Data, Outcome } from "../actor.ts";
import { type Address, tenantOfAddress } from "../address.ts";
import type { Asker, LetterPast, MessageKey, Want } from "../message.ts";
import type { KindMetrics } from "../shared/metrics.ts";
import { keys } from "../store/keys.ts";
import type { Level } from "../store/store.ts";
import { Mailbox } from "./mailbox.ts";
import type { Lane, Queued } from "./run-queue.ts";

/** A reminder that fired, as it was found: at its turn it may have been replaced or forgotten. */
export interface Due {
  /** Its row in the order of time, and the one under its name: both are removed with the turn. */
  readonly key: string;
  readonly named: string;
  readonly atMs: number;
}

/** One message waiting for its turn. */
export interface MailItem {
  readonly message: Data;
  readonly from: Address | null;
  readonly lane: "system" | "user";
  /** Absolute, 0 for none. */
  readonly deadlineMs: number;
  /** Its deadline by a clock that nobody sets (`Clock.elapsed`); absent without one. */
  readonly lateAtMs?: number;
  /** Its inbox row, and the batch that puts it (so that put and taken in one batch is never written). */
  readonly row?: { readonly key: string; readonly batch: object };
  /** The door's request, when it came from outside. */
  readonly door?: {
    readonly id: number;
    readonly want: Want;
    readonly level: Level;
    readonly key?: MessageKey;
  };
  readonly ask?: Asker;
  /** The reminder that fired. */
  readonly due?: Due;
  /** Set on a run's end: the run that ended. */
  readonly endedRun?: string;
  /** The failure that its actor is told of in place of a result that it could not store. */
  readonly endsAs?: Outcome;
  /** W3C traceparent of what caused it. */
  readonly trace?: string;
  /** Set when it was a dead letter and is replayed. */
  readonly past?: LetterPast;
  /** When it came, ms since the epoch; absent of what was told, which has a tick instead. */
  readonly queuedAt?: number;
  /** What it counts as against its tenant's limit; 0 or absent when it does not. */
  bytes?: number;
  failures: number;
  /** What its turn told has left; the turn was refused with its batch and tells nothing again. */
  isTold?: boolean;
}

/** Where a cell stands. */
export type CellState = "cold" | "loading" | "ready" | "reading" | "held" | "quarantined";

/** One actor in memory. */
export class Cell implements Queued<Cell> {
  readonly address: Address;
  readonly tenant: string;
  readonly shard: number;
  readonly definition: ActorDefinition<Data, Data>;
  readonly mailbox = new Mailbox<MailItem>();
  status: CellState = "cold";
  state: Data = undefined;
  isQueued = false;
  /** Who was told next the last time after this one had been told: a guess that saves a look-up. */
  toldNext: Cell | null = null;
  /**
   * A turn of it was refused together with the row of its message: from then on it handles messages
   * whose rows are on disk, so that one that is refused again is answered. Until it leaves memory.
   */
  isWary = false;
  /** Dropped from memory: another cell may stand for its address by now. */
  isGone = false;
  /** Its tenant's lane in the order of turns, when it has stood there. */
  lane: Lane<Cell> | null = null;
  /** The message whose rows are being read for its turn. */
  taken: MailItem | null = null;
  /** When its last turn was, in the kernel's own milliseconds. */
  lastUsedTick: number;
  /** Counted under its kind. */
  readonly metrics: KindMetrics;
  #stateKey: string | null = null;

  constructor(
    address: Address,
    definition: ActorDefinition<Data, Data>,
    metrics: KindMetrics,
    shard: number,
    tick: number,
  ) {
    this.address = address;
    this.tenant = tenantOfAddress(address);
    this.lastUsedTick = tick;
    this.shard = shard;
    this.definition = definition;
    this.metrics = metrics;
  }

  /** Key of its state's row: made once for all turns that write. */
  get stateKey(): string {
    this.#stateKey ??= keys.state(this.address);
    return this.#stateKey;
  }

  /** Whether it may be dropped from memory. */
  get isIdle(): boolean {
    return (
      this.mailbox.size === 0 &&
      !this.isQueued &&
      this.status !== "reading" &&
      this.status !== "held"
    );
  }
}
