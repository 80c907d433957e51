// The shards one kernel owns: at which epoch, which are being taken up (what comes for
// them waits) and which are leaving (what they have begun still commits, nothing new is taken).

/** One owned shard. */
interface Owned {
  readonly epoch: number;
  /** Calls that wait until what is stored of it has been read; null afterwards. */
  waiting: (() => void)[] | null;
  isLeaving: boolean;
}

/** The shards of one kernel. */
export class Shards {
  readonly #owned = new Map<number, Owned>();
  #beingTaken = 0;
  #leaving = 0;

  /** Owns these from here on; what comes for them waits until `taken`. */
  take(epochs: ReadonlyMap<number, number>): void {
    for (const [shard, epoch] of epochs) {
      const before = this.#owned.get(shard);
      const waiting = before?.waiting;
      if (!waiting) this.#beingTaken += 1;
      if (before?.isLeaving) this.#leaving -= 1;
      this.#owned.set(shard, { epoch, waiting: waiting ?? [], isLeaving: false });
    }
  }

  /** What is stored of it has been read: what waited is called, in order. */
  taken(shard: number): void {
    const owned = this.#owned.get(shard);
    if (!owned?.waiting) return;
    const { waiting } = owned;
    owned.waiting = null;
    this.#beingTaken -= 1;
    for (const call of waiting) call();
  }

  /** Nothing new is taken for these any more. */
  leave(shards: Iterable<number>): void {
    for (const shard of shards) {
      const owned = this.#owned.get(shard);
      if (!owned || owned.isLeaving) continue;
      owned.isLeaving = true;
      this.#leaving += 1;
    }
  }

  isLeaving(shard: number): boolean {
    return this.#leaving > 0 && this.#owned.get(shard)?.isLeaving === true;
  }

  forget(isGone: (shard: number) => boolean): void {
    for (const [shard, owned] of [...this.#owned]) {
      if (!isGone(shard)) continue;
      this.#owned.delete(shard);
      if (owned.waiting) this.#beingTaken -= 1;
      if (owned.isLeaving) this.#leaving -= 1;
      // Called without the shard, each finds that it belongs elsewhere.
      for (const call of owned.waiting ?? []) call();
    }
  }

  /** Epoch to commit at; 0 when another kernel owns it. */
  epochOf(shard: number): number {
    return this.#owned.get(shard)?.epoch ?? 0;
  }

  /** Epoch of a shard whose messages are taken here, else undefined. */
  servedAt(shard: number): number | undefined {
    const owned = this.#owned.get(shard);
    return owned === undefined || owned.isLeaving ? undefined : owned.epoch;
  }

  /** Shards whose messages are taken here. */
  served(): number[] {
    return [...this.#owned.keys()].filter((shard) => !this.#owned.get(shard)?.isLeaving);
  }

  isBeingTaken(shard: number): boolean {
    if (this.#beingTaken === 0) return false;
    return Boolean(this.#owned.get(shard)?.waiting);
  }

  /** Calls now, or when the shard has been taken up. */
  whenTaken(shard: number, call: () => void): void {
    const waiting = this.#beingTaken === 0 ? null : this.#owned.get(shard)?.waiting;
    if (waiting) waiting.push(call);
    else call();
  }
}
