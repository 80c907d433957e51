// Where processes are started: on this machine, or over ssh on another one. Who starts one says which program and
// with which arguments, each of which arrives as it is; folder, variables and limits are the target's.

import type { Readable, Writable } from "node:stream";

/** What is started. */
export interface SpawnCommand {
  /** Program and arguments: no shell reads them. */
  readonly argv: readonly string[];
  /** Below the target's folder. Default: that. */
  readonly cwd?: string;
  /** Beside the variables that the target gives. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How a process has ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process that was started. */
export interface Spawned {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /**
   * When it has ended and all that it wrote was read, or is not going to be; whatever it has started ends with it.
   * Rejects with TARGET_LOST where nobody knows how it went.
   */
  readonly exit: Promise<Exit>;
  /** Ends it and what it has started. */
  kill(): void;
}

/** A target that starts processes. */
export interface Spawner {
  /**
   * Starts one; it is ended when the signal aborts, and when the target's time for it is over. Others that work
   * there may have to end first.
   * @throws RuntimeError TARGET_LOST with `details.began: false` when the target cannot be reached; PROVIDER_FAILED
   * when there is no such program; INVALID for what cannot be started; POOL_FULL, CANCELLED.
   */
  start(command: SpawnCommand, signal: AbortSignal): Promise<Spawned>;
}
