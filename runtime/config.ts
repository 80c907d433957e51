// Settings of the runtime with default, unit and limit. Parsing is adapters/config.ts; here are the
// type, the defaults and the check, so that a host that builds them by hand cannot get them wrong.

import { RuntimeError } from "./errors.ts";
import type { Level } from "./store/store.ts";

/** Worker threads of one system at most. */
export const WORKERS_MAX = 64;

/** Settings of one system. */
export interface RuntimeConfig {
  /** Worker threads, 0..64; 0 runs everything on the main thread. */
  readonly workers: number;
  /** Level that acknowledgements and run ends wait for. */
  readonly durability: Exclude<Level, "memory">;
  /** A worker whose event loop gives no sign for this long is ended and replaced, 200..600,000 ms. */
  readonly watchdogMs: number;
  /** Latest start of a message's handling when the sender names none, 1..3,600,000 ms. */
  readonly requestTimeoutMs: number;
  /** Requests and subscriptions at the door at once, 1..1,000,000, half of them of one tenant; one more is refused (INBOX_FULL). */
  readonly requestsMax: number;
  /** Items between two threads that the receiver has not taken yet, 64..65,536. */
  readonly wireItemsMax: number;
  /** Items waiting behind a full wire, 64..1,000,000, half of them of one tenant; the door then refuses (INBOX_FULL). */
  readonly backlogMax: number;
  /** Bytes of frames kept for a slow viewer before it gets a `gap`, 1 KiB..64 MiB. */
  readonly viewerBytesMax: number;
  /** Table writes waiting at the door, 1..100,000, half of them of one tenant; one more is refused (POOL_FULL). */
  readonly tableWritesMax: number;
  /** How long steps may go on when the system stops or their worker is taken away, 0..600,000 ms. */
  readonly drainMs: number;
  /** Deaths of one worker within a minute, 1..1,000; one more ends the process. */
  readonly deathsMax: number;
  /** Heap of one worker in MiB, 0..65,536: past it the thread is ended and replaced. 0: Node's own. */
  readonly workerHeapMib: number;
  /** Threads of the compute pool, 1..64; none is started before the first task. */
  readonly computeThreads: number;
  /** Tasks waiting for a compute thread, 1..100,000, half of them of one tenant; one more is refused (POOL_FULL). */
  readonly computeQueueMax: number;
  /** Heap of one compute thread in MiB, 64..65,536: a task that needs more fails (TASK_MEMORY), its thread is replaced. */
  readonly computeHeapMib: number;
  /** Address space of each storage environment in bytes, 16 MiB..1 TiB; sparse, so it costs nothing. */
  readonly mapBytes: number;
}

const KIB = 1024;
const MIB = KIB * KIB;
const GIB = KIB * MIB;

/** Defaults; `workers` is meant to be set by the host to cores - 1. */
export const runtimeDefaults: RuntimeConfig = {
  workers: 1,
  durability: "flushed",
  watchdogMs: 10_000,
  requestTimeoutMs: 30_000,
  requestsMax: 100_000,
  wireItemsMax: 4_096,
  backlogMax: 16_384,
  viewerBytesMax: MIB,
  tableWritesMax: 1_024,
  drainMs: 25_000,
  deathsMax: 100,
  workerHeapMib: 0,
  computeThreads: 1,
  computeQueueMax: 256,
  computeHeapMib: 4_096,
  mapBytes: 64 * GIB,
};

const limits: Readonly<Record<Exclude<keyof RuntimeConfig, "durability">, [number, number]>> = {
  workers: [0, WORKERS_MAX],
  watchdogMs: [200, 600_000],
  requestTimeoutMs: [1, 3_600_000],
  requestsMax: [1, 1_000_000],
  wireItemsMax: [64, 65_536],
  backlogMax: [64, 1_000_000],
  viewerBytesMax: [KIB, 64 * MIB],
  tableWritesMax: [1, 100_000],
  drainMs: [0, 600_000],
  deathsMax: [1, 1_000],
  workerHeapMib: [0, 65_536],
  computeThreads: [1, 64],
  computeQueueMax: [1, 100_000],
  computeHeapMib: [64, 65_536],
  mapBytes: [16 * MIB, KIB * GIB],
};

/**
 * Defaults overlaid with what is given.
 * @throws RuntimeError CONFIG_INVALID naming the field and its limits.
 */
export function runtimeConfig(given: Partial<RuntimeConfig> = {}): RuntimeConfig {
  const config = { ...runtimeDefaults, ...given };
  for (const [name, [least, most]] of Object.entries(limits)) {
    const value = config[name as keyof typeof limits];
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      throw new RuntimeError(
        "CONFIG_INVALID",
        `${name} is ${value}; it must be a whole number from ${least} to ${most}.`,
      );
    }
  }
  return config;
}
