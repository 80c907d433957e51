// The worker threads of a system: which worker owns which shard, the mesh between them, the watchdog,
// and what happens when one dies: its shards' epochs are raised, another thread takes its place, and
// the door and the other workers are told. One change at a time.

import { MessageChannel } from "node:worker_threads";
import { SHARDS } from "./address.ts";
import type { RuntimeConfig } from "./config.ts";
import type { Door } from "./door.ts";
import type { Engines, WorkerFigures } from "./engines.ts";
import type { Epochs } from "./epochs.ts";
import { RuntimeError } from "./errors.ts";
import type { Guilt } from "./kernel-port.ts";
import type { Log } from "./log.ts";
import { WorkerHandle, type WorkerOptions } from "./worker-handle.ts";

/** What a pool needs beside what its workers need. */
export interface WorkerPoolOptions {
  readonly workers: Omit<WorkerOptions, "receive" | "rescan" | "exited">;
  readonly config: RuntimeConfig;
  readonly door: Door;
  readonly epochs: Epochs;
  readonly log: Log;
  /** The system cannot go on: the process must end. */
  readonly fatal: (message: string) => void;
}

const LOOKS_A_LIMIT = 4;
const MINUTE_MS = 60_000;
/** Addresses remembered for having been handled when a thread died, and for how long. */
const GUILTY_MAX = 1_000;
const GUILTY_MS = 600_000;
const INSPECT_MS = 1_000;
/** A stuck worker must not keep a system from stopping: what it has not flushed it repeats later. */
const FLUSH_MS = 2_000;

