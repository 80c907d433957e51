// Counts of many senders in little memory: those that have been quiet longest go first.

/** Senders an account counts; one more forgets the one that was looked at longest ago. */
export const COUNTED_MAX = 10_000;

/** A map that holds so many. */
export class BoundedCounts<T> {
  readonly #counts = new Map<string, T>();
  readonly #max: number;

  constructor(max = COUNTED_MAX) {
    this.#max = max;
  }

  get size(): number {
    return this.#counts.size;
  }

  /** The count of a key, made when there is none; it is the newest from now on. */
  of(key: string, make: () => T): T {
    const known = this.#counts.get(key);
    const count = known ?? make();
    if (known !== undefined) this.#counts.delete(key);
    this.#counts.set(key, count);
    if (this.#counts.size > this.#max) {
      for (const oldest of this.#counts.keys()) {
        this.#counts.delete(oldest);
        break;
      }
    }
    return count;
  }
}
