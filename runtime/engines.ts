// Where the engines of a system run, as the system sees them: over worker threads (worker-pool.ts)
// or one on main (local-engine.ts).

import type { KernelFigures } from "./kernel-port.ts";
import type { LagFigures } from "./loop-lag.ts";

/** State of one worker. */
export interface WorkerFigures {
  readonly worker: number;
  readonly shards: number;
  /** Messages at the door that wait for credit. */
  readonly backlog: number;
  /** Null when the worker gave no answer in time. */
  readonly figures: KernelFigures | null;
  /** Of its event loop; null on main, which is told of apart. */
  readonly lag: LagFigures | null;
}

/** The engines of a system. */
export interface Engines {
  /** Starts them and gives them all shards. */
  start(): Promise<void>;
  /** Ends runs at step boundaries or after `graceMs`; everything is flushed and told to the door. */
  drain(graceMs: number): Promise<void>;
  /** Ends the threads. */
  close(): Promise<void>;
  /** Ends one worker thread at once, as a crash of it would; it is replaced. */
  endWorker(worker: number): Promise<void>;
  figures(): Promise<readonly WorkerFigures[]>;
  /** Worker threads that died since the start. */
  readonly deaths: number;
}
