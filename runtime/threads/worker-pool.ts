// The worker threads of a system: starts them, watches them, and when one dies gives its shards to
// the others at once and starts another thread in its place; grows and shrinks while it runs. Who
// owns what is placement.ts. One change at a time.

import { MessageChannel } from "node:worker_threads";
import { SHARDS, shardOfAddress } from "../address.ts";
import { type RuntimeConfig, WORKERS_MAX } from "../config.ts";
import type { Door } from "../door/door.ts";
import { RuntimeError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Look, WorkerSeen } from "../shared/look.ts";
import { Balancer } from "./balancer.ts";
import { Deaths } from "./deaths.ts";
import type { Engines, LostWorker, WorkerFigures } from "./engines.ts";
import type { Epochs } from "./epochs.ts";
import { actorOf, GuiltBook } from "./guilt.ts";
import { type LoopLoad, meanLoad } from "./loop-load.ts";
import { Placement } from "./placement.ts";
import { figuresOf } from "./report.ts";
import { TenantRest } from "./tenant-rest.ts";
import { within } from "./within.ts";
import { WorkerHandle, type WorkerOptions } from "./worker-handle.ts";

/** What a pool needs beside what its workers need. */
export interface WorkerPoolOptions {
  readonly workers: Omit<WorkerOptions, "door" | "rescan" | "exited">;
  readonly config: RuntimeConfig;
  readonly door: Door;
  readonly epochs: Epochs;
  readonly log: Log;
  /** Tenants whose work rests from the start. */
  readonly suspended: Iterable<string>;
  /** The system cannot go on: the process must end. */
  readonly fatal: (message: string) => void;
}

const LOOKS_A_LIMIT = 4;
const LOOK_MS = 1_000;
/** How long new figures of a worker may take; then its last ones serve. */
const FRESH_MS = 100;
/** A stuck worker must not keep a system from stopping: what it has not flushed it repeats later. */
const FLUSH_MS = 2_000;
/** A thread that has not loaded its program by then is ended, and another one is started. */
const START_MS_MAX = 60_000;
/** How long the living may take to hear that another worker has died before its shards go on. */
const PEERS_MS = 500;
/** A worker whose shards cannot be moved so often, because another one does not answer, stays. */
const CLEAR_TRIES = 5;

/** Engines on worker threads. */
export class WorkerPool implements Engines {
  readonly #options: WorkerPoolOptions;
  /** The thread of each number, also while it starts. */
  readonly #workers = new Map<number, WorkerHandle>();
  /** Those that are connected with each other. */
  readonly #members = new Set<WorkerHandle>();
  /** Those that own nothing any more and are ended on purpose. */
  readonly #retired = new WeakSet<WorkerHandle>();
  readonly #placement: Placement;
  readonly #balancer: Balancer;
  readonly #guilt = new GuiltBook();
  readonly tenants: TenantRest;
  /** Shards that wait for a thread of their own: every other owner would be at risk. */
  #orphans: number[] = [];
  readonly #deaths: Deaths;
  #target: number;
  #isClosing = false;
  #changes: Promise<void> = Promise.resolve();
  #resizing: Promise<void> = Promise.resolve();
  #watchdog: NodeJS.Timeout | undefined;

