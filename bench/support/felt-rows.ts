// Rows of what was felt beside loads, each against what was felt alone in the same rounds.

import { type Row, row } from "../question.ts";
import type { Felt } from "./felt.ts";

/** What the rows say. */
export interface FeltRowsOptions {
  /** Who felt it: "quiet tenants". */
  readonly who: string;
  /** How many times the p99 alone it may be, of the loads that have a goal. */
  readonly goal: "<= 2x" | "< 2x";
  /** So many loads have a goal, the first ones. Default: all. */
  readonly goals?: number;
}

/** @param rounds of each what was felt alone, then beside each load, always in the same order. */
export function feltRows(
  rounds: readonly (readonly Felt[])[],
  { who, goal, goals = Number.POSITIVE_INFINITY }: FeltRowsOptions,
): readonly Row[] {
  const column = (at: number): readonly Felt[] => rounds.flatMap((felt) => felt[at] ?? []);
  const p99s = (at: number): number[] => column(at).map((felt) => felt.p99Ms());
  const holds = (_: unknown, ratio: number): boolean => (goal === "< 2x" ? ratio < 2 : ratio <= 2);
  const [first = []] = rounds;
  return first.slice(1).map((felt, before) =>
    row(`p99 of ${who} ${felt.name}, against alone`, p99s(before + 1), {
      peer: p99s(0),
      note: column(before + 1)
        .map((one) => one.said())
        .join("; "),
      ...(before < goals && { goal, holds }),
    }),
  );
}
