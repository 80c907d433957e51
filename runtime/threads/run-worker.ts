// Hosts one engine on a worker thread. The composition root of the worker calls `runWorker` once;
// everything else is told to it over ports (worker-control.ts, message.ts). Main may end the thread at any
// moment: nothing here writes to disk or holds what cannot be lost.

import { type MessagePort, parentPort } from "node:worker_threads";
import { type Endpoint, expose } from "comlink";
import { realClock } from "../clock.ts";
import { systemRandom } from "../id.ts";
import { createKernel } from "../kernel/kernel.ts";
import type { Kernel } from "../kernel/kernel-port.ts";
import type { Log } from "../log.ts";
import type { DoorItem, WorkerItem } from "../message.ts";
import type { Look, Seen } from "../shared/look.ts";
import { type WeightOf, weightsIn } from "../shared/tenant-weights.ts";
import { createBulk } from "../store/bulk.ts";
import { openStore } from "../store/lmdb.ts";
import type { Seals } from "../store/sealed-rows.ts";
import type { SealerSource } from "../store/sealer.ts";
import { BulkStart } from "./bulk-start.ts";
import { ComputeClient } from "./compute.ts";
import { workerSide } from "./door-codec.ts";
import type { HostContext, HostLine, WorkerHost } from "./host.ts";
import { LateFaults } from "./late-faults.ts";
import { LoopLag } from "./loop-lag.ts";
import { PassMeter } from "./loop-load.ts";
import { Mesh } from "./mesh.ts";
import { reportOf, type ThreadReport } from "./report.ts";
import { collectAtRest } from "./rest-collector.ts";
import { Slot } from "./slot.ts";
import { Wire } from "./wire.ts";
import {
  notPlain,
  type SideAnswer,
  type SideItem,
  type WorkerBoot,
  type WorkerControl,
} from "./worker-control.ts";

const BEATS_A_LIMIT = 8;
/** Time over which passes of the event loop are averaged for main. */
const PASSES_MS = 50;
/** Main is told how things are so often; more seldom when that takes more than a 200th of the time. */
const REPORT_MS = 1_000;
const REPORT_SHARE = 200;

/**
 * Runs the engine of this worker thread until main ends it. A throw here ends the thread, and main
 * starts another one.
 */
export function runWorker<Config>(host: WorkerHost<Config>): void {
  parentPort?.once("message", (boot: WorkerBoot | null) => {
    // A start that has failed has no work for this thread: it ends by itself.
    if (boot === null) return;
    const slot = new Slot(boot.slot);
    setInterval(() => slot.beat(), boot.config.watchdogMs / BEATS_A_LIMIT);
    const passes = new PassMeter();
    setInterval(() => {
      slot.passMs = passes.take();
    }, PASSES_MS);
    collectAtRest();
    const run = (seals?: Seals): void => {
      const hosted = new HostedWorker(boot, { host: host as WorkerHost, slot, seals });
      expose(hosted, boot.control as unknown as Endpoint);
    };
    if (boot.sealer === undefined) run();
    // What rejects here ends the thread, as what throws does.
    else void sealsOf(boot.sealer).then(run);
  });
}

/** What a worker has beside what it is told. */
interface Hosting {
  readonly host: WorkerHost;
  readonly slot: Slot;
  readonly seals: Seals | undefined;
}

async function sealsOf(source: SealerSource): Promise<Seals> {
  return (await import("../store/sealed-rows.ts")).loadSeals(source);
}

class HostedWorker implements WorkerControl {
  readonly #boot: WorkerBoot;
  readonly #host: WorkerHost;
  readonly #slot: Slot;
  readonly #hot: ReturnType<typeof openStore>;
  readonly #bulk: ReturnType<typeof openStore>;
  readonly #mesh: Mesh;
  readonly #door: Wire<WorkerItem, DoorItem>;
  readonly #frames: FrameGate;
  readonly #lag = new LoopLag();
  readonly #late: LateFaults;
  readonly #weightOf: WeightOf;
  #kernel: Kernel | undefined;

