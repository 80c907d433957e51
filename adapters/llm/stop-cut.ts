// Text up to the first of some stop sequences, which it never holds: providers keep to that by themselves,
// except models that refuse the setting, servers that ignore it, and the built-in answerer.

/** Cuts one answer. */
export class StopCut {
  readonly #stops: readonly string[];
  #held = "";
  /** The sequence that has come: nothing is shown any more. */
  by: string | null = null;

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== "");
  }

  /** What of the text so far can be shown; the rest may be the beginning of a sequence. */
  push(piece: string): string {
    if (this.by !== null || this.#stops.length === 0) return this.by === null ? piece : "";
    this.#held += piece;
    const [first] = this.#stops
      .map((stop) => ({ stop, at: this.#held.indexOf(stop) }))
      .filter(({ at }) => at !== -1)
      .sort((a, b) => a.at - b.at);
    if (first !== undefined) {
      this.by = first.stop;
      return this.#take(first.at);
    }
    return this.#take(this.#held.length - this.#openChars());
  }

  /** What was held back, when nothing comes any more. */
  end(): string {
    return this.by !== null ? "" : this.#take(this.#held.length);
  }

  #take(chars: number): string {
    const shown = this.#held.slice(0, chars);
    this.#held = this.#held.slice(chars);
    return shown;
  }

  /** Characters at the end that may begin a sequence. */
  #openChars(): number {
    const longest = Math.max(...this.#stops.map((stop) => stop.length - 1));
    for (let chars = Math.min(longest, this.#held.length); chars > 0; chars -= 1) {
      const tail = this.#held.slice(-chars);
      if (this.#stops.some((stop) => stop.startsWith(tail))) return chars;
    }
    return 0;
  }
}
