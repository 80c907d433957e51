// What main remembers of threads that died over a message or a run: by message, not by actor, so
// that the others of that actor go on. Whoever owns the shard next is told.

import { performance } from "node:perf_hooks";
import { type Address, shardOfAddress } from "../address.ts";
import type { Guilt } from "../kernel/kernel-port.ts";
import { addressOfKey } from "../store/keys.ts";
import type { Handled } from "./slot.ts";

/** Messages and runs remembered, and for how long after the last death. */
const GUILTY_MAX = 1_000;
const GUILTY_MS = 600_000;

/** Deaths by what was being handled. */
export class GuiltBook {
  readonly #known = new Map<string, Guilt & { readonly atMs: number }>();
  #watchedUntilMs = 0;

  /** Counts a death by a thread's own fault. Handled it nothing, somebody is named should it happen again. */
  note(handled: Handled | null, reason: string): void {
    if (handled === null) {
      this.#watchedUntilMs = performance.now() + GUILTY_MS;
      return;
    }
    const nowMs = performance.now();
    for (const [unit, { atMs }] of this.#known) {
      if (atMs > nowMs - GUILTY_MS && this.#known.size < GUILTY_MAX) break;
      this.#known.delete(unit);
    }
    // A request is counted at the door, which sends it again; its actor is looked at all the same.
    const unit = handled.door === 0 ? handled.unit : `#${handled.door}`;
    const deaths = (this.#known.get(unit)?.deaths ?? 0) + 1;
    this.#known.delete(unit);
    this.#known.set(unit, { address: actorOf(handled), unit, deaths, reason, atMs: nowMs });
  }

  /** How long threads are still to watch for who is to blame (late-faults.ts); 0: not at all. */
  get watchedMs(): number {
    return Math.max(0, this.#watchedUntilMs - performance.now());
  }

  /** What the next owner of these shards must know. */
  of(shards: ReadonlySet<number>): readonly Guilt[] {
    const found: Guilt[] = [];
    for (const { address, unit, deaths, reason } of this.#known.values()) {
      if (shards.has(shardOfAddress(address))) found.push({ address, unit, deaths, reason });
    }
    return found;
  }
}

/** The actor or run that was handling it. */
export function actorOf({ unit }: Handled): Address {
  return unit.startsWith("i/") || unit.startsWith("d/") ? addressOfKey(unit) : unit;
}
