// A whole system in one thread on virtual time: several kernels over one disk in memory, a seeded
// order of everything, and crashes of the process or of the power at any storage write. What a test
// says through it is what the door says; a request lost in a crash is rejected with WORKER_LOST.

import type { Definition } from "../actor.ts";
import { type Address, addressParts, SHARDS, shardOf, shardOfAddress } from "../address.ts";
import { type ErrorData, fromErrorData, RuntimeError } from "../errors.ts";
import type { Frame } from "../frame.ts";
import { createKernel } from "../kernel.ts";
import type { Kernel, KernelLimits } from "../kernel-port.ts";
import type { DoorItem, Operation, RunControl, Want, WorkerItem } from "../message.ts";
import { decode } from "../store/codec.ts";
import { type Crash, MemoryDisk } from "../store/memory.ts";
import type { MessageKey } from "../system.ts";
import { Schedule } from "./schedule.ts";

/** How a simulated system is made. */
export interface TestSystemOptions {
  readonly seed: number;
  readonly definitions: readonly Definition[];
  readonly ports?: unknown;
  /** Kernels, default 2. */
  readonly workers?: number;
  readonly limits?: Partial<KernelLimits>;
  /** Virtual time at the start, ms since the epoch. */
  readonly startMs?: number;
}

interface Waiter {
  readonly want: Want | "follow" | "control";
  readonly frames: Frame[];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A simulated system. */
export class TestSystem {
  readonly schedule: Schedule;
  readonly disk: MemoryDisk;
  readonly #options: TestSystemOptions;
  #kernels: Kernel[] = [];
  #waiters = new Map<number, Waiter>();
  #ids = 0;
  #life = 0;
  /** Crashes so far. */
  crashes = 0;

  constructor(options: TestSystemOptions) {
    this.#options = options;
    this.schedule = new Schedule(options.seed, options.startMs);
    this.disk = new MemoryDisk({
      defer: (call) => this.schedule.defer("disk", call),
      onCrash: () => this.crash("process"),
    });
  }

  /** Starts (or starts again) on what the disk holds. */
  async start(): Promise<void> {
    const life = this.#life;
    const workers = this.#options.workers ?? 2;
    const isAlive = (): boolean => life === this.#life;
    this.#kernels = Array.from({ length: workers }, (_, worker) => this.#kernel(worker, isAlive));
    const owned = this.#kernels.map(() => new Map<number, number>());
    const epochs = new Map<number, number>();
    for (let shard = 0; shard < SHARDS; shard += 1) {
      const epoch = (this.disk.epochs.get(shard) ?? 0) + 1;
      epochs.set(shard, epoch);
      owned[shard % workers]?.set(shard, epoch);
    }
    const raised = this.disk.setEpochs(epochs);
    await this.schedule.settle();
    if (!isAlive()) return;
    await raised;
    for (const [worker, shards] of owned.entries()) {
      const done = this.#kernels[worker]?.own(shards);
      await this.schedule.settle();
      if (!isAlive()) return;
      await done;
    }
  }