/** Engines on worker threads. */
export class WorkerPool implements Engines {
  readonly #options: WorkerPoolOptions;
  readonly #workers: WorkerHandle[] = [];
  readonly #owners = new Int16Array(SHARDS).fill(-1);
  readonly #guilty = new Map<string, { deaths: number; atMs: number }>();
  /** Times of the deaths of the last minute, by worker. */
  readonly #recent: number[][] = [];
  #deaths = 0;
  #isClosing = false;
  #changes: Promise<void> = Promise.resolve();
  #watchdog: NodeJS.Timeout | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  get deaths(): number {
    return this.#deaths;
  }

  async start(): Promise<void> {
    const { config } = this.#options;
    for (let worker = 0; worker < config.workers; worker += 1) {
      this.#workers[worker] = this.#newWorker(worker);
    }
    await Promise.all(this.#workers.map((worker) => worker.start()));
    for (const worker of this.#workers) {
      for (const other of this.#workers) {
        if (other.number < worker.number) await this.#connect(worker, other);
      }
    }
    const shards = Array.from({ length: SHARDS }, (_, shard) => shard);
    const epochs = await this.#options.epochs.raise(shards);
    await Promise.all(
      this.#workers.map((worker) => {
        const own = [...epochs].filter(([shard]) => shard % config.workers === worker.number);
        return this.#give(worker, new Map(own), []);
      }),
    );
    await this.#tellOwners();
    this.#watchdog = setInterval(() => this.#look(), config.watchdogMs / LOOKS_A_LIMIT);
    this.#watchdog.unref();
  }

  async drain(graceMs: number): Promise<void> {
    this.#isClosing = true;
    await this.#changes;
    // A worker that dies now leaves its runs to the next start; the others must still be drained.
    const limitMs = graceMs + FLUSH_MS;
    await Promise.all(this.#workers.map((worker) => within(limitMs, worker.drain(graceMs))));
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#watchdog);
    await this.#changes;
    await Promise.all(this.#workers.map((worker) => within(FLUSH_MS, worker.close())));
    await Promise.all(this.#workers.map((worker) => worker.end()));
  }

  figures(): Promise<readonly WorkerFigures[]> {
    return Promise.all(
      this.#workers.map(async (worker) => {
        const answer = await within(INSPECT_MS, worker.inspect());
        const shards = this.#shardsOf(worker.number).length;
        const { kernel: figures = null, lag = null } = answer ?? {};
        return { worker: worker.number, shards, backlog: worker.wire.backlog, figures, lag };
      }),
    );
  }

  async endWorker(worker: number): Promise<void> {
    await this.#workers[worker]?.end();
  }

  #newWorker(number: number): WorkerHandle {
    return new WorkerHandle(number, {
      ...this.#options.workers,
      receive: (items, wire) => this.#options.door.deliver(items, wire),
      rescan: () => void this.#rescan(this.#living()),
      exited: (worker) => this.#exited(worker),
    });
  }

  async #connect(one: WorkerHandle, other: WorkerHandle): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    await Promise.all([one.connect(other.number, port1), other.connect(one.number, port2)]);
  }

  async #give(
    worker: WorkerHandle,
    epochs: ReadonlyMap<number, number>,
    guilty: readonly Guilt[],
  ): Promise<void> {
    await worker.own(epochs, guilty);
    for (const shard of epochs.keys()) this.#owners[shard] = worker.number;
    this.#options.door.assigned(epochs.keys(), worker.wire);
  }

  #shardsOf(worker: number): number[] {
    const { workers } = this.#options.config;
    const shards: number[] = [];
    for (let shard = worker; shard < SHARDS; shard += workers) shards.push(shard);
    return shards;
  }

  /** Tells the living who owns what; those who die meanwhile are dealt with by their own change. */
  async #tellOwners(): Promise<void> {
    await Promise.allSettled(this.#living().map((worker) => worker.place(this.#owners)));
  }

  #living(): WorkerHandle[] {
    return this.#workers.filter((worker) => worker.death === undefined);
  }

  async #rescan(workers: readonly WorkerHandle[]): Promise<void> {
    const { log } = this.#options;
    await Promise.all(
      workers.map(async (worker) => {
        try {
          await worker.rescan();
        } catch (error) {
          // The dead look when their shards are taken.
          if (worker.death !== undefined) return;
          const fields = { worker: worker.number, reason: String(error) };
          log.write("error", "A worker could not look into its inboxes again.", fields);
        }
      }),
    );
  }

  #exited(worker: WorkerHandle): void {
    this.#deaths += 1;
    worker.wire.takeArrived();
    this.#options.door.lost(worker.wire);
    worker.wire.close();
    if (this.#isClosing) return;
    const { log } = this.#options;
    const reason = worker.death?.reason;
    log.write("error", "A worker died and is replaced.", { worker: worker.number, reason });
    this.#changes = this.#changes.then(() =>
      this.#replace(worker).catch((error: unknown) => {
        // The replacement's own death is a change of its own; anything else cannot be repaired.
        if (error instanceof RuntimeError && error.code === "WORKER_LOST") return;
        this.#options.fatal(`A worker could not be replaced: ${String(error)}`);
      }),
    );
  }

  async #replace(dead: WorkerHandle): Promise<void> {
    const { number } = dead;
    if (this.#isClosing || this.#workers[number] !== dead) return;
    if (this.#isDyingTooOften(number)) {
      this.#options.fatal(
        `Worker ${number} died too often within a minute: ${dead.death?.reason}.`,
      );
      return;
    }
    const shards = this.#shardsOf(number);
    for (const shard of shards) this.#owners[shard] = -1;
    const worker = this.#newWorker(number);
    this.#workers[number] = worker;
    const started = worker.start();
    started.catch(() => undefined);
    // Before anyone owns these shards again, nobody may still be sending to the dead thread.
    const others = this.#living().filter((other) => other !== worker);
    await Promise.allSettled(others.map((other) => other.disconnect(number)));
    await this.#tellOthers(others);
    const epochs = await this.#options.epochs.raise(shards);
    // Wake-ups the dead thread had not sent: its commits are all visible now. Found before its
    // actors go on sending, or a later message would overtake them.
    await this.#rescan(others);
    await started;
    for (const other of others) {
      if (other.death === undefined) await this.#connectLiving(worker, other);
    }
    await this.#give(worker, epochs, this.#guiltOf(dead));
    await this.#tellOwners();
  }

  async #tellOthers(others: readonly WorkerHandle[]): Promise<void> {
    await Promise.allSettled(others.map((other) => other.place(this.#owners)));
  }

  /** A peer that dies while it is connected gets its port when it is replaced itself. */
  async #connectLiving(worker: WorkerHandle, other: WorkerHandle): Promise<void> {
    try {
      await this.#connect(worker, other);
    } catch (error) {
      if (other.death === undefined) throw error;
    }
  }

  #isDyingTooOften(worker: number): boolean {
    const nowMs = Date.now();
    const recent = (this.#recent[worker] ?? []).filter((atMs) => atMs > nowMs - MINUTE_MS);
    recent.push(nowMs);
    this.#recent[worker] = recent;
    return recent.length > this.#options.config.deathsMax;
  }

  /** Counts the message that was being handled when its thread died by its own fault. */
  #guiltOf(dead: WorkerHandle): readonly Guilt[] {
    const address = dead.guilty;
    if (address === "") return [];
    const nowMs = Date.now();
    for (const [known, { atMs }] of this.#guilty) {
      if (atMs > nowMs - GUILTY_MS && this.#guilty.size < GUILTY_MAX) break;
      this.#guilty.delete(known);
    }
    const deaths = (this.#guilty.get(address)?.deaths ?? 0) + 1;
    this.#guilty.delete(address);
    this.#guilty.set(address, { deaths, atMs: nowMs });
    return [{ address, deaths }];
  }

  #look(): void {
    const { config, log } = this.#options;
    for (const worker of this.#workers) {
      if (!worker.isStuck(LOOKS_A_LIMIT)) continue;
      const reason = `its event loop gave no sign for ${config.watchdogMs} ms`;
      log.write("error", "A worker is stuck and is ended.", { worker: worker.number, reason });
      worker.endStuck(reason).catch((error: unknown) => this.#options.fatal(String(error)));
    }
  }
}

async function within<T>(ms: number, answer: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, ms, null);
  });
  try {
    return await Promise.race([answer.catch(() => null), late]);
  } finally {
    clearTimeout(timer);
  }
}
