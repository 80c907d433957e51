// Messages and runs over which whole threads have died, as main has told this kernel. Deaths count
// as failures, so what kills whoever takes it ends as a dead letter or a failed run.

import type { Address } from "../address.ts";
import { RuntimeError } from "../errors.ts";
import type { Guilt } from "./kernel-port.ts";

/** What one kernel knows of deaths. Main remembers a bounded number of them. */
export class Blame {
  readonly #guilty = new Map<string, Guilt>();
  readonly #suspects = new Set<Address>();

  /** Said before the inboxes are read: such a message must not be handled once more first. */
  add(guilty: readonly Guilt[]): void {
    for (const guilt of guilty) {
      this.#guilty.set(guilt.unit, guilt);
      this.#suspects.add(guilt.address);
    }
  }

  /**
   * Whether a thread has died over this actor: its messages are on disk before they are handled, so
   * that the next owner finds the same row and not another one sent again.
   */
  isSuspect(address: Address): boolean {
    return this.#suspects.size > 0 && this.#suspects.has(address);
  }

  /** Threads that died over a message (key of its row) or a run (its address). */
  deathsOf(unit: string): number {
    return this.#guilty.size === 0 ? 0 : (this.#guilty.get(unit)?.deaths ?? 0);
  }

  /** The error of a message that has killed too many threads. */
  deadly(unit: string, deaths: number): RuntimeError {
    const text = `Each of the ${deaths} threads that handled it died.${this.#last(unit)}`;
    return new RuntimeError("WORKER_LOST", text, { deaths });
  }

  /** The error that ends a run over which `deathsMax` threads have died, else undefined. */
  ends(run: Address, deathsMax: number): RuntimeError | undefined {
    const deaths = this.deathsOf(run);
    if (deaths < deathsMax) return undefined;
    const text = `Each of the ${deaths} threads that performed this run died.${this.#last(run)}`;
    return new RuntimeError("DEAD_LETTER", text, { deaths });
  }

  #last(unit: string): string {
    const reason = this.#guilty.get(unit)?.reason;
    return reason === undefined ? "" : ` The last one: ${reason}.`;
  }
}
