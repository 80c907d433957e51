// Which worker owns which shard, as main decides it: gives shards to workers, moves them from one to
// another, and tells the door and all workers. The caller makes one change at a time.

import { SHARDS } from "../address.ts";
import type { Door } from "../door/door.ts";
import type { Epochs } from "./epochs.ts";
import type { GuiltBook } from "./guilt.ts";
import { within } from "./within.ts";
import type { WorkerHandle } from "./worker-handle.ts";

/** How long the others may take to hold back what is for a moving shard; then it stays. */
const QUIET_MS = 1_000;
const NOBODY = -1;
const MICROSECONDS = 1_000;

/** What placing needs. */
export interface PlacementOptions {
  readonly door: Door;
  readonly epochs: Epochs;
  readonly guilt: GuiltBook;
  /** Workers that are connected with each other and live. */
  readonly members: () => readonly WorkerHandle[];
}

/** The owners of all shards. */
export class Placement {
  readonly #options: PlacementOptions;
  readonly #owners = new Int16Array(SHARDS).fill(NOBODY);
  readonly #moving = new Set<number>();

  constructor(options: PlacementOptions) {
    this.#options = options;
  }

  shardsOf(worker: number): number[] {
    const shards: number[] = [];
    this.#owners.forEach((owner, shard) => {
      if (owner === worker) shards.push(shard);
    });
    return shards;
  }

  /** Nobody owns these until they are given. */
  lose(shards: readonly number[]): void {
    for (const shard of shards) this.#owners[shard] = NOBODY;
  }

  /** Deals shards to those who have the fewest; `kept`, or all when nobody lives, to nobody. */
  share(
    shards: readonly number[],
    takers: readonly WorkerHandle[],
    kept: number | null,
  ): ReadonlyMap<WorkerHandle | null, readonly number[]> {
    const parts = new Map<WorkerHandle | null, number[]>([[null, []]]);
    const sizes = new Map(takers.map((taker) => [taker, this.shardsOf(taker.number).length]));
    for (const taker of takers) parts.set(taker, []);
    for (const shard of shards) {
      const [fewest] = [...sizes].sort(([, a], [, b]) => a - b)[0] ?? [null];
      const to = shard === kept ? null : fewest;
      parts.get(to)?.push(shard);
      if (to !== null) sizes.set(to, (sizes.get(to) ?? 0) + 1);
    }
    return parts;
  }

  /** After this nothing of an earlier owner can be written. */
  fence(shards: readonly number[]): Promise<ReadonlyMap<number, number>> {
    return this.#options.epochs.raise(shards);
  }

  /**
   * Gives shards that nobody owns, at epochs from `fence`. `after`: order of the last row that their
   * earlier owner wrote. Should the worker die meanwhile, they are its own and found again so.
   */
  async give(
    worker: WorkerHandle,
    epochs: ReadonlyMap<number, number>,
    after = Date.now() * MICROSECONDS,
  ): Promise<void> {
    const { door, guilt } = this.#options;
    for (const shard of epochs.keys()) this.#owners[shard] = worker.number;
    worker.watch(guilt.watchedMs);
    await worker.own(epochs, guilt.of(new Set(epochs.keys())), after);
    door.assigned(epochs.keys(), worker.wire);
  }

  /**
   * Moves shards; what comes for them meanwhile waits. They were frozen before (WorkerControl.freeze):
   * a step that is performed now is cut. False: somebody did not hold back in time, so they stay.
   * @throws WORKER_LOST when one of the two dies; whose the shards are then is found with the dead.
   */
  async move(from: WorkerHandle, to: WorkerHandle, shards: readonly number[]): Promise<boolean> {
    const { door } = this.#options;
    for (const shard of shards) this.#moving.add(shard);
    try {
      door.hold(new Set(shards), from.wire);
      const quiet = Promise.all([this.tell(), from.wire.settled()]);
      if ((await within(QUIET_MS, quiet)) === null) {
        this.#stay(from, shards);
        return false;
      }
      const after = await from.release(shards, 0);
      for (const shard of shards) this.#owners[shard] = to.number;
      await this.give(to, await this.fence(shards), after);
    } finally {
      for (const shard of shards) this.#moving.delete(shard);
    }
    // What the old owner held back is older than what anybody else will send.
    await within(QUIET_MS, from.place(this.#told()));
    await within(QUIET_MS, from.settled(to.number));
    await within(QUIET_MS, this.tell());
    return true;
  }

  /** Tells the members who owns what; those who die meanwhile are dealt with by their own change. */
  async tell(): Promise<void> {
    const told = this.#told();
    await Promise.allSettled(this.#options.members().map((worker) => worker.place(told)));
  }

  #told(): Int16Array {
    const told = this.#owners.slice();
    for (const shard of this.#moving) told[shard] = NOBODY;
    return told;
  }

  #stay(worker: WorkerHandle, shards: readonly number[]): void {
    for (const shard of shards) this.#moving.delete(shard);
    // In order with what was told before, whenever each of them listens again.
    this.tell().catch(() => undefined);
    worker.thaw(shards).catch(() => undefined);
    if (worker.death === undefined) this.#options.door.assigned(shards, worker.wire);
  }
}
