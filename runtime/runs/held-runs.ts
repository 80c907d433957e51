// Runs that exist and wait for their release. One that was held since this kernel has its shard is in
// memory; of the others only the row is known, and a release reads it.

import type { Data } from "../actor.ts";
import type { Address } from "../address.ts";
import type { Participant } from "../kernel/commit-batch.ts";
import type { Engine } from "../kernel/engine.ts";
import { encode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";
import { encodeRun, type StoredRun } from "./run-row.ts";

/** The held runs of one kernel. */
export class HeldRuns {
  readonly #engine: Engine;
  readonly #begin: (owner: Participant, row: StoredRun) => void;
  readonly #rows = new Map<string, StoredRun>();

  /** `begin` starts a run from its row, as a part of what `owner` writes. */
  constructor(engine: Engine, begin: (owner: Participant, row: StoredRun) => void) {
    this.#engine = engine;
    this.#begin = begin;
  }

  has(id: string): boolean {
    return this.#rows.has(id);
  }

  /** Holds a run, as a part of a turn. */
  hold(owner: Participant, tenant: string, row: StoredRun): void {
    const { committer } = this.#engine;
    const { id } = row;
    committer.write(owner, { op: "put", key: keys.run(tenant, id), value: encodeRun(row) });
    this.#rows.set(id, row);
    // The turn, done again, holds another one.
    committer.join({ shard: owner.shard, onRefused: () => void this.#rows.delete(id) });
  }

  /** One of memory, which is held no longer. */
  take(id: string): StoredRun | undefined {
    const row = this.#rows.get(id);
    this.#rows.delete(id);
    return row;
  }

  /** Releases a run as a part of a turn; one that is held no longer goes on as it is. */
  release(owner: Participant, of: { tenant: string; id: string; input: Data }): void {
    const { committer, epochOf, metrics, runs } = this.#engine;
    const { shard } = owner;
    const { tenant, id, input } = of;
    const held = this.take(id);
    if (held) {
      this.start(owner, held, input);
      return;
    }
    // It has been released, or cancelled, and is under way.
    if (runs.trees.has(id)) return;
    // Held before this kernel had the shard: the mark makes the release durable, the row comes after.
    const mark = keys.openRun(shard, tenant, id);
    committer.write(owner, { op: "put", key: mark, value: encode({ input }) });
    let isRefused = false;
    const onRefused = (): void => {
      isRefused = true;
    };
    committer.join({ shard, onRefused });
    runs
      .row(tenant, id)
      .then((row) => {
        // A turn that was refused has released nothing; done again, it comes here again.
        if (isRefused || runs.trees.has(id) || epochOf(shard) === undefined) return;
        if (row?.status === "held") this.start({ shard }, row, input);
        else runs.unmark(shard, tenant, id);
      })
      .catch(() => metrics.count("releaseFailures"));
  }

  /** Starts a run that was held, with another input if given: its time begins now. */
  start(owner: Participant, held: StoredRun, input: Data): void {
    const given = input === undefined ? held.input : input;
    const nowMs = this.#engine.options.clock.now();
    const deadlineMs = nowMs + (held.deadlineMs - held.startedAt);
    this.#begin(owner, { ...held, status: "running", input: given, deadlineMs });
  }

  /** Forgets those of parents that have gone. */
  forget(isGone: (parent: Address) => boolean): void {
    for (const [id, row] of [...this.#rows]) if (isGone(row.parent)) this.#rows.delete(id);
  }
}
