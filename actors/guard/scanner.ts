// What looks for something in a text. A scanner says how it may be shown a text in pieces: those it is
// shown in place of the whole must give the same hits, however a model has cut what it streams.

/** A place in a text, [start, end) in UTF-16 units, and what is there. */
export interface Hit {
  readonly start: number;
  readonly end: number;
  /** Kind of what was found, in capitals: the name of its placeholder. */
  readonly type: string;
}

/** Finds places in texts, in time linear in the text. */
export interface Scanner {
  /** Hits that are this long at most are found in pieces as in the whole. */
  readonly windowChars: number;
  /** Characters decided at once where `cut` names no place. */
  readonly strideChars: number;
  /**
   * First place after `from` where the text may be cut: no hit goes over it, and none depends on what
   * follows. -1: none yet. It depends on the text from `from` to that place and one piece after it alone.
   */
  cut?(text: string, from: number): number;
  /** Hits that begin at `from` or later, ascending, none over another. What is before `from` is context. */
  scan(text: string, from: number): readonly Hit[];
}

/** In order, without those that lie over an earlier one; of those that begin together the first given counts. */
export function withoutOverlaps(hits: readonly Hit[]): readonly Hit[] {
  const sorted = [...hits].sort((a, b) => a.start - b.start);
  let end = -1;
  return sorted.filter((hit) => {
    if (hit.start < end) return false;
    end = hit.end;
    return true;
  });
}
