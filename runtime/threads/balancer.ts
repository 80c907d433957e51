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
  /** What is being moved away from each worker. */
  readonly #flows = new WeakMap<WorkerHandle, Promise<unknown>>();
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
    this.#sparedAtMs.set(worker, performance.now());
  }

  /** Gives new workers their share now. */
  async fill(): Promise<void> {
    await this.run(fill(this.#measure()), 0);
  }

  /**
   * Moves all shards of a worker away, each when it comes to a step boundary; what is performed for
   * longer than `graceMs` is cut.
   */
  async clear(worker: WorkerHandle, graceMs: number): Promise<void> {
    const { placement } = this.#options;
    const move = (shards: readonly number[]): Promise<void> => this.#moveAway(worker, shards);
    await this.#alone(worker, async () => {
      if (worker.death !== undefined) return;
      const shards = placement.shardsOf(worker.number);
      await move(await this.#eachAtRest(worker, shards, graceMs, move));
    });
  }

  /** Moves what comes to a step boundary within `graceMs`; the number of shards that did. */
  async run(moves: readonly ShardMove[], graceMs = REST_MS): Promise<number> {
    const given = this.#options.members().map((from) => {
      const own = moves.filter((move) => move.from === from.number);
      // No shard is in two of them, so none thaws what another one has brought to rest.
      return this.#alone(from, () =>
        Promise.all(own.map((move) => this.#give(from, move, graceMs))),
      );
    });
    return (await Promise.all(given)).flat().reduce((sum, moved) => sum + moved, 0);
  }

  /**
   * One after the other for each worker, from the freezing to the end of the move: another one could
   * thaw what this one has brought to rest, and a step that has begun since would be cut.
   */
  #alone<T>(worker: WorkerHandle, call: () => Promise<T>): Promise<T> {
    const done = (this.#flows.get(worker) ?? Promise.resolve()).then(call);
    this.#flows.set(
      worker,
      done.catch(() => undefined),
    );
    return done;
  }

  /** Calls `move` with shards as they come to rest; gives those that do not within `graceMs`, frozen. */
  async #eachAtRest(
    from: WorkerHandle,
    shards: readonly number[],
    graceMs: number,
    move: (rested: readonly number[]) => Promise<unknown>,
  ): Promise<readonly number[]> {
    const untilMs = performance.now() + graceMs;
    let left = shards;
    while (left.length > 0) {
      const leftMs = Math.max(0, Math.ceil(untilMs - performance.now()));
      const rested = new Set(await from.freeze(left, leftMs).catch(() => []));
      if (rested.size === 0) break;
      await move([...rested]);
      left = left.filter((shard) => !rested.has(shard));
    }
    return left;
  }

  /** To those that have the fewest. */
  async #moveAway(worker: WorkerHandle, shards: readonly number[]): Promise<void> {
    const { placement, members, isStaying } = this.#options;
    const size = (one: WorkerHandle): number => placement.shardsOf(one.number).length;
    for (let at = 0; at < shards.length; at += SHARDS_A_MOVE) {
      const [to] = members()
        .filter((one) => one !== worker && isStaying(one.number))
        .sort((a, b) => size(a) - size(b));
      const some = shards.slice(at, at + SHARDS_A_MOVE);
      if (to === undefined) await worker.thaw(some).catch(() => undefined);
      else await this.#move(worker, to, some);
    }
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const { moves, state } = balance(this.#measure(), this.#state, performance.now());
      this.#state = state;
      await this.run(moves);
    } finally {
      this.#isLooking = false;
    }
  }

  async #give(from: WorkerHandle, move: ShardMove, graceMs: number): Promise<number> {
    const to = this.#options.members().find(({ number }) => number === move.to);
    if (to === undefined) return 0;
    let moved = 0;
    const left = await this.#eachAtRest(from, move.shards, graceMs, async (rested) => {
      for (let at = 0; at < rested.length; at += SHARDS_A_MOVE) {
        moved += await this.#move(from, to, rested.slice(at, at + SHARDS_A_MOVE));
      }
    });
    if (left.length > 0) await from.thaw(left).catch(() => undefined);
    return moved;
  }

  /** Moves frozen shards, as one change; how many. */
  async #move(from: WorkerHandle, to: WorkerHandle, shards: readonly number[]): Promise<number> {
    const { placement, members, change } = this.#options;
    let moved = 0;
    await change(async () => {
      const owned = new Set(placement.shardsOf(from.number));
      const going = shards.filter((shard) => owned.has(shard));
      if (going.length === 0 || from.death !== undefined) return;
      if (!members().includes(to)) await from.thaw(going);
      else if (await placement.move(from, to, going)) moved = going.length;
    });
    this.moves += moved;
    return moved;
  }

  /** What each member did since the last look. */
  #measure(): readonly WorkerLoad[] {
    const { placement, members, isStaying } = this.#options;
    const nowMs = performance.now();
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
      const sparedMs = nowMs - (this.#sparedAtMs.get(number) ?? -SPARE_MS);
      return {
        worker: number,
        busy: utilization.utilization,
        canTake: sparedMs >= SPARE_MS && isStaying(number),
        shards: new Map(own.map((shard) => [shard, work(shard) * scale])),
      };
    });
  }
}
