// The matrix that training moves, as only those cells of it that some text can push: who is near a
// text is known before the first step. A tenth of the whole, so that it stays in a processor's cache.

import type { Means, Places } from "./means.ts";
import type { Samples } from "./samples.ts";

/** Rows of weights side by side: row r is the places starts[r] to starts[r + 1] of the others. */
export interface PackedRows {
  readonly starts: Int32Array;
  readonly columns: Uint16Array;
  readonly values: Float32Array;
}

/** Weights below it are left out of the result. */
const VALUE_MIN = 2e-3;

/** For each text its owner and the sub-agents nearest to it: `width` places a text, counts[n] of them used. */
export interface Near {
  readonly width: number;
  readonly owners: Uint16Array;
  readonly counts: Uint8Array;
}

/** The cells of the matrix that a text can push: row r is the places starts[r] to starts[r + 1]. */
export interface Cells {
  readonly owners: number;
  readonly starts: Int32Array;
  readonly columns: Uint16Array;
  /** At first the means. */
  readonly values: Float32Array;
  /** The cells of place p of the samples, one a sub-agent near its text: from p * width on. */
  readonly ofTexts: Int32Array;
}

export function cellsOf({ rowCount }: Samples, places: Places, near: Near, owners: number): Cells {
  const starts = new Int32Array(rowCount + 1);
  const ofTexts = new Int32Array(places.at.length * near.width);
  const cellAt = new Int32Array(owners).fill(-1);
  let columns: Uint16Array = new Uint16Array(places.at.length * 2);
  for (let row = 0; row < rowCount; row += 1) {
    const first = starts[row] ?? 0;
    if (first + owners > columns.length) columns = grown(columns, first * 2 + owners);
    starts[row + 1] = first + addRow({ places, near, ofTexts, cellAt, columns }, row, first);
  }
  const values = new Float32Array(starts[rowCount] ?? 0);
  return { owners, starts, columns, values, ofTexts };
}

interface Adding {
  readonly places: Places;
  readonly near: Near;
  readonly ofTexts: Int32Array;
  /** Where the cell of an owner stands; in the present row if it is not before its first. */
  readonly cellAt: Int32Array;
  readonly columns: Uint16Array;
}

/** Adds the cells of a row, from its first on; how many. */
function addRow(adding: Adding, row: number, first: number): number {
  const { places, near, ofTexts, cellAt, columns } = adding;
  const { width } = near;
  const end = places.from[row + 1] ?? 0;
  let count = first;
  for (let at = places.from[row] ?? 0; at < end; at += 1) {
    const n = places.texts[at] ?? 0;
    let target = (places.at[at] ?? 0) * width;
    const last = n * width + (near.counts[n] ?? 0);
    for (let place = n * width; place < last; place += 1) {
      const owner = near.owners[place] ?? 0;
      let cell = cellAt[owner] ?? 0;
      if (cell < first) {
        cell = count;
        cellAt[owner] = count;
        columns[count] = owner;
        count += 1;
      }
      ofTexts[target] = cell;
      target += 1;
    }
  }
  return count - first;
}

function grown(from: Uint16Array, size: number): Uint16Array {
  const to = new Uint16Array(size);
  to.set(from);
  return to;
}

/** Adds to the cells of each row what comes of the means in it. */
export function addMeans(
  cells: Cells,
  means: Means,
  added: (mean: number, row: number) => number,
): void {
  const sums = new Float64Array(cells.owners);
  for (let row = 0; row + 1 < cells.starts.length; row += 1) {
    addMeansOf(row, { cells, means, sums }, added);
  }
}

function addMeansOf(
  row: number,
  { cells, means, sums }: { cells: Cells; means: Means; sums: Float64Array },
  added: (mean: number, row: number) => number,
): void {
  const { starts, columns, values } = cells;
  const begin = means.from[row] ?? 0;
  const end = means.from[row + 1] ?? 0;
  for (let place = begin; place < end; place += 1) {
    sums[means.owners[place] ?? 0] = added(means.values[place] ?? 0, row);
  }
  const last = starts[row + 1] ?? 0;
  for (let cell = starts[row] ?? 0; cell < last; cell += 1) {
    const owner = columns[cell] ?? 0;
    values[cell] = (values[cell] ?? 0) + (sums[owner] ?? 0);
  }
  for (let place = begin; place < end; place += 1) sums[means.owners[place] ?? 0] = 0;
}

/** The cells without those that are next to nothing. */
export function packed(
  { starts: from, columns: owners, values: cells }: Cells,
  rowCount: number,
): PackedRows {
  const starts = new Int32Array(rowCount + 1);
  const columns = new Uint16Array(cells.length);
  const values = new Float32Array(cells.length);
  let kept = 0;
  for (let row = 0; row < rowCount; row += 1) {
    const last = from[row + 1] ?? 0;
    for (let cell = from[row] ?? 0; cell < last; cell += 1) {
      const value = cells[cell] ?? 0;
      if (Math.abs(value) <= VALUE_MIN) continue;
      columns[kept] = owners[cell] ?? 0;
      values[kept] = value;
      kept += 1;
    }
    starts[row + 1] = kept;
  }
  return { starts, columns: columns.slice(0, kept), values: values.slice(0, kept) };
}
