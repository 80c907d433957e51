// How a call goes out before the disk has its reservation. For each budget that has plenty left a mark is
// stored ahead: calls may be reserved up to it unflushed, because the mark itself is flushed. What went out
// ahead is counted (`ahead`); when the power has failed since, what lies between that count and the mark may
// have been spent and forgotten, and counts as spent. So a limit holds whatever is cut, a loss costs one
// slice at most, and near the limit, where a slice holds no call any more, each call waits for its flush.

import type { BudgetLine } from "./lines.ts";

/** Part of what is left of a budget that its mark may lie ahead. */
const SLICE = 0.02;
/** Budgets and periods whose marks a worker remembers, the newest. */
const MARKS_MAX = 10_000;

/** What lies ahead of the disk in a budget's period. Millionths. */
export interface Ahead {
  /** Reserved without waiting for the disk, ever. */
  readonly ahead: number;
  /** How far that may go. */
  readonly mark: number;
  /** Start of the machine in which the mark was set; undefined: it was never. */
  readonly boot: string | undefined;
}

/** What the worker of a run knows to be flushed. */
export interface Known {
  /** Start of the machine that runs now: what was committed in it is there, unless the power fails. */
  readonly boot: string;
  /** Marks by the line's `of`. */
  readonly marks: Readonly<Record<string, number>>;
}

/** The marks that one worker knows to be on disk: its port `marks`. */
export class Marks {
  readonly #boot: string | null;
  readonly #flushed = new Map<string, number>();

  /**
   * @param boot changes whenever something that was committed may be lost. Null: nobody knows, and nothing
   *   goes ahead.
   */
  constructor(boot: string | null) {
    this.#boot = boot;
  }

  /** What is known of some budgets of a tenant. */
  of(tenant: string, lines: readonly Pick<BudgetLine, "of">[]): Known | null {
    if (this.#boot === null) return null;
    const marks: Record<string, number> = {};
    for (const { of } of lines) {
      const mark = this.#flushed.get(`${tenant}/${of}`);
      if (mark !== undefined) marks[of] = mark;
    }
    return { boot: this.#boot, marks };
  }

  /** These are on disk now. */
  learn(tenant: string, marks: Known["marks"]): void {
    for (const [of, mark] of Object.entries(marks)) {
      const name = `${tenant}/${of}`;
      const known = this.#flushed.get(name) ?? 0;
      this.#flushed.delete(name);
      this.#flushed.set(name, Math.max(known, mark));
    }
    for (const name of this.#flushed.keys()) {
      if (this.#flushed.size <= MARKS_MAX) return;
      this.#flushed.delete(name);
    }
  }
}

/** What a cut of the power may have taken with it since the mark was set. */
export function lostOf({ ahead, mark, boot }: Ahead, known: Known | null): number {
  return known === null || boot === undefined || boot === known.boot ? 0 : mark - ahead;
}

/** Whether a call of so much may go out at once. */
export function mayGoAhead(
  of: string,
  { ahead }: Ahead,
  known: Known | null,
  micros: number,
): boolean {
  const mark = known?.marks[of];
  return mark !== undefined && ahead + micros <= mark;
}

/** How much further the mark goes, with so much left when the call is reserved. */
export function stepOfMark({ ahead, mark }: Ahead, leftMicros: number, micros: number): number {
  const slice = Math.floor(leftMicros * SLICE);
  // A slice that does not hold a call is of no use, and only what may be lost.
  return slice < micros || mark - ahead >= slice / 2 ? 0 : ahead + slice - mark;
}
