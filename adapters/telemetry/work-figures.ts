// What is noted of work (actors/figures.ts), counted by all threads in one memory: of each name how often, and how
// its values are spread.

import { type Figures, type NotedKind, notedKinds, noteName } from "../../actors/figures.ts";
import type { HistogramData } from "../../runtime/shared/metrics.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const TIMES = [5, 25, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, MINUTE, 5 * MINUTE, HOUR];
const bounds: Readonly<Record<NotedKind, readonly number[]>> = {
  ...{ delivery: TIMES, script: [1, ...TIMES], engine: TIMES },
  occurrence: [...TIMES, 6 * HOUR, 24 * HOUR],
  budget: [100, 250, 500, 750, 800, 900, 950, 999],
};
const kinds = Object.keys(notedKinds) as readonly NotedKind[];

interface Place {
  readonly at: number;
  readonly bounds: readonly number[];
}

/** Where each name has its cells: a count for each bucket, one without a bound, and the sum. */
const places: ReadonlyMap<string, Place> = new Map(placed());
const CELLS = [...places.values()].reduce((sum, { bounds: { length } }) => sum + length + 2, 0);

function* placed(): Generator<[string, Place]> {
  let at = 0;
  for (const kind of kinds) {
    const { rows, columns } = notedKinds[kind];
    for (const row of rows) {
      for (const column of columns) {
        yield [noteName(kind, row, column), { at, bounds: bounds[kind] }];
        at += bounds[kind].length + 2;
      }
    }
  }
}

/** What was noted of one row. */
export interface NotedRow {
  readonly row: string;
  readonly columns: readonly (readonly [column: string, values: HistogramData])[];
}

/** The counters, on any thread. */
export interface WorkFigures extends Figures {
  /** Rows of which something was noted, with all of their columns. */
  rows(kind: NotedKind): readonly NotedRow[];
}

/** The memory that they are in: plain data to hand to other threads. */
export function workMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(CELLS * BigInt64Array.BYTES_PER_ELEMENT);
}

/** The counters of a memory. */
export function createWorkFigures(memory: SharedArrayBuffer): WorkFigures {
  const cells = new BigInt64Array(memory);
  const valuesOf = (name: string): HistogramData => {
    const { at, bounds } = places.get(name) as Place;
    const counts = Array.from({ length: bounds.length + 1 }, (_, bucket) =>
      Number(Atomics.load(cells, at + bucket)),
    );
    return { bounds, counts, sum: Number(Atomics.load(cells, at + counts.length)) };
  };
  return {
    note: (name, value) => {
      const place = places.get(name);
      if (place === undefined) return;
      const whole = Math.max(0, Math.round(value));
      const found = place.bounds.findIndex((bound) => whole <= bound);
      Atomics.add(cells, place.at + (found === -1 ? place.bounds.length : found), 1n);
      Atomics.add(cells, place.at + place.bounds.length + 1, BigInt(whole));
    },
    rows: (kind) =>
      notedKinds[kind].rows
        .map((row): NotedRow => {
          const { columns } = notedKinds[kind];
          return {
            row,
            columns: columns.map((column) => [column, valuesOf(noteName(kind, row, column))]),
          };
        })
        .filter(({ columns }) => columns.some(([, values]) => countOf(values) > 0)),
  };
}

/** How often. */
export const countOf = ({ counts }: HistogramData): number =>
  counts.reduce((sum, one) => sum + one, 0);
