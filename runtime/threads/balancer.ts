// Keeps the shards spread over the workers: looks at how busy each is, asks rebalance.ts what should
// move, and moves it. Runs are stopped at a step boundary first; a shard that does not come to one
// in time stays where it is and goes on.

import { SHARDS } from "../address.ts";
import type { Placement } from "./placement.ts";
import {
  type BalanceState,
  balance,
  fill,
  NEW_BALANCE,
  type ShardMove,
  type WorkerLoad,
} from "./rebalance.ts";
import type { WorkerHandle } from "./worker-handle.ts";

const LOOK_MS = 1_000;
/** How long a shard that is moved for its load may take to come to a step boundary. */
const REST_MS = 2_000;
/** A worker that died by its own fault is given nothing for so long. */
const SPARE_MS = 10_000;
/** Shards of one move: each waits for the whole of it. */
const SHARDS_A_MOVE = 64;

/** What balancing needs. */
export interface BalancerOptions {
  readonly placement: Placement;
  readonly members: () => readonly WorkerHandle[];
  /** Whether a worker of this number is to stay. */
  readonly isStaying: (worker: number) => boolean;
  /** One change of owners after the other. */
  readonly change: (call: () => Promise<void>) => Promise<void>;
}

/** The work of each shard at the last look. */
interface Seen {
  readonly loads: Float64Array;
  readonly utilization: ReturnType<WorkerHandle["utilization"]>;
}

/** Moves shards from the busy to the idle. */
export class Balancer {
  readonly #options: BalancerOptions;
  readonly #seen = new WeakMap<WorkerHandle, Seen>();
  readonly #sparedAtMs = new Map<number, number>();
  #state: BalanceState = NEW_BALANCE;
  #isLooking = false;
  #flow: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  /** Shards moved for balance since the start. */
  moves = 0;

  constructor(options: BalancerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A worker of this number has died by its own fault. */
  spare(worker: number): void {
    this.#sparedAtMs.set(worker, Date.now());
  }

  /** Gives new workers their share now. */
  async fill(): Promise<void> {
    await this.#alone(() => this.#run(fill(this.#measure()), 0));
  }

  /** Moves all shards of a worker away: those that rest after `graceMs`, with `isForced` the others too. */
  async clear(worker: WorkerHandle, graceMs: number, isForced: boolean): Promise<void> {
    await this.#alone(() => this.#clear(worker, graceMs, isForced));
  }

  /** Moves what comes to a step boundary within `graceMs`. */
  async run(moves: readonly ShardMove[], graceMs = REST_MS): Promise<void> {
    await this.#alone(() => this.#run(moves, graceMs));
  }

  /**
   * One after the other, from the freezing to the end of the move: another one could thaw what this
   * one has brought to rest, and a step that has begun since would be cut.
   */
  #alone(call: () => Promise<void>): Promise<void> {
    const done = this.#flow.then(call);
    this.#flow = done.catch(() => undefined);
    return done;
  }

  async #clear(worker: WorkerHandle, graceMs: number, isForced: boolean): Promise<void> {
    const { placement, members, isStaying } = this.#options;
    const shards = placement.shardsOf(worker.number);
    if (shards.length === 0 || worker.death !== undefined) return;
    const rested = await worker.freeze(shards, graceMs).catch(() => []);
    const going = isForced ? shards : rested;
    for (let at = 0; at < going.length; at += SHARDS_A_MOVE) {
      const size = (one: WorkerHandle): number => placement.shardsOf(one.number).length;
      const [to] = members()
        .filter((one) => one !== worker && isStaying(one.number))
        .sort((a, b) => size(a) - size(b));
      if (to) await this.#move(worker, to, going.slice(at, at + SHARDS_A_MOVE));
    }
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const { moves, state } = balance(this.#measure(), this.#state, Date.now());
      this.#state = state;
      await this.run(moves);
    } finally {
      this.#isLooking = false;
    }
  }

  async #run(moves: readonly ShardMove[], graceMs: number): Promise<void> {
    const { members } = this.#options;
    for (const move of moves) {
      const from = members().find(({ number }) => number === move.from);
      const to = members().find(({ number }) => number === move.to);
      if (!from || !to) continue;
      for (let at = 0; at < move.shards.length; at += SHARDS_A_MOVE) {
        const shards = move.shards.slice(at, at + SHARDS_A_MOVE);
        const rested = await from.freeze(shards, graceMs).catch(() => []);
        await this.#move(from, to, rested);
      }
    }
  }

  /** Moves frozen shards, as one change. */
  #move(from: WorkerHandle, to: WorkerHandle, shards: readonly number[]): Promise<void> {
    const { placement, members, change } = this.#options;
    return change(async () => {
      const owned = new Set(placement.shardsOf(from.number));
      const going = shards.filter((shard) => owned.has(shard));
      if (going.length === 0 || from.death !== undefined) return;
      if (!members().includes(to)) await from.thaw(going);
      else if (await placement.move(from, to, going)) this.moves += going.length;
    });
  }

  /** What each member did since the last look. */
  #measure(): readonly WorkerLoad[] {
    const { placement, members, isStaying } = this.#options;
    const nowMs = Date.now();
    return members().map((worker) => {
      const before = this.#seen.get(worker);
      const loads = worker.slot.loads.slice();
      const utilization = worker.utilization(before?.utilization);
      this.#seen.set(worker, { loads, utilization: worker.utilization() });
      const work = (shard: number): number =>
        (loads[shard] ?? 0) - (before?.loads[shard] ?? loads[shard] ?? 0);
      let total = 0;
      for (let shard = 0; shard < SHARDS; shard += 1) total += work(shard);
      // A thread does more than what is measured by shard: the rest is dealt out in proportion.
      const scale = total === 0 ? 0 : utilization.utilization / total;
      const own = placement.shardsOf(worker.number);
      const { number } = worker;
      const sparedMs = nowMs - (this.#sparedAtMs.get(number) ?? 0);
      return {
        worker: number,
        busy: utilization.utilization,
        canTake: sparedMs > SPARE_MS && isStaying(number),
        shards: new Map(own.map((shard) => [shard, work(shard) * scale])),
      };
    });
  }
}