  constructor(options: WorkerPoolOptions) {
    const { door, epochs, config } = options;
    this.#options = options;
    this.#target = config.workers;
    this.#deaths = new Deaths(config.deathsMax);
    const members = (): WorkerHandle[] => this.#living();
    this.#placement = new Placement({ door, epochs, guilt: this.#guilt, members });
    const change = (call: () => Promise<void>): Promise<void> => this.#change(call);
    this.tenants = new TenantRest({ suspended: options.suspended, members, change });
    this.#balancer = new Balancer({
      placement: this.#placement,
      members,
      isStaying: (worker) => worker < this.#target,
      change,
    });
  }

  get deaths(): number {
    return this.#deaths.count;
  }

  get moves(): number {
    return this.#balancer.moves;
  }

  async start(): Promise<void> {
    const { config } = this.#options;
    for (let worker = 0; worker < config.workers; worker += 1) {
      this.#workers.set(worker, this.#newWorker(worker));
    }
    const workers = [...this.#workers.values()];
    await Promise.all(workers.map((worker) => worker.start()));
    for (const worker of workers) await this.#enter(worker);
    const shards = Array.from({ length: SHARDS }, (_, shard) => shard);
    const epochs = await this.#placement.fence(shards);
    await Promise.all(
      workers.map((worker) => {
        const own = [...epochs].filter(([shard]) => shard % config.workers === worker.number);
        return this.#placement.give(worker, new Map(own));
      }),
    );
    await this.#placement.tell();
    this.#watchdog = setInterval(() => this.#look(), config.watchdogMs / LOOKS_A_LIMIT);
    this.#watchdog.unref();
    this.#balancer.start();
  }

  async drain(graceMs: number): Promise<void> {
    this.#isClosing = true;
    this.#balancer.stop();
    await this.#changes;
    // A worker that dies now leaves its runs to the next start; the others must still be drained.
    const limitMs = graceMs + FLUSH_MS;
    await this.#each((worker) => within(limitMs, worker.drain(graceMs)));
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#balancer.stop();
    clearInterval(this.#watchdog);
    await this.#changes;
    await this.#each((worker) => within(FLUSH_MS, worker.close()));
    await this.#each((worker) => worker.end());
  }

  figures(): Promise<readonly WorkerFigures[]> {
    return this.#each(async (worker) => {
      await within(FRESH_MS, worker.inspect());
      const { number, wire, report } = worker;
      const shards = this.#placement.shardsOf(number).length;
      return figuresOf({ worker: number, shards, backlog: wire.backlog }, report);
    });
  }

  load(): LoopLoad {
    return meanLoad(this.#living().map((worker) => worker.load()));
  }

  /** The last deaths, newest first. */
  get lost(): readonly LostWorker[] {
    return this.#deaths.lost;
  }

  look(asked: Look): Promise<readonly WorkerSeen[]> {
    return this.#each(async (worker) => {
      const seen = await within(LOOK_MS, worker.look(asked));
      return { worker: worker.number, seen };
    });
  }

  async endWorker(worker: number): Promise<void> {
    await this.#workers.get(worker)?.end();
  }

  async moveShards(shards: readonly number[], worker: number): Promise<number> {
    if (!this.#living().some(({ number }) => number === worker)) {
      throw new RuntimeError("INVALID", `There is no worker ${worker}.`);
    }
    const wanted = new Set(shards);
    const moves = this.#living().map(({ number }) => ({
      from: number,
      to: worker,
      shards: this.#placement.shardsOf(number).filter((shard) => wanted.has(shard)),
    }));
    return await this.#balancer.run(moves.filter(({ from }) => from !== worker));
  }

  /**
   * Another number of workers, while everything goes on. Resolves when the shards are placed: a step
   * that is performed on a worker that leaves may go on for `drainMs`, and only its shard waits for it.
   * @throws INVALID outside 1..WORKERS_MAX, SHUTTING_DOWN.
   */
  async resize(workers: number): Promise<void> {
    if (!Number.isInteger(workers) || workers < 1 || workers > WORKERS_MAX) {
      throw new RuntimeError("INVALID", `A system has 1 to ${WORKERS_MAX} worker threads.`);
    }
    if (this.#isClosing) throw new RuntimeError("SHUTTING_DOWN", "The system is stopping.");
    this.#resizing = this.#resizing.catch(() => undefined).then(() => this.#resize(workers));
    await this.#resizing;
  }

  async #resize(workers: number): Promise<void> {
    this.#target = workers;
    const added: Promise<void>[] = [];
    for (let number = 0; number < workers; number += 1) {
      if (!this.#workers.has(number)) added.push(this.#startWorker(number));
    }
    await Promise.all(added);
    const leaving = [...this.#workers.values()].filter(({ number }) => number >= workers);
    await Promise.all(leaving.map((worker) => this.#retire(worker)));
    await this.#balancer.fill();
  }

  #each<T>(call: (worker: WorkerHandle) => Promise<T>): Promise<T[]> {
    return Promise.all([...this.#workers.values()].map(call));
  }

  #newWorker(number: number): WorkerHandle {
    return new WorkerHandle(number, {
      ...this.#options.workers,
      door: this.#options.door,
      rescan: () => void this.#rescan(this.#living()),
      exited: (worker) => this.#exited(worker),
    });
  }

  /** Connects a started worker with all members and makes it one. */
  async #enter(worker: WorkerHandle): Promise<void> {
    await this.tenants.enter(worker);
    for (const other of this.#living()) {
      try {
        const { port1, port2 } = new MessageChannel();
        const ways = [worker.connect(other.number, port1), other.connect(worker.number, port2)];
        await Promise.all(ways);
      } catch (error) {
        // A peer that dies while it is connected gets its port when it is replaced itself.
        if (other.death === undefined) throw error;
      }
    }
    this.#members.add(worker);
  }

  #living(): WorkerHandle[] {
    return [...this.#members].filter((worker) => worker.death === undefined);
  }

  /** One change after the other. A worker's death within is a change of its own. */
  #change(call: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(async () => {
      if (this.#isClosing) return;
      try {
        await call();
      } catch (error) {
        if (error instanceof RuntimeError && error.code === "WORKER_LOST") return;
        this.#options.fatal(`Shards could not be given to a worker: ${String(error)}`);
      }
    });
    this.#changes = done;
    return done;
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
    const { door, log } = this.#options;
    const { number, death, guilty } = worker;
    this.#members.delete(worker);
    worker.wire.takeArrived();
    door.lost(worker.wire, guilty);
    worker.wire.close();
    if (this.#retired.has(worker)) return;
    this.#deaths.add();
    if (this.#isClosing) return;
    const reason = death?.reason ?? "";
    const actor = guilty === null ? "" : actorOf(guilty);
    if (death?.isItsOwnFault) this.#guilt.note(guilty, reason);
    log.write("error", "A worker died and is replaced.", { worker: number, reason, actor });
    this.#deaths.keep({ worker: number, at: Date.now(), reason, actor });
    if (death?.isItsOwnFault) this.#balancer.spare(number);
    if (this.#deaths.isTooOften(number)) {
      this.#options.fatal(`Worker ${number} died too often within a minute: ${reason}.`);
      return;
    }
    const shard = actor === "" ? null : shardOfAddress(actor);
    const recovered = this.#change(() => this.#recover(number, shard));
    // A new thread takes its time and the processor: those who live take over first.
    const isAlone = this.#living().length === 0;
    if (number < this.#target)
      void (isAlone ? this.#replace(number) : recovered.then(() => this.#replace(number)));
    else if (this.#workers.get(number) === worker) this.#workers.delete(number);
  }

  async #replace(number: number): Promise<void> {
    await this.#startWorker(number);
    await this.#balancer.fill();
  }

  /** Starts a thread and makes it a member; one that dies at its start is followed by another. */
  async #startWorker(number: number): Promise<void> {
    const worker = this.#newWorker(number);
    this.#workers.set(number, worker);
    const late = setTimeout(() => {
      const reason = `it did not start within ${START_MS_MAX} ms`;
      worker.endStuck(reason).catch((error: unknown) => this.#options.fatal(String(error)));
    }, START_MS_MAX);
    try {
      await worker.start();
    } catch {
      return; // Its death is a change of its own.
    } finally {
      clearTimeout(late);
    }
    await this.#change(() => this.#join(worker));
  }

  async #join(worker: WorkerHandle): Promise<void> {
    if (worker.death !== undefined) return;
    await this.#enter(worker);
    const orphans = this.#orphans.splice(0);
    if (orphans.length > 0) {
      await this.#placement.give(worker, await this.#placement.fence(orphans));
    }
    await this.#placement.tell();
  }

  /**
   * Gives the shards of a dead worker to the living at once. The shard of what killed it waits for
   * a new thread: it may kill the next one too, and that one must own nothing else.
   */
  async #recover(number: number, guilty: number | null): Promise<void> {
    const placement = this.#placement;
    const shards = placement.shardsOf(number);
    const others = this.#living();
    placement.lose(shards);
    // Before anyone owns these shards again, nobody may still be sending to the dead thread.
    const gone = others.map((other) => other.disconnect(number));
    await within(PEERS_MS, Promise.allSettled([...gone, placement.tell()]));
    const epochs = await placement.fence(shards);
    // Wake-ups the dead thread had not sent: its commits are all visible now. Found before its
    // actors go on sending, or a later message would overtake them.
    await within(PEERS_MS, this.#rescan(others));
    const takers = this.#living();
    const parts = placement.share(shards, takers, guilty);
    this.#orphans.push(...(parts.get(null) ?? []));
    const given = takers.map((taker) => {
      const part = parts.get(taker) ?? [];
      return placement.give(taker, new Map(part.map((shard) => [shard, epochs.get(shard) ?? 0])));
    });
    const failed = (await Promise.allSettled(given)).find((one) => one.status === "rejected");
    await placement.tell();
    // One that has died meanwhile is recovered next, with these shards; anything else is an error.
    if (failed) throw failed.reason;
  }

  /** Moves everything a worker has to the others and ends its thread. */
  async #retire(worker: WorkerHandle): Promise<void> {
    const { number } = worker;
    const untilMs = performance.now() + this.#options.config.drainMs;
    for (let tries = 0; tries < CLEAR_TRIES; tries += 1) {
      await this.#balancer.clear(worker, Math.max(0, untilMs - performance.now()));
    }
    await this.#change(async () => {
      if (worker.death !== undefined || this.#placement.shardsOf(number).length > 0) return;
      this.#retired.add(worker);
      this.#members.delete(worker);
      const gone = this.#living().map((other) => other.disconnect(number));
      await within(PEERS_MS, Promise.allSettled(gone));
    });
    if (!this.#retired.has(worker)) return; // It has died, or could not be cleared: it stays.
    await within(FLUSH_MS, worker.close());
    await worker.end();
    if (this.#workers.get(number) === worker) this.#workers.delete(number);
  }

  #look(): void {
    const { config, log } = this.#options;
    for (const worker of this.#workers.values()) {
      if (!worker.isStuck(LOOKS_A_LIMIT)) continue;
      const reason = `its event loop gave no sign for ${config.watchdogMs} ms`;
      const handled = worker.slot.handled();
      const actor = handled === null ? "" : actorOf(handled);
      log.write("error", "A worker is stuck and is ended.", {
        worker: worker.number,
        reason,
        actor,
      });
      worker.endStuck(reason).catch((error: unknown) => this.#options.fatal(String(error)));
    }
  }
}
