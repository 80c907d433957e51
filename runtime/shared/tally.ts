// Numbers by name that rise and fall all the time: what waits, by tenant. One look-up a change, and a
// number that has come back to 0 keeps its place: a Map whose last entry goes is made anew.

/** Places at 0 that are kept. */
const KEPT_MAX = 1_024;

interface Place {
  value: number;
}

/** Numbers by name, none below 0. */
export class Tally {
  readonly #places = new Map<string, Place>();

  get(name: string): number {
    return this.#places.get(name)?.value ?? 0;
  }

  add(name: string, by: number): void {
    const place = this.#places.get(name);
    if (place === undefined) {
      if (by > 0) this.#places.set(name, { value: by });
      return;
    }
    place.value = Math.max(0, place.value + by);
    if (place.value === 0 && this.#places.size > KEPT_MAX) this.#places.delete(name);
  }

  clear(): void {
    this.#places.clear();
  }
}
