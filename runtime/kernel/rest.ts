// Brings the runs of some shards to rest at their step boundaries, for a move of the shards or the
// end of the process, or those of a tenant that is suspended. A frozen run begins no further step; thawed, it goes on as if nothing had been.

import type { Engine, RestPort } from "./engine.ts";

/** Where a run is. */
interface Place {
  readonly shard: number;
  readonly tenant: string;
}

/** Which runs of one kernel rest. */
export class Rest implements RestPort {
  readonly #engine: Engine;
  /** Shards by number, tenants by name. */
  readonly #frozen = new Set<number | string>();
  /** Functions of runs that wait at a step boundary, by what keeps them. */
  readonly #parked = new Map<number | string, (() => void)[]>();
  /** Told whenever a step has ended while something is frozen. */
  readonly #watchers = new Set<() => void>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  isFrozen({ shard, tenant }: Place): boolean {
    return this.#frozen.size > 0 && (this.#frozen.has(shard) || this.#frozen.has(tenant));
  }

  freeze(shards: Iterable<number>): void {
    for (const shard of shards) this.#frozen.add(shard);
  }

  thaw(shards: Iterable<number>): void {
    for (const shard of shards) this.#thaw(shard);
  }

  freezeTenant(tenant: string): void {
    this.#frozen.add(tenant);
  }

  thawTenant(tenant: string): void {
    this.#thaw(tenant);
  }

  #thaw(what: number | string): void {
    this.#frozen.delete(what);
    const parked = this.#parked.get(what) ?? [];
    this.#parked.delete(what);
    for (const call of parked) call();
  }

  /** Resolves when what keeps it is thawed. */
  thawed({ shard, tenant }: Place): Promise<void> {
    const what = this.#frozen.has(tenant) ? tenant : shard;
    return new Promise((resolve) => {
      const parked = this.#parked.get(what);
      if (parked) parked.push(resolve);
      else this.#parked.set(what, [resolve]);
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

  /** Resolves when no step of the frozen tenant is performed any more, or after `graceMs`. */
  tenantRested(tenant: string, graceMs: number): Promise<void> {
    const isPerforming = (): boolean => {
      for (const tree of this.#engine.runs.trees.values()) {
        if (tree.tenant === tenant && tree.working > 0) return true;
      }
      return false;
    };
    return this.#until(() => !isPerforming(), graceMs);
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
