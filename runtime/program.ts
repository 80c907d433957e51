// The short way to a running system for users of the runtime alone: one module holds the actors and
// starts them, and is at the same time the module that every worker thread loads.

import { isMainThread } from "node:worker_threads";
import type { Definition } from "./actor.ts";
import type { RuntimeConfig } from "./config.ts";
import { RuntimeError } from "./errors.ts";
import type { KernelLimits } from "./kernel/kernel-port.ts";
import type { Log } from "./log.ts";
import type { RunningSystem } from "./pool.ts";
import type { ComputeTask } from "./threads/compute-port.ts";
import type { HostContext, WorkerHost } from "./threads/host.ts";

/** What one program runs, and on which data. */
export interface Program<Config = unknown> {
  /** Its actors and runs: the same on every thread. */
  readonly definitions: readonly Definition[];
  /** Data folder; made when missing. One process at a time owns it. */
  readonly folder: string;
  /** What runs find as `context.ports`; called once a thread. Default: an empty object. */
  readonly createPorts?: (context: HostContext<Config>) => unknown;
  /** Plain data for `createPorts`. */
  readonly hostConfig?: Config;
  /** Default: one worker thread, acknowledged when flushed; see `runtimeDefaults`. */
  readonly config?: Partial<RuntimeConfig>;
  readonly limits?: Partial<KernelLimits>;
  /** Tasks of the compute pool by name. */
  readonly tasks?: Readonly<Record<string, ComputeTask>>;
  /** Default: warnings and errors as lines on standard error. */
  readonly log?: Log;
}

/** Warnings and errors, a line each. */
const plainLog: Log = {
  write(level, message, fields) {
    if (level !== "warn" && level !== "error") return;
    const more = fields === undefined ? "" : ` ${JSON.stringify(fields)}`;
    process.stderr.write(`${level}: ${message}${more}\n`);
  },
};

/**
 * Starts a program, and calls `main` with its system when every actor can be reached.
 * @param module `import.meta.url` of the module that makes this call at its top level: every worker
 *   thread loads it too, makes the same call there, and hosts the actors; `main` is not called there.
 * @param main what the main thread does; the system goes on running when it has returned. Call
 *   `system.stop()` to end it. When it throws, the system is stopped and the error is thrown on.
 * @throws RuntimeError CONFIG_INVALID, DATA_LOCKED, FOREIGN_DATA, DATA_DAMAGED, DATA_UNUSABLE,
 *   STORE_FULL, WORKER_LOST.
 */
export async function runProgram<Config>(
  module: string,
  program: Program<Config>,
  main: (system: RunningSystem) => Promise<void> | void,
): Promise<void> {
  const { definitions, createPorts = () => ({}), log = plainLog, ...options } = program;
  const host: WorkerHost<Config> = { definitions, createPorts };
  if (!isMainThread) {
    const { runWorker } = await import("./threads/run-worker.ts");
    runWorker(host);
    return;
  }
  if (!module.startsWith("file:")) {
    throw new RuntimeError("CONFIG_INVALID", "A program is given as its module's import.meta.url.");
  }
  const { startSystem } = await import("./pool.ts");
  const loadHost = (): WorkerHost => host as WorkerHost;
  const system = await startSystem({ ...options, log, workerUrl: new URL(module), loadHost });
  try {
    await main(system);
  } catch (error) {
    await system.stop(0);
    throw error;
  }
}