  /** Everything in memory is gone; `start` goes on from the disk. */
  crash(kind: Crash): void {
    this.#life += 1;
    this.crashes += 1;
    for (let worker = 0; worker < this.#kernels.length; worker += 1) {
      this.schedule.kill(`worker ${worker}`);
    }
    this.schedule.kill("disk");
    this.schedule.kill("door");
    this.disk.crash(kind);
    const waiters = [...this.#waiters.values()];
    this.#waiters = new Map();
    for (const waiter of waiters) {
      waiter.reject(new RuntimeError("WORKER_LOST", "The system has crashed."));
    }
  }

  /** Asks an actor. Drive it with `schedule.settle()` or `advance()`. */
  ask(to: Address, message: unknown, key?: MessageKey, trace?: string): Promise<unknown> {
    return this.#request(to, message, "reply", key, trace);
  }

  /** Sends a message and gathers the frames of the run that follows, to its end. */
  stream(to: Address, message: unknown, key?: MessageKey): Promise<Frame[]> {
    return this.#request(to, message, "frames", key) as Promise<Frame[]>;
  }

  /** Durable message; resolves when it is on disk. */
  send(to: Address, message: unknown): Promise<unknown> {
    return this.#request(to, message, "stored");
  }

  /** Frames of a run after a frame id. */
  follow(at: { tenant: string; root: string; run: string; after?: string }): Promise<Frame[]> {
    const shard = shardOf(at.tenant, at.root);
    return this.#say(shard, "follow", (id) => ({
      type: "follow",
      id,
      ...at,
      endOnly: false,
    })) as Promise<Frame[]>;
  }

  control(
    at: { tenant: string; root: string; run: string },
    control: RunControl,
  ): Promise<unknown> {
    const shard = shardOf(at.tenant, at.root);
    return this.#say(shard, "control", (id) => ({ type: "control", id, ...at, control }));
  }

  /** What an operator does to an actor or its letters. */
  operate(to: Address, operation: Operation): Promise<unknown> {
    return this.#say(shardOfAddress(to), "control", (id) => ({
      type: "operate",
      id,
      to,
      operation,
    }));
  }

  /** The kernel that owns an address. */
  kernelOf(address: Address): Kernel | undefined {
    return this.#kernels[shardOfAddress(address) % this.#kernels.length];
  }

  #request(
    to: Address,
    message: unknown,
    want: Want,
    key?: MessageKey,
    trace?: string,
  ): Promise<unknown> {
    return this.#say(shardOfAddress(to), want, (id) => ({
      type: "request",
      id,
      to,
      message,
      deadlineMs: this.schedule.nowMs + 60_000,
      want,
      level: "flushed",
      ...(key ? { key } : {}),
      ...(trace ? { trace } : {}),
    }));
  }

  #say(shard: number, want: Waiter["want"], item: (id: number) => DoorItem): Promise<unknown> {
    this.#ids += 1;
    const id = this.#ids;
    const kernel = this.#kernels[shard % this.#kernels.length];
    const promise = new Promise((resolve, reject) => {
      this.#waiters.set(id, { want, frames: [], resolve, reject });
    });
    promise.catch(() => undefined);
    this.schedule.defer("door", () => kernel?.fromDoor([item(id)]));
    return promise;
  }

  #kernel(worker: number, isAlive: () => boolean): Kernel {
    const lane = `worker ${worker}`;
    const { schedule } = this;
    return createKernel({
      worker,
      definitions: this.#options.definitions,
      ports: this.#options.ports ?? {},
      store: this.disk.connect(),
      clock: schedule.clock(lane, isAlive),
      random: schedule.bytes,
      durability: "flushed",
      defer: (call) => schedule.defer(lane, () => (isAlive() ? call() : undefined)),
      toDoor: (item) => {
        if (isAlive()) schedule.defer(lane, () => this.#answer(item));
      },
      toPeer: (shard, item) => {
        if (!isAlive()) return;
        schedule.defer(lane, () => this.#kernels[shard % this.#kernels.length]?.fromPeer([item]));
      },
      ...(this.#options.limits ? { limits: this.#options.limits } : {}),
    });
  }

  #answer(item: WorkerItem): void {
    const waiter = this.#waiters.get(item.id);
    if (!waiter) return;
    switch (item.type) {
      case "reply":
        this.#settle(item.id, waiter, item.value);
        return;
      case "error":
        this.#fail(item.id, waiter, item.error);
        return;
      case "elsewhere":
        this.#elsewhere(item, waiter);
        return;
      case "frames":
        for (const frame of item.frames) this.#frame(item.id, waiter, frame);
        return;
    }
  }

  /** A keyed message had its run at another root: it is followed there. */
  #elsewhere(item: WorkerItem & { type: "elsewhere" }, waiter: Waiter): void {
    const accepted: Frame = { type: "accepted", reply: item.reply, run: item.run };
    if (item.run === null) {
      this.#settle(item.id, waiter, [accepted]);
      return;
    }
    const run = item.run;
    const row = this.disk.rows.find(({ key }) => key.startsWith("n/") && key.endsWith(`/${run}`));
    const at = row === undefined ? null : (decode(row.value) as { address: Address }).address;
    const { tenant, root } = at === null ? { tenant: "", root: "" } : addressParts(at);
    this.#waiters.delete(item.id);
    this.follow({ tenant, root, run }).then(
      (frames) => waiter.resolve([accepted, ...frames]),
      (error: Error) => waiter.reject(error),
    );
  }

  #frame(id: number, waiter: Waiter, frame: Frame): void {
    waiter.frames.push(frame);
    if (frame.type === "refused") this.#fail(id, waiter, frame.error);
    const isOver = frame.type === "end" || (frame.type === "accepted" && frame.run === null);
    if (isOver) this.#settle(id, waiter, waiter.frames);
  }

  #settle(id: number, waiter: Waiter, value: unknown): void {
    this.#waiters.delete(id);
    waiter.resolve(value);
  }

  #fail(id: number, waiter: Waiter, error: ErrorData): void {
    this.#waiters.delete(id);
    waiter.reject(fromErrorData(error));
  }
}
