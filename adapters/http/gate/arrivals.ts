// Who sends much. What is done in a moment is never seen under way, however often it comes: a thousand
// short lists a second show only in how many have come.

/** So many from one look to the next, or the one after it, are many. */
export const ARRIVALS_MANY = 8;

/** Counts what comes of each tenant between two looks. */
export class Arrivals {
  readonly #counts = new Map<string, number>();
  #many = new Set<string>();
  #manyBefore = new Set<string>();

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

  /** The next time between two looks begins. */
  look(): void {
    this.#counts.clear();
    [this.#many, this.#manyBefore] = [this.#manyBefore, this.#many];
    this.#many.clear();
  }
}
