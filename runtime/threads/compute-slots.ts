// Who has a thread of the compute pool. A task cannot be stopped and gone on with later, and one may
// take a minute: so a task for which other tenants have waited a while lends its slot to them and goes
// on in a spare thread. Its tenant has nothing else begun until it ends, or a tenant with many such
// tasks would soon have all threads.

import { FairSlots, type FairSlotsOptions } from "../shared/fair-slots.ts";

/** A task that has run for so long lends its slot, ms; and how often that is looked at. */
const SLOW_MS = 200;
const LOOK_MS = 50;
/** Spare threads, each of another tenant. */
export const LENT_MAX = 4;

interface Held {
  readonly tenant: string;
  readonly sinceMs: number;
}

/** What waits for a slow task of its own tenant. */
type Parked = Set<() => void>;

/** The slots. */
export class ComputeSlots {
  readonly #slots: FairSlots;
  readonly #held = new Set<Held>();
  /** Of each tenant with a task in a spare thread: what waits for its end. */
  readonly #lent = new Map<string, Parked>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: Omit<FairSlotsOptions, "name">) {
    this.#slots = new FairSlots({ name: "compute tasks", ...options });
  }

  /** Tasks that wait for a slot. */
  get waiting(): number {
    return this.#slots.waiting;
  }

  /** Resolves, in fair order, to what gives the slot back. @throws POOL_FULL, or the signal's reason. */
  async enter(tenant: string, key: string, signal: AbortSignal): Promise<() => void> {
    for (;;) {
      const entering = this.#slots.enter(tenant, key, signal);
      if (entering !== undefined) await entering;
      const parked = this.#lent.get(tenant);
      if (parked === undefined) return this.#hold(tenant);
      this.#slots.leave();
      await ended(parked, signal);
    }
  }

  #hold(tenant: string): () => void {
    const held = { tenant, sinceMs: performance.now() };
    this.#held.add(held);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
    return () => this.#end(held);
  }

  #look(): void {
    const slowMs = performance.now() - SLOW_MS;
    for (const held of this.#held) {
      const { tenant, sinceMs } = held;
      if (this.#lent.size >= LENT_MAX || !this.#slots.hasWaitingBeside(tenant)) continue;
      if (sinceMs > slowMs || this.#lent.has(tenant)) continue;
      this.#lent.set(tenant, new Set());
      this.#giveBack(held);
    }
  }

  #giveBack(held: Held): void {
    this.#held.delete(held);
    if (this.#held.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#slots.leave();
  }

  #end(held: Held): void {
    if (this.#held.has(held)) {
      this.#giveBack(held);
      return;
    }
    const parked = this.#lent.get(held.tenant);
    this.#lent.delete(held.tenant);
    for (const goOn of parked ?? []) goOn();
  }
}

function ended(parked: Parked, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const goOn = (): void => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    };
    const onAbort = (): void => {
      parked.delete(goOn);
      reject(signal.reason as Error);
    };
    parked.add(goOn);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
