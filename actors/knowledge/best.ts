// The best of many chunks by score, those of equal score by slot: a heap over arrays of numbers, whose
// root is the first to go, so that a chunk which is not among them costs one comparison.

/** A chunk among the best. */
export interface BestHit {
  readonly score: number;
  readonly slot: number;
  readonly part: number;
  readonly ordinal: number;
}

/** At most `limit`, the best of what was taken. */
export class Best {
  /** What has less is not among the best. */
  least = 0;
  readonly #limit: number;
  readonly #scores: Float64Array;
  readonly #slots: Float64Array;
  readonly #parts: Uint32Array;
  readonly #ordinals: Uint32Array;
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#scores = new Float64Array(limit);
    this.#slots = new Float64Array(limit);
    this.#parts = new Uint32Array(limit);
    this.#ordinals = new Uint32Array(limit);
    if (limit === 0) this.least = Number.POSITIVE_INFINITY;
  }

  take(score: number, slot: number, part: number, ordinal: number): void {
    const isFull = this.#size === this.#limit;
    if (isFull && !this.#isBetter(score, slot, 0)) return;
    const at = isFull ? this.#sink(score, slot) : this.#rise(score, slot);
    this.#put(at, score, slot, part, ordinal);
    if (this.#size === this.#limit) this.least = this.#scores[0] ?? 0;
  }

  /** Best first. */
  sorted(): BestHit[] {
    return Array.from({ length: this.#size }, (_, at) => ({
      score: this.#scores[at] ?? 0,
      slot: this.#slots[at] ?? 0,
      part: this.#parts[at] ?? 0,
      ordinal: this.#ordinals[at] ?? 0,
    })).sort((a, b) => b.score - a.score || a.slot - b.slot);
  }

  #isBetter(score: number, slot: number, at: number): boolean {
    const other = this.#scores[at] ?? 0;
    return score > other || (score === other && slot < (this.#slots[at] ?? 0));
  }

  /** The place of a new one: a worse one above goes below. */
  #rise(score: number, slot: number): number {
    let at = this.#size;
    this.#size += 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.#isBetter(score, slot, above)) break;
      this.#move(above, at);
      at = above;
    }
    return at;
  }

  /** The place of one that takes the root's: worse ones below go above. */
  #sink(score: number, slot: number): number {
    let at = 0;
    for (;;) {
      let below = at * 2 + 1;
      if (below >= this.#size) return at;
      const other = below + 1;
      if (
        other < this.#size &&
        this.#isBetter(this.#scores[below] ?? 0, this.#slots[below] ?? 0, other)
      ) {
        below = other;
      }
      if (!this.#isBetter(score, slot, below)) return at;
      this.#move(below, at);
      at = below;
    }
  }

  #move(from: number, to: number): void {
    this.#put(
      to,
      this.#scores[from] ?? 0,
      this.#slots[from] ?? 0,
      this.#parts[from] ?? 0,
      this.#ordinals[from] ?? 0,
    );
  }

  #put(at: number, score: number, slot: number, part: number, ordinal: number): void {
    this.#scores[at] = score;
    this.#slots[at] = slot;
    this.#parts[at] = part;
    this.#ordinals[at] = ordinal;
  }
}
