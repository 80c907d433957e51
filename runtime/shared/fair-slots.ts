// A thing of which there are only so many: a provider's connections, compute threads, the one writer
// of tables. Who finds none free waits in fair order, and is refused when too many wait already.

import { RuntimeError } from "../errors.ts";
import { FairQueue, type Place } from "./fair-queue.ts";
import type { WeightOf } from "./tenant-weights.ts";

const RETRY_AFTER_MS = 1_000;

/** How many there are, and how many may wait for one. */
export interface FairSlotsOptions {
  /** What the slots are of, for the refusal: "calls to openai". */
  readonly name: string;
  readonly slots: number;
  /** Who may wait at once; one tenant may have half of these places, or the only one. */
  readonly waitingMax: number;
  /** Default: every tenant has one share. */
  readonly weightOf?: WeightOf | undefined;
}

/** Slots taken and given back. */
export class FairSlots {
  readonly #options: FairSlotsOptions;
  readonly #waiting: FairQueue<() => void>;
  #taken = 0;

  constructor(options: FairSlotsOptions) {
    this.#options = options;
    const { waitingMax: max, weightOf } = options;
    this.#waiting = new FairQueue({ max, tenantMax: Math.ceil(max / 2), weightOf });
  }

  /** Slots in use. */
  get taken(): number {
    return this.#taken;
  }

  /** Those who wait for one. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether somebody waits who is not of this tenant. */
  hasWaitingBeside(tenant: string): boolean {
    return this.#waiting.size > this.#waiting.sizeOf(tenant);
  }

  /**
   * Takes a slot: at once (undefined), or when it is this caller's turn. Whoever has one gives it
   * back with `leave`. @throws POOL_FULL, or the signal's reason.
   */
  enter(tenant: string, key: string, signal?: AbortSignal): Promise<void> | undefined {
    if (this.#taken < this.#options.slots) {
      this.#taken += 1;
      return undefined;
    }
    return new Promise((resolve, reject) => {
      let place: Place<() => void> | null = null;
      const onAbort = (): void => {
        if (place !== null && this.#waiting.remove(place)) reject(signal?.reason as Error);
      };
      place = this.#waiting.push(tenant, key, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      if (place === null) reject(this.#full());
      else if (signal?.aborted) onAbort();
      else signal?.addEventListener("abort", onAbort);
    });
  }

  /** Gives a slot back: to whose turn it is. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken -= 1;
    else next();
  }

  #full(): RuntimeError {
    const { name, waitingMax } = this.#options;
    const text = `Of ${name}, ${this.#waiting.size} are waiting; the limit is ${waitingMax}, half of it for one tenant.`;
    return new RuntimeError("POOL_FULL", text, { retryAfterMs: RETRY_AFTER_MS });
  }
}
