// The compute pool as its callers see it: CPU work on other threads. compute.ts is the pool, on main;
// a worker asks main for it over its side port.

/** How inputs of a batched task are gathered. */
export interface BatchLimits {
  /** Threads that only this task runs on, started when first needed. */
  readonly threads: number;
  /** Inputs of one batch. */
  readonly itemsMax: number;
  /** How long an idle thread waits for more inputs before it takes fewer. Milliseconds. */
  readonly waitMs: number;
  /** Inputs that may wait, half of them of one tenant. */
  readonly waitingMax: number;
  /** Callers wait for a batch no longer than this; its thread is free when it comes back. Milliseconds. */
  readonly batchMs: number;
  /** An unused thread ends after this. Milliseconds. */
  readonly idleMs: number;
}

/** Where a task's function lives. Tasks are registered by the host, never named by a user. */
export interface ComputeTask {
  /** Module, a file URL. */
  readonly url: string;
  /** Exported function. */
  readonly name: string;
  /**
   * Inputs are run several at a time, on threads of the task's own: the function takes an array of
   * inputs and gives a `ComputeResult` for each.
   */
  readonly batch?: BatchLimits;
}

/** How one task is run. */
export interface ComputeOptions {
  /** Whose task it is: tenants take turns, and within one its keys. */
  readonly tenant: string;
  readonly key?: string;
  readonly signal?: AbortSignal;
  /** Waiting in the queue included; then its thread is ended. */
  readonly timeoutMs: number;
  /** Time of its own, counted from when a thread has it. Default: all of `timeoutMs`. */
  readonly runMs?: number;
  /**
   * What the process may grow by while it runs, in MiB; then its thread is ended. As something else may
   * have grown, it is run again then, alone among tasks with such a limit, each time with its own
   * `runMs`, before it is refused. Default: no limit.
   */
  readonly memoryMib?: number;
}

/** CPU work on other threads. */
export interface Compute {
  /**
   * @throws RuntimeError POOL_FULL, DEADLINE (`details.phase` is "waiting" or "running"), TASK_MEMORY,
   * CANCELLED, INVALID (no such task), or the task's own.
   */
  run(task: string, input: unknown, options: ComputeOptions): Promise<unknown>;
}

/** A compute pool. */
export interface ComputePool extends Compute {
  figures(): { readonly threads: number; readonly waiting: number; readonly done: number };
  close(): Promise<void>;
}
