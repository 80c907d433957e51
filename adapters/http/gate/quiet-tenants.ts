// Tenants that have one thing under way, and how long the others hold back for it. What is under way
// already cannot be overtaken: at each of its steps a chat shares the cores with all of it. But if
// the others begin nothing more until it is answered, it soon has the cores to itself.

/**
 * So long at most others hold back for one, ms: what takes longer waits for somebody else, such as its
 * model. Where the threads have room it is answered sooner, and to hold back longer helps nobody.
 */
export const HELD_MS_MAX = { loaded: 100, unloaded: 25 } as const;
/** Share of the time that others may be held back, and how much of it can be saved up, ms. */
export const HELD_SHARE = 0.75;
export const HELD_SAVED_MS_MAX = 500;

/** Counts them and the time that is left to hold others back. Times are of one clock, ms. */
export class QuietTenants {
  /** Since when each of them has something under way, the oldest first. */
  readonly #begun = new Map<string, number>();
  #leftMs = HELD_SAVED_MS_MAX;
  /** How loaded the threads are is not known before the first look. */
  #heldMsMax = 0;
  #countedMs = Number.NEGATIVE_INFINITY;

  /** Whether the threads are loaded from now on; until this is said nobody holds back. */
  look(isLoaded: boolean): void {
    this.#heldMsMax = isLoaded ? HELD_MS_MAX.loaded : HELD_MS_MAX.unloaded;
  }

  has(tenant: string): boolean {
    return this.#begun.has(tenant);
  }

  begin(tenant: string, nowMs: number): void {
    this.#count(nowMs);
    this.#begun.set(tenant, nowMs);
  }

  end(tenant: string, nowMs: number): void {
    if (!this.#begun.has(tenant)) return;
    this.#count(nowMs);
    this.#begun.delete(tenant);
  }

  /** Whether others are to begin nothing now. */
  holdOthers(nowMs: number): boolean {
    if (this.#begun.size === 0) return false;
    this.#count(nowMs);
    return this.#begun.size > 0 && this.#leftMs > 0;
  }

  /** Takes the time since the last call into account. */
  #count(nowMs: number): void {
    const sinceMs = Math.min(nowMs - this.#countedMs, HELD_SAVED_MS_MAX / HELD_SHARE);
    this.#countedMs = nowMs;
    const gainedMs = sinceMs * HELD_SHARE;
    const heldMs = this.#begun.size > 0 && this.#leftMs > 0 ? sinceMs : 0;
    this.#leftMs = Math.min(HELD_SAVED_MS_MAX, this.#leftMs + gainedMs - heldMs);
    for (const [tenant, begunMs] of this.#begun) {
      if (nowMs - begunMs < this.#heldMsMax) break;
      this.#begun.delete(tenant);
    }
  }
}
