// Where the engines of a system run, as the system sees them: over worker threads (worker-pool.ts)
// or one on main (local-engine.ts).

import type { KernelFigures } from "../kernel/kernel-port.ts";
import type { Look, Seen, WorkerSeen } from "../shared/look.ts";
import type { LagFigures } from "./loop-lag.ts";
import type { LoopLoad } from "./loop-load.ts";

/** State of one worker. */
export interface WorkerFigures {
  readonly worker: number;
  readonly shards: number;
  /** Messages at the door that wait for credit. */
  readonly backlog: number;
  /** Age of what follows, ms; null when it has not said anything yet. */
  readonly ageMs: number | null;
  /** It has said nothing of itself for 5 s, or not yet. */
  readonly isSilent: boolean;
  /** The last it has said; null while it starts. */
  readonly figures: KernelFigures | null;
  /** Of its event loop; null on main, which is told of apart. */
  readonly lag: LagFigures | null;
  /** Its deepest mailboxes. */
  readonly deepest: Seen | null;
  /** Its runs that wait, the longest first. */
  readonly waits: Seen | null;
}

/** A worker thread that has died. */
export interface LostWorker {
  readonly worker: number;
  /** Ms since the epoch. */
  readonly at: number;
  readonly reason: string;
  /** Address whose message or step it was handling when it died by its own fault; "" for none. */
  readonly actor: string;
}

/** The engines of a system. */
export interface Engines {
  /** Starts them and gives them all shards. */
  start(): Promise<void>;
  /** Ends runs at step boundaries or after `graceMs`; everything is flushed and told to the door. */
  drain(graceMs: number): Promise<void>;
  readonly tenants: {
    /** Brings a tenant's work to rest on every thread, as Kernel.suspend; one that comes later keeps to it. */
    suspend(tenant: string, graceMs: number): Promise<void>;
    /** Lets it go on everywhere. */
    resume(tenant: string): Promise<void>;
  };
  /** Ends the threads. */
  close(): Promise<void>;
  /** Ends one worker thread at once, as a crash of it would; it is replaced. */
  endWorker(worker: number): Promise<void>;
  /** Moves shards to a worker at their step boundaries; the number of those that came to one in time. */
  moveShards(shards: readonly number[], worker: number): Promise<number>;
  /** Another number of worker threads, while everything goes on; resolves when shards are placed. */
  resize(workers: number): Promise<void>;
  figures(): Promise<readonly WorkerFigures[]>;
  /** Of the threads on average since the last call; nothing for main. */
  load(): LoopLoad;
  look(asked: Look): Promise<readonly WorkerSeen[]>;
  /** Worker threads that died since the start. */
  readonly deaths: number;
  /** The last of them, newest first. */
  readonly lost: readonly LostWorker[];
  /** Shards moved between living workers since the start. */
  readonly moves: number;
}
