// The one engine of a system without workers, on the main thread: for machines with one core, and
// for tests. The door speaks with it in the same batches as with a worker.

import { SHARDS } from "../address.ts";
import { realClock } from "../clock.ts";
import type { RuntimeConfig } from "../config.ts";
import type { Door } from "../door/door.ts";
import { RuntimeError } from "../errors.ts";
import { systemRandom } from "../id.ts";
import { createKernel } from "../kernel/kernel.ts";
import type { Kernel, KernelLimits } from "../kernel/kernel-port.ts";
import type { Log } from "../log.ts";
import type { DoorItem, WorkerItem } from "../message.ts";
import type { Look, WorkerSeen } from "../shared/look.ts";
import type { WeightOf } from "../shared/tenant-weights.ts";
import type { Bulk } from "../store/bulk.ts";
import type { Store } from "../store/store.ts";
import type { Compute } from "./compute-port.ts";
import type { Engines, WorkerFigures } from "./engines.ts";
import type { Epochs } from "./epochs.ts";
import type { ConnectEngine, HostLine, WorkerHost } from "./host.ts";
import { copied } from "./local-copy.ts";
import { LocalLink } from "./local-link.ts";
import type { LoopLoad } from "./loop-load.ts";
import { figuresOf, reportOf } from "./report.ts";
import { notPlain } from "./worker-control.ts";

/** What the engine on main is made of. */
export interface LocalEngineOptions {
  readonly host: WorkerHost;
  readonly hostConfig: unknown;
  readonly connectEngine?: ConnectEngine | undefined;
  readonly config: RuntimeConfig;
  readonly limits: Partial<KernelLimits>;
  /** A connection of its own: the tables commit through another one. */
  readonly hot: Store;
  readonly bulk: Bulk;
  readonly compute: Compute;
  readonly log: Log;
  readonly door: Door;
  readonly epochs: Epochs;
  /** Tenants whose work rests. */
  readonly suspended: Iterable<string>;
  /** Shares of a tenant where tenants take turns. */
  readonly weightOf: WeightOf;
}

/** An engine on main. */
export class LocalEngine implements Engines {
  readonly deaths = 0;
  readonly lost = [];
  readonly moves = 0;
  readonly #options: LocalEngineOptions;
  readonly #down: LocalLink<DoorItem>;
  readonly #up: LocalLink<WorkerItem>;
  readonly tenants: Engines["tenants"] = {
    suspend: async (tenant, graceMs) => {
      await this.#kernel?.suspend(tenant, graceMs);
      await this.#up.settled();
    },
    resume: async (tenant) => await this.#kernel?.resume(tenant),
  };
  #kernel: Kernel | undefined;

  constructor(options: LocalEngineOptions) {
    this.#options = options;
    this.#down = new LocalLink((items) => this.#fromDoor(items));
    this.#up = new LocalLink((items) => options.door.deliver(items.map(answer), this.#down));
  }

  async start(): Promise<void> {
    const { host, hostConfig, config, limits, hot, bulk, compute, log } = this.#options;
    const { connectEngine, weightOf } = this.#options;
    const line = connectEngine && localLine();
    if (line) connectEngine(line.near);
    const ports = await host.createPorts({
      worker: 0,
      config: hostConfig,
      hot,
      bulk,
      compute,
      log,
      weightOf,
      ...(line && { main: line.far }),
    });
    const kernel = createKernel({
      worker: 0,
      limits,
      ports,
      definitions: host.definitions,
      store: hot,
      clock: realClock,
      random: systemRandom,
      durability: config.durability,
      defer: setImmediate,
      toDoor: (item) => this.#up.push(item),
      toPeer: () => undefined,
      weightOf,
      runBegun: host.runBegun?.bind(host, ports),
      runEnded: host.runEnded?.bind(host, ports),
      noted: host.noted?.bind(host, ports),
    });
    this.#kernel = kernel;
    const shards = Array.from({ length: SHARDS }, (_, shard) => shard);
    const epochs = await this.#options.epochs.raise(shards);
    for (const tenant of this.#options.suspended) await kernel.suspend(tenant, 0);
    await kernel.own(epochs);
    this.#options.door.assigned(shards, this.#down);
  }

  /** What is answered at once goes up at once: nobody else is on the stack. */
  #fromDoor(items: readonly DoorItem[]): void {
    this.#up.gather();
    try {
      this.#kernel?.fromDoor(this.#copied(items));
    } finally {
      this.#up.flush();
    }
  }

  /** Whoever sent what no thread can be sent is told. */
  #copied(items: readonly DoorItem[]): readonly DoorItem[] {
    const copies: DoorItem[] = [];
    for (const item of items) {
      try {
        if (item.type === "request") copies.push({ ...item, message: copied(item.message) });
        else copies.push(item.type === "control" ? copied(item) : item);
      } catch (error) {
        this.#options.door.unsendable(item, error);
      }
    }
    return copies;
  }

  async drain(graceMs: number): Promise<void> {
    await this.#kernel?.drain(graceMs);
    await this.#up.settled();
  }

  async close(): Promise<void> {
    this.#down.close();
    this.#up.close();
    await this.#options.hot.close();
  }

  endWorker(): Promise<void> {
    return Promise.reject(new RuntimeError("INVALID", "This system has no worker threads."));
  }

  moveShards(): Promise<number> {
    return Promise.reject(new RuntimeError("INVALID", "This system has no worker threads."));
  }

  resize(): Promise<void> {
    return Promise.reject(new RuntimeError("INVALID", "This system has no worker threads."));
  }

  load(): LoopLoad {
    return { busy: 0, passMs: 0 };
  }

  look(asked: Look): Promise<readonly WorkerSeen[]> {
    return Promise.resolve([{ worker: 0, seen: this.#kernel?.look(asked) ?? null }]);
  }

  figures(): Promise<readonly WorkerFigures[]> {
    const report = this.#kernel === undefined ? undefined : reportOf(this.#kernel);
    return Promise.resolve([figuresOf({ worker: 0, shards: SHARDS, backlog: 0 }, report)]);
  }
}

/** What of an engine's answer the door is given. */
function answer(item: WorkerItem): WorkerItem {
  try {
    return item.type === "reply" ? { ...item, value: copied(item.value) } : copied(item);
  } catch (error) {
    return { type: "error", id: item.id, error: notPlain(error) };
  }
}

/** A line within one thread: each side gets copies, and not while the other is sending. */
function localLine(): { readonly near: HostLine; readonly far: HostLine } {
  const takes: ((message: unknown) => void)[] = [];
  const side = (own: number, other: number): HostLine => ({
    send: (message) => {
      const copy = structuredClone(message);
      setImmediate(() => takes[other]?.(copy));
    },
    receive: (take) => {
      takes[own] = take;
    },
  });
  return { near: side(0, 1), far: side(1, 0) };
}
