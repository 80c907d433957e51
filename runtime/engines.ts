// Where the engines of a system run, as the system sees them: over worker threads (worker-pool.ts)
// or one on main (local-engine.ts).

import type { KernelFigures } from "./kernel-port.ts";

/** State of one worker. */
export interface WorkerFigures {
  readonly worker: number;
  readonly shards: number;
  /** Messages at the door that wait for credit. */
  readonly backlog: number;
  readonly figures: KernelFigures | null;
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
