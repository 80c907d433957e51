// One worker thread as main sees it: starts it, speaks with it, and knows when and why it ended.

import type { EventLoopUtilization } from "node:perf_hooks";
import { MessageChannel, type MessagePort, type Worker } from "node:worker_threads";
import { type Endpoint, type Remote, transfer, wrap } from "comlink";
import type { RuntimeConfig } from "../config.ts";
import type { Door } from "../door/door.ts";
import { type ErrorData, RuntimeError, toErrorData } from "../errors.ts";
import type { KernelLimits } from "../kernel/kernel-port.ts";
import type { Log } from "../log.ts";
import { type DoorItem, tenantOf, type WorkerItem } from "../message.ts";
import type { Look, Seen } from "../shared/look.ts";
import { weightsIn } from "../shared/tenant-weights.ts";
import type { SealerSource } from "../store/sealer.ts";
import type { Storage } from "../store/storage.ts";
import { ComputeServer } from "./compute.ts";
import type { ComputePool } from "./compute-port.ts";
import { doorSide } from "./door-codec.ts";
import { type EarlyThreads, startThread } from "./early-threads.ts";
import type { ConnectEngine } from "./host.ts";
import { BusyMeter, type LoopLoad } from "./loop-load.ts";
import type { ThreadReport } from "./report.ts";
import { type Handled, Slot } from "./slot.ts";
import { Wire } from "./wire.ts";
import type { SideAnswer, SideItem, WorkerBoot, WorkerControl } from "./worker-control.ts";

/** What every worker of a system is started with. */
export interface WorkerOptions {
  /** The compiled module that calls `runWorker`. */
  readonly workerUrl: URL;
  /** Threads of that module which were started before. */
  readonly early: EarlyThreads;
  readonly folder: string;
  readonly sealer: SealerSource | undefined;
  readonly storage: Storage;
  readonly config: RuntimeConfig;
  readonly limits: Partial<KernelLimits>;
  readonly hostConfig: unknown;
  /** Shares of tenants; see `tenant-weights.ts`. */
  readonly weights: SharedArrayBuffer;
  readonly connectEngine?: ConnectEngine | undefined;
  readonly compute: ComputePool;
  readonly log: Log;
  readonly door: Pick<Door, "deliver" | "unsendable">;
  /** Wake-ups were left out somewhere: all workers must look again. */
  readonly rescan: () => void;
  readonly exited: (worker: WorkerHandle) => void;
}

/**
 * How a thread ended. `isItsOwnFault`: it threw, ran out of memory, stopped turning, or was ended by
 * code in it (`process.exit`).
 */
export interface Death {
  readonly reason: string;
  readonly isItsOwnFault: boolean;
}

/** A worker thread. */
export class WorkerHandle {
  readonly number: number;
  readonly slot = new Slot();
  readonly wire: Wire<DoorItem, WorkerItem>;
  readonly #thread: Worker;
  readonly #control: Remote<WorkerControl>;
  readonly #compute: ComputeServer;
  readonly #busy = new BusyMeter(() => this.utilization());
  /** Calls under way, to be refused when the thread ends. */
  readonly #calls = new Set<(error: RuntimeError) => void>();
  #death: Death | undefined;
  #started: Promise<void> | undefined;
  #isWatched = false;
  #isEnding = false;
  #beats = -1;
  #missed = 0;
  #blame: string | undefined;
  #report: ThreadReport | undefined;
  #asked: Promise<void> | undefined;

