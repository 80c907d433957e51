// What a question of the bench is: it measures our server and its peers in one run and answers with
// rows that each hold a figure against a goal.

import type { Provider } from "./support/fake.ts";

/** One line of the table, and of the JSON file. */
export interface Row {
  readonly question: string;
  /** Our figure, in the unit that the question names; null when it could not be measured. */
  readonly figure: number | null;
  /** Our figure over the peer's or limit's of the same run; null without one. */
  readonly ratio: number | null;
  /** The goal in words; empty for a figure that is only printed. */
  readonly goal: string;
  /** Whether the goal holds; null without a goal or a figure. */
  readonly holds: boolean | null;
  /** Least and greatest of the rounds. */
  readonly spread?: string;
  /** What else there is to know: the peer's figure, what the time is made of. */
  readonly note?: string;
}

/** What a question is given. */
export interface Bench {
  /** Fewer rounds and smaller loads: tells the order of magnitude only. */
  readonly isQuick: boolean;
  /** Rounds, interleaved with the peers. */
  readonly rounds: number;
  /** Folder of evaluation data, or null. */
  readonly data: string | null;
  readonly provider: Provider;
  /** Shows what is being done. */
  say(text: string): void;
}

/** A question. */
export interface Question {
  readonly name: string;
  run(bench: Bench): Promise<readonly Row[]>;
}

/** The middle of some numbers; NaN of none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[half] ?? Number.NaN;
  return ((sorted[half - 1] ?? Number.NaN) + (sorted[half] ?? Number.NaN)) / 2;
}

/** A quantile of sorted numbers; NaN of none. */
export function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Three significant digits, or null for what is no number. */
export function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(3)) : null;
}

/** A row from the values of all rounds. */
export function row(
  question: string,
  values: readonly number[],
  against: {
    /** The same rounds of a peer or limit. */
    readonly peer?: readonly number[];
    readonly goal?: string;
    readonly holds?: (figure: number, ratio: number) => boolean;
    readonly note?: string;
  } = {},
): Row {
  const { peer, goal = "", holds, note } = against;
  const figure = median(values);
  const ratios = (peer ?? []).map((value, at) => (values[at] ?? Number.NaN) / value);
  const ratio = median(ratios);
  const shown = peer === undefined ? values : ratios;
  const least = rounded(Math.min(...shown));
  const most = rounded(Math.max(...shown));
  const isMeasured = Number.isFinite(figure) && (peer === undefined || Number.isFinite(ratio));
  return {
    question,
    figure: rounded(figure),
    ratio: peer === undefined ? null : rounded(ratio),
    goal,
    holds: goal === "" || holds === undefined || !isMeasured ? null : holds(figure, ratio),
    ...(shown.length > 1 ? { spread: `${least} to ${most}` } : {}),
    ...(note === undefined ? {} : { note }),
  };
}
