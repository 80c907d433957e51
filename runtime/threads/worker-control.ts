// What main and a worker thread say to each other beside messages: how one boots, the control plane,
// and the side port.

import type { MessagePort } from "node:worker_threads";
import type { RuntimeConfig } from "../config.ts";
import { type ErrorData, toErrorData } from "../errors.ts";
import type { Kernel, KernelLimits } from "../kernel/kernel-port.ts";
import type { LogFields, LogLevel } from "../log.ts";
import type { Look, Seen } from "../shared/look.ts";
import type { SealerSource } from "../store/sealer.ts";
import type { ComputeAnswer, ComputeCall } from "./compute.ts";
import type { ThreadReport } from "./report.ts";

/** The first message to a worker thread. The ports are transferred. */
export interface WorkerBoot {
  readonly worker: number;
  readonly folder: string;
  /** How what is a tenant's is sealed; undefined: it is not. */
  readonly sealer: SealerSource | undefined;
  readonly config: RuntimeConfig;
  readonly limits: Partial<KernelLimits>;
  readonly hostConfig: unknown;
  /** Whether the program's part on main listens to this engine. */
  readonly hasLine: boolean;
  readonly slot: SharedArrayBuffer;
  /** Shares of tenants; see `tenant-weights.ts`. */
  readonly weights: SharedArrayBuffer;
  readonly control: MessagePort;
  readonly door: MessagePort;
  readonly side: MessagePort;
  readonly hot: MessagePort;
  readonly bulk: MessagePort;
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
  /** As Kernel.suspend, and main has taken what is said of it. Also before it owns anything. */
  suspend(tenant: string, graceMs: number): Promise<void>;
  resume(tenant: string): Promise<void>;
  /** Looks again for inbox rows whose wake-ups may be lost. */
  rescan(): Promise<void>;
  /** Ends runs at step boundaries or after `graceMs`; flushes, and main has taken the answers. */
  drain(graceMs: number): Promise<void>;
  inspect(): ThreadReport;
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
  /** How things are with it: comes unasked, every second or so. */
  | { readonly type: "report"; readonly report: ThreadReport }
  /** It is about to write to `bulk`, whose storage thread may not have been started. */
  | { readonly type: "start-bulk" }
  /** From the program's part there to its part here. */
  | { readonly type: "program"; readonly message: unknown };

/** From main to a worker, beside messages. */
export type SideAnswer =
  | ComputeAnswer
  /** The storage thread of `bulk` runs, or could not be started. */
  | { readonly type: "bulk-started"; readonly error?: ErrorData }
  | { readonly type: "program"; readonly message: unknown };

/** What who asked is told of an answer that cannot leave this thread. */
export function notPlain(error: unknown): ErrorData {
  return { code: "INVALID", message: `The answer is no plain data: ${toErrorData(error).message}` };
}
