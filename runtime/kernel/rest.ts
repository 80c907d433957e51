// Brings the runs of some shards to rest at their step boundaries, for a move of the shards or the
// end of the process. A frozen run begins no further step; thawed, it goes on as if nothing had been.

import type { Engine, RestPort } from "./engine.ts";

/** Which runs of one kernel rest. */
export class Rest implements RestPort {
  readonly #engine: Engine;
  readonly #frozen = new Set<number>();
  /** Functions of runs that wait at a step boundary, by shard. */
  readonly #parked = new Map<number, (() => void)[]>();
  /** Told whenever a step has ended while something is frozen. */
  readonly #watchers = new Set<() => void>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  isFrozen(shard: number): boolean {
    return this.#frozen.size > 0 && this.#frozen.has(shard);
  }

  freeze(shards: Iterable<number>): void {
    for (const shard of shards) this.#frozen.add(shard);
  }

  thaw(shards: Iterable<number>): void {
    for (const shard of shards) {
      this.#frozen.delete(shard);
      const parked = this.#parked.get(shard) ?? [];
      this.#parked.delete(shard);
      for (const call of parked) call();
    }
  }

  /** Resolves when the shard is thawed. */
  thawed(shard: number): Promise<void> {
    return new Promise((resolve) => {
      const parked = this.#parked.get(shard);
      if (parked) parked.push(resolve);
      else this.#parked.set(shard, [resolve]);
    });
  }

  /** A step has ended, or a run has come to a boundary. */
  ended(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /** Those of `shards` in which a step is being performed. A run that only waits performs nothing. */
  performing(shards: ReadonlySet<number>): ReadonlySet<number> {
    const found = new Set<number>();
    for (const tree of this.#engine.runs.trees.values()) {
      if (shards.has(tree.shard) && !found.has(tree.shard) && tree.working > 0) {
        found.add(tree.shard);
      }
    }
    return found;
  }

  /** Resolves when no step of the frozen `shards` is performed any more, or after `graceMs`. */
  rested(shards: ReadonlySet<number>, graceMs: number): Promise<void> {
    return this.#until(() => this.performing(shards).size === 0, graceMs);
  }

  /** Resolves when one of the frozen `shards` is at rest, or after `graceMs`. */
  someRested(shards: ReadonlySet<number>, graceMs: number): Promise<void> {
    return this.#until(() => this.performing(shards).size < shards.size, graceMs);
  }

  /** Resolves when it holds, looked at whenever a step ends, or after `graceMs`. */
  async #until(holds: () => boolean, graceMs: number): Promise<void> {
    if (graceMs === 0 || holds()) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#watchers.delete(watcher);
        resolve();
      };
      const watcher = (): void => {
        if (holds()) done();
      };
      const timer = this.#engine.options.clock.after(graceMs, done);
      this.#watchers.add(watcher);
    });
  }
}
