// Numbers that all threads see: what one of them learns of a provider, the others know at once. A
// breaker or a limited key known to one thread only would cost a bad call on every other one.

/** Some whole numbers of the memory, by their place. All begin at 0. */
export class SharedCells {
  readonly #cells: BigInt64Array<SharedArrayBuffer>;

  /** @param first place of the first number in the memory, @param count of them. */
  constructor(memory: SharedArrayBuffer, first: number, count: number) {
    this.#cells = new BigInt64Array(memory, first * BigInt64Array.BYTES_PER_ELEMENT, count);
  }

  get(at: number): number {
    return Number(Atomics.load(this.#cells, at));
  }

  set(at: number, value: number): void {
    Atomics.store(this.#cells, at, BigInt(value));
  }

  /** The number before one was added. */
  increment(at: number): number {
    return Number(Atomics.add(this.#cells, at, 1n));
  }

  /** Whether it was `before` and is `value` now: of several threads one succeeds. */
  exchange(at: number, before: number, value: number): boolean {
    return (
      Atomics.compareExchange(this.#cells, at, BigInt(before), BigInt(value)) === BigInt(before)
    );
  }
}

/** Milliseconds of a clock that all threads of the process share and nobody sets. */
export function sharedNowMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