  constructor(boot: WorkerBoot, { host, slot, seals }: Hosting) {
    const { worker, config, folder: path } = boot;
    const { wireItemsMax: itemsMax, backlogMax } = config;
    this.#boot = boot;
    this.#host = host;
    this.#slot = slot;
    this.#late = new LateFaults(slot);
    this.#weightOf = weightsIn(boot.weights);
    this.#hot = openStore({ path, environment: "hot", port: boot.hot, seals: seals?.hot });
    this.#bulk = openStore({ path, environment: "bulk", port: boot.bulk, seals: seals?.bulk });
    this.#mesh = new Mesh({
      worker,
      itemsMax,
      backlogMax,
      receive: (items) => this.#engine().fromPeer(items),
      overflow: () => this.#side({ type: "rescan" }),
      drained: () => {
        if (!this.#mesh.isCongested) this.#door.grant();
      },
    });
    this.#door = new Wire<WorkerItem, DoorItem>({
      port: boot.door,
      codec: workerSide,
      itemsMax,
      receive: (items) => this.#engine().fromDoor(items),
      // A flooded peer holds up what comes in from outside, not what is under way.
      canGrant: () => !this.#mesh.isCongested,
      drained: () => this.#frames.drained(),
      refused: ({ id }, error) => this.#door.push({ type: "error", id, error: notPlain(error) }),
    });
    this.#frames = new FrameGate(this.#door, backlogMax);
  }

  async start(): Promise<void> {
    const { worker, config, limits } = this.#boot;
    const ports = await this.#host.createPorts(this.#context());
    const frames = this.#frames;
    this.#kernel = createKernel({
      worker,
      limits,
      ports,
      definitions: this.#host.definitions,
      store: this.#hot,
      clock: realClock,
      random: systemRandom,
      durability: config.durability,
      defer: setImmediate,
      toDoor: (item) => frames.push(item),
      toPeer: (shard, item) => this.#mesh.send(shard, item),
      handling: (unit, door) => this.#late.handle(unit, door),
      loads: this.#slot.loads,
      weightOf: this.#weightOf,
      runBegun: this.#host.runBegun?.bind(this.#host, ports),
      runEnded: this.#host.runEnded?.bind(this.#host, ports),
      noted: this.#host.noted?.bind(this.#host, ports),
    });
    setTimeout(() => this.#report(), REPORT_MS);
  }

  connect(worker: number, port: MessagePort): void {
    this.#mesh.connect(worker, port);
  }

  disconnect(worker: number): void {
    this.#mesh.disconnect(worker);
  }

  place(owners: Int16Array): Promise<void> {
    return this.#mesh.place(owners);
  }

  settled(to: number): Promise<void> {
    return this.#mesh.settled(to);
  }

  watch(ms: number): void {
    this.#late.watch(ms);
  }

  own(...call: Parameters<Kernel["own"]>): Promise<void> {
    return this.#engine().own(...call);
  }

  freeze(shards: readonly number[], graceMs: number): Promise<readonly number[]> {
    return this.#engine().freeze(shards, graceMs);
  }

  thaw(shards: readonly number[]): void {
    this.#engine().thaw(shards);
  }

  async release(shards: readonly number[], graceMs: number): Promise<number> {
    const after = await this.#engine().release(shards, graceMs);
    await this.#door.emptied();
    return after;
  }

  async suspend(tenant: string, graceMs: number): Promise<void> {
    await this.#engine().suspend(tenant, graceMs);
    await this.#door.emptied();
  }

  resume(tenant: string): Promise<void> {
    return this.#engine().resume(tenant);
  }

  rescan(): Promise<void> {
    return this.#engine().rescan();
  }

  async drain(graceMs: number): Promise<void> {
    await this.#engine().drain(graceMs);
    this.#mesh.flush();
    await this.#door.emptied();
  }

  inspect(): ThreadReport {
    return { ...reportOf(this.#engine()), lag: this.#lag.figures() };
  }

  look(asked: Look): Seen {
    return this.#engine().look(asked);
  }

  async close(): Promise<void> {
    await Promise.all([this.#hot.close(), this.#bulk.close()]);
  }

  #engine(): Kernel {
    if (this.#kernel === undefined) throw new Error("The worker was not started.");
    return this.#kernel;
  }

  /** Whoever asks main how things are does not wait for this thread. */
  #report(): void {
    const beganMs = performance.now();
    this.#side({ type: "report", report: this.inspect() });
    const tookMs = performance.now() - beganMs;
    setTimeout(() => this.#report(), Math.max(REPORT_MS, tookMs * REPORT_SHARE));
  }

  #side(item: SideItem): void {
    this.#boot.side.postMessage(item);
  }

  #context(): HostContext {
    const { worker, hostConfig, hasLine, side } = this.#boot;
    const compute = new ComputeClient((call) => this.#side(call));
    const bulkStart = new BulkStart(() => this.#side({ type: "start-bulk" }));
    let take: (message: unknown) => void = () => undefined;
    const main: HostLine = {
      send: (message) => this.#side({ type: "program", message }),
      receive: (listener) => {
        take = listener;
      },
    };
    side.on("message", (answer: SideAnswer) => {
      if (answer.type === "bulk-started") bulkStart.take(answer.error);
      else if (answer.type === "program") take(answer.message);
      else compute.take(answer);
    });
    const bulk = createBulk(this.#bulk, () => bulkStart.started());
    const log: Log = {
      write: (level, message, fields) =>
        this.#side({ type: "log", level, message, ...(fields === undefined ? {} : { fields }) }),
    };
    const context = {
      ...{ worker, config: hostConfig, hot: this.#hot, bulk, compute, log },
      weightOf: this.#weightOf,
    };
    return hasLine ? { ...context, main } : context;
  }
}

/**
 * Keeps what waits for main bounded: past the limit a viewer's frames are left out, and main, told
 * by a gap without an id, follows the run again once it has caught up.
 */
class FrameGate {
  readonly #wire: Wire<WorkerItem, DoorItem>;
  readonly #backlogMax: number;
  readonly #left = new Map<number, number>();

  constructor(wire: Wire<WorkerItem, DoorItem>, backlogMax: number) {
    this.#wire = wire;
    this.#backlogMax = backlogMax;
  }

  push(item: WorkerItem): void {
    if (item.type === "frames" && (this.#wire.backlog > this.#backlogMax || this.#left.size > 0)) {
      const left = this.#left.get(item.id);
      const first = item.frames[0]?.type;
      const isBehind = this.#wire.backlog > this.#backlogMax;
      if (left !== undefined || (isBehind && first !== "accepted" && first !== "refused")) {
        this.#left.set(item.id, (left ?? 0) + item.frames.length);
        return;
      }
    }
    this.#wire.push(item);
  }

  drained(): void {
    if (this.#left.size === 0) return;
    for (const [id, frames] of this.#left) {
      this.#wire.push({ type: "frames", id, frames: [{ type: "gap", id: "", run: "", frames }] });
    }
    this.#left.clear();
  }
}
