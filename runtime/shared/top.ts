// The greatest few of many, without sorting all of them: a heap whose smallest is thrown out first.

/** Keeps the `limit` greatest of what is added. */
export class Top<T> {
  readonly #limit: number;
  readonly #compare: (a: T, b: T) => number;
  /** A binary heap, the smallest first. */
  readonly #heap: T[] = [];
  /** Added and not kept. */
  leftOut = 0;

  constructor(limit: number, compare: (a: T, b: T) => number) {
    this.#limit = limit;
    this.#compare = compare;
  }

  add(one: T): void {
    const heap = this.#heap;
    if (heap.length < this.#limit) {
      heap.push(one);
      this.#up(heap.length - 1);
      return;
    }
    this.leftOut += 1;
    const [least] = heap;
    if (least === undefined || this.#compare(one, least) <= 0) return;
    heap[0] = one;
    this.#down();
  }

  /** What was kept, the greatest first. */
  sorted(): T[] {
    return [...this.#heap].sort((a, b) => this.#compare(b, a));
  }

  #up(from: number): void {
    for (let at = from; at > 0; ) {
      const above = (at - 1) >> 1;
      if (!this.#isLess(at, above)) return;
      this.#swap(at, above);
      at = above;
    }
  }

  #down(): void {
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let least = at;
      if (this.#isLess(left, least)) least = left;
      if (this.#isLess(right, least)) least = right;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #isLess(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    return one !== undefined && other !== undefined && this.#compare(one, other) < 0;
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (one === undefined || other === undefined) return;
    this.#heap[a] = other;
    this.#heap[b] = one;
  }
}
