// What hosts an engine, on a worker thread or on main: the program's definitions and ports, what
// they are given, and what main and a worker thread say to each other beside messages.

import type { MessagePort } from "node:worker_threads";
import type { Definition } from "../actor.ts";
import type { RuntimeConfig } from "../config.ts";
import type { ErrorData } from "../errors.ts";
import type { Kernel, KernelFigures, KernelLimits } from "../kernel/kernel-port.ts";
import type { Log, LogFields, LogLevel } from "../log.ts";
import type { Look, Seen } from "../shared/look.ts";
import type { Bulk } from "../store/bulk.ts";
import type { Store } from "../store/store.ts";
import type { Compute, ComputeAnswer, ComputeCall } from "./compute.ts";
import type { LagFigures } from "./loop-lag.ts";

/** What the ports of a worker are built from. */
export interface HostContext<Config = unknown> {
  readonly worker: number;
  /** The program's own plain configuration, as given to `startSystem`. */
  readonly config: Config;
  /** This thread's view of `hot`, which its engine writes. */
  readonly hot: Pick<Store, "get" | "range">;
  readonly bulk: Bulk;
  readonly compute: Compute;
  readonly log: Log;
}

/** The program that runs on the engines. The same on every thread. */
export interface WorkerHost<Config = unknown> {
  readonly definitions: readonly Definition[];
  /** Called once a thread; what it returns is `context.ports` of every run there. */
  createPorts(context: HostContext<Config>): unknown;
}

/** The first message to a worker thread. The ports are transferred. */
export interface WorkerBoot {
  readonly worker: number;
  readonly folder: string;
  readonly config: RuntimeConfig;
  readonly limits: Partial<KernelLimits>;
  readonly hostConfig: unknown;
  readonly slot: SharedArrayBuffer;
  readonly control: MessagePort;
  readonly door: MessagePort;
  readonly side: MessagePort;
  readonly hot: MessagePort;
  readonly bulk: MessagePort;
}

/** What a worker thread says of itself. */
export interface ThreadFigures {
  readonly kernel: KernelFigures;
  readonly lag: LagFigures;
}

/**
 * The control plane: what main asks of a worker, as a typed interface over comlink. Rare calls only;
 * messages travel over wires. Main makes one change at a time (worker-pool.ts).
 */
export interface WorkerControl {
  /** Loads the program; resolves when the engine is ready to own shards. */
  start(): Promise<void>;
  /** Opens the port to another worker, in place of an earlier one. */
  connect(worker: number, port: MessagePort): void;
  /** The other worker is gone: what was not sent to it waits for the next owner of its shards. */
  disconnect(worker: number): void;
  /**
   * Owner of each shard, -1 for none: what is sent to one without waits here, in order. Resolves
   * when workers that lost shards have taken what was sent to them before.
   */
  place(owners: Int16Array): Promise<void>;
  /** Resolves when worker `to` has taken everything that was sent to it before. */
  settled(to: number): Promise<void>;
  /** For so long it names what throws outside of turns too, which costs it time (late-faults.ts). */
  watch(ms: number): void;
  /** As Kernel.own: takes shards at these epochs and resumes what is stored of them. */
  own(...call: Parameters<Kernel["own"]>): Promise<void>;
  /** As Kernel.freeze: before a move. */
  freeze(shards: readonly number[], graceMs: number): Promise<readonly number[]>;
  thaw(shards: readonly number[]): void;
  /** As Kernel.release, and main has taken everything this worker had to say about them. */
  release(shards: readonly number[], graceMs: number): Promise<number>;
  /** Looks again for inbox rows whose wake-ups may be lost. */
  rescan(): Promise<void>;
  /** Ends runs at step boundaries or after `graceMs`; flushes, and main has taken the answers. */
  drain(graceMs: number): Promise<void>;
  inspect(): ThreadFigures;
  look(asked: Look): Seen;
  /** Flushes and closes the stores; the thread is ended after. */
  close(): Promise<void>;
}

/** From a worker to main, beside messages. */
export type SideItem =
  | ComputeCall
  | {
      readonly type: "log";
      readonly level: LogLevel;
      readonly message: string;
      readonly fields?: LogFields;
    }
  /** Wake-ups were left out: every worker must look into its inboxes again. */
  | { readonly type: "rescan" }
  /** It is about to write to `bulk`, whose storage thread may not have been started. */
  | { readonly type: "start-bulk" };

/** From main to a worker, beside messages. */
export type SideAnswer =
  | ComputeAnswer
  /** The storage thread of `bulk` runs, or could not be started. */
  | { readonly type: "bulk-started"; readonly error?: ErrorData };