  constructor(number: number, options: WorkerOptions) {
    const { storage, config, limits, hostConfig, folder, sealer, connectEngine } = options;
    const { weights } = options;
    const [control, door, side] = [
      new MessageChannel(),
      new MessageChannel(),
      new MessageChannel(),
    ];
    const hot = storage.connect("hot");
    const bulk = storage.connect("bulk");
    const ports = { control: control.port2, door: door.port2, side: side.port2, hot, bulk };
    const { memory: slot } = this.slot;
    const boot = { worker: number, folder, sealer, config, limits, hostConfig, slot, weights };
    const message: WorkerBoot = { ...boot, ...ports, hasLine: connectEngine !== undefined };
    this.number = number;
    this.#thread =
      options.early.take(number) ?? startThread(options.workerUrl, number, config.workerHeapMib);
    this.#thread.postMessage(message, Object.values(ports));
    this.#control = wrap<WorkerControl>(control.port1 as unknown as Endpoint);
    this.wire = new Wire<DoorItem, WorkerItem>({
      port: door.port1,
      codec: doorSide,
      itemsMax: config.wireItemsMax,
      tenantOf,
      weightOf: weightsIn(weights),
      receive: (items) => options.door.deliver(items, this.wire),
      refused: (item, error) => options.door.unsendable(item, error),
    });
    this.#compute = new ComputeServer(options.compute, (answer: SideAnswer) =>
      side.port1.postMessage(answer),
    );
    let take: (message: unknown) => void = () => undefined;
    const disconnect = connectEngine?.({
      send: (message) => side.port1.postMessage({ type: "program", message } satisfies SideAnswer),
      receive: (listener) => {
        take = listener;
      },
    });
    side.port1.on("message", (item: SideItem) => {
      if (item.type === "log") {
        options.log.write(item.level, item.message, { ...item.fields, worker: number });
      } else if (item.type === "report") this.#take(item.report);
      else if (item.type === "rescan") options.rescan();
      else if (item.type === "start-bulk") startBulk(storage, side.port1);
      else if (item.type === "program") take(item.message);
      else this.#compute.take(item);
    });
    this.#whenLost(() => {
      for (const port of [control.port1, side.port1]) port.close();
      this.#compute.close();
      disconnect?.();
      options.exited(this);
    });
  }

  /** How it ended; undefined while it lives. */
  get death(): Death | undefined {
    return this.#death;
  }

  /** What it was handling when it ended by its own fault, if anything. */
  get guilty(): Handled | null {
    return this.#death?.isItsOwnFault ? this.slot.handled() : null;
  }

  /** Loads the program. From here on the watchdog looks. */
  async start(): Promise<void> {
    this.#started = this.#call(this.#control.start());
    await this.#started;
    this.#isWatched = true;
  }

  /** From the next `own` on it names whose code throws outside of turns, too; 0 ms: as before. */
  watch(ms: number): void {
    if (ms === 0) return;
    this.#call(this.#control.watch(ms)).catch(() => undefined);
  }

  own(...call: Parameters<WorkerControl["own"]>): Promise<void> {
    return this.#call(this.#control.own(...call));
  }

  freeze(shards: readonly number[], graceMs: number): Promise<readonly number[]> {
    return this.#call(this.#control.freeze(shards, graceMs));
  }

  thaw(shards: readonly number[]): Promise<void> {
    return this.#call(this.#control.thaw(shards));
  }

  release(shards: readonly number[], graceMs: number): Promise<number> {
    return this.#call(this.#control.release(shards, graceMs));
  }

  settled(to: number): Promise<void> {
    return this.#call(this.#control.settled(to));
  }

  connect(worker: number, port: MessagePort): Promise<void> {
    return this.#call(this.#control.connect(worker, transfer(port, [port])));
  }

  disconnect(worker: number): Promise<void> {
    return this.#call(this.#control.disconnect(worker));
  }

  place(owners: Int16Array): Promise<void> {
    return this.#call(this.#control.place(owners));
  }

  suspend(tenant: string, graceMs: number): Promise<void> {
    return this.#call(this.#control.suspend(tenant, graceMs));
  }

  resume(tenant: string): Promise<void> {
    return this.#call(this.#control.resume(tenant));
  }

  rescan(): Promise<void> {
    return this.#call(this.#control.rescan());
  }

  drain(graceMs: number): Promise<void> {
    return this.#call(this.#control.drain(graceMs));
  }

  /** The last it has said of itself; undefined until it has started. */
  get report(): ThreadReport | undefined {
    return this.#report;
  }

  /** Asks for a new report; one question at a time, however many ask. */
  inspect(): Promise<void> {
    this.#asked ??= this.#call(this.#control.inspect())
      .then((report) => this.#take(report))
      .finally(() => {
        this.#asked = undefined;
      });
    return this.#asked;
  }

  look(asked: Look): Promise<Seen> {
    return this.#call(this.#control.look(asked));
  }

  close(): Promise<void> {
    return this.#call(this.#control.close());
  }

  /** How busy the thread was since an earlier answer, or since its start. */
  utilization(since?: EventLoopUtilization): EventLoopUtilization {
    return this.#thread.performance.eventLoopUtilization(since);
  }

  /** Since the last call; the pass is that of the last moments. */
  load(): LoopLoad {
    return { busy: this.#busy.take(), passMs: this.slot.passMs };
  }

  /**
   * Ends the thread at once, or when it has started: to end it while it opens the stores would abort
   * the process (store/lmdb.ts). Resolves after it has ended.
   */
  async end(): Promise<void> {
    await this.#started?.catch(() => undefined);
    this.#isEnding = true;
    await this.#thread.terminate();
  }

  /** Called at a steady rate: true when the event loop has not turned for `missedMax` calls. */
  isStuck(missedMax: number): boolean {
    if (!this.#isWatched || this.#death !== undefined) return false;
    // Counted in looks, not in time: a process that was suspended must not kill its workers.
    const beats = this.slot.beats();
    this.#missed = beats === this.#beats ? this.#missed + 1 : 0;
    this.#beats = beats;
    return this.#missed >= missedMax;
  }

  /** Ends a thread that does not turn any more; what it was handling counts as guilty. */
  async endStuck(reason: string): Promise<void> {
    this.#blame = reason;
    await this.#thread.terminate();
  }

  #take(report: ThreadReport): void {
    if (this.#report === undefined || report.at >= this.#report.at) this.#report = report;
  }

  #call<T>(answer: Promise<T>): Promise<T> {
    if (this.#death !== undefined) return Promise.reject(this.#lost());
    // A comlink call into a dead thread would wait for ever.
    return new Promise<T>((resolve, reject) => {
      this.#calls.add(reject);
      answer.then(resolve, reject).finally(() => this.#calls.delete(reject));
    });
  }

  #lost(): RuntimeError {
    return new RuntimeError("WORKER_LOST", `Worker ${this.number} ended: ${this.#death?.reason}.`);
  }

  #whenLost(whenExited: () => void): void {
    let thrown: Error | undefined;
    this.#thread.on("error", (error: Error) => {
      thrown = error;
    });
    this.#thread.once("exit", (code: number) => {
      const reason = this.#blame ?? thrown?.message ?? `exit code ${code}`;
      const isItsOwnFault = this.#blame !== undefined || thrown !== undefined || !this.#isEnding;
      this.#death = { reason, isItsOwnFault };
      for (const reject of this.#calls) reject(this.#lost());
      this.#calls.clear();
      whenExited();
    });
  }
}

function startBulk(storage: Storage, port: MessagePort): void {
  const answer = (more: { error?: ErrorData }): void => {
    const started: SideAnswer = { type: "bulk-started", ...more };
    port.postMessage(started);
  };
  storage.start("bulk").then(
    () => answer({}),
    (error: unknown) => answer({ error: toErrorData(error) }),
  );
}
