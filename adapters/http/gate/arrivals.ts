// Who sends much. What is done in a moment is never seen under way, however often it comes: a hundred
// short lists a second show only in how many have come.

/** How long is counted before it begins anew, ms. */
export const ARRIVALS_MS = 500;
/** So many in that time, or in the one before it, are many. */
export const ARRIVALS_MANY = 16;

/** Counts what comes of each tenant. Times are of one clock, ms. */
export class Arrivals {
  readonly #counts = new Map<string, number>();
  #many = new Set<string>();
  #manyBefore = new Set<string>();
  #sinceMs = Number.NEGATIVE_INFINITY;

  add(tenant: string): void {
    const count = (this.#counts.get(tenant) ?? 0) + 1;
    this.#counts.set(tenant, count);
    if (count === ARRIVALS_MANY) this.#many.add(tenant);
  }

  /** Whether this tenant has sent many. */
  isMany(tenant: string): boolean {
    return this.#many.has(tenant) || this.#manyBefore.has(tenant);
  }

  /** Whether somebody has. */
  hasMany(): boolean {
    return this.#many.size > 0 || this.#manyBefore.size > 0;
  }

  /** Looks at the clock. */
  look(nowMs: number): void {
    if (nowMs - this.#sinceMs < ARRIVALS_MS) return;
    this.#sinceMs = nowMs;
    this.#counts.clear();
    [this.#many, this.#manyBefore] = [this.#manyBefore, this.#many];
    this.#many.clear();
  }
}
