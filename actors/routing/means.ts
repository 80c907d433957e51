// The texts of training by their features instead of the other way round, and the mean of each
// sub-agent's texts.

import type { Samples } from "./samples.ts";

/** Which texts have a row, and how much of it: row r is the places from[r] to from[r + 1]. */
export interface Places {
  readonly from: Int32Array;
  readonly texts: Int32Array;
  /** Where it stands among the places of the samples. */
  readonly at: Int32Array;
}

/** Sorts the places of all texts by row. */
export function placesOf({ rowCount, rows, starts }: Samples): Places {
  const count = starts.at(-1) ?? 0;
  const from = new Int32Array(rowCount + 1);
  for (let at = 0; at < count; at += 1) {
    const row = (rows[at] ?? 0) + 1;
    from[row] = (from[row] ?? 0) + 1;
  }
  for (let row = 0; row < rowCount; row += 1) {
    from[row + 1] = (from[row + 1] ?? 0) + (from[row] ?? 0);
  }
  const next = from.slice(0, rowCount);
  const texts = new Int32Array(count);
  const places = new Int32Array(count);
  for (let n = 0; n + 1 < starts.length; n += 1) {
    const end = starts[n + 1] ?? 0;
    for (let at = starts[n] ?? 0; at < end; at += 1) {
      const row = rows[at] ?? 0;
      const place = next[row] ?? 0;
      next[row] = place + 1;
      texts[place] = n;
      places[place] = at;
    }
  }
  return { from, texts, at: places };
}

/** The mean of each sub-agent's texts, by row: row r is the places from[r] to from[r + 1]. */
export interface Means {
  readonly from: Int32Array;
  readonly owners: Uint16Array;
  readonly values: Float32Array;
}

/** The means; texts of one sub-agent need not stand together. */
export function meansOf(samples: Samples, places: Places, sizes: Int32Array): Means {
  const { rowCount } = samples;
  const from = new Int32Array(rowCount + 1);
  const owners = new Uint16Array(places.texts.length);
  const values = new Float32Array(places.texts.length);
  // Where the mean of an owner stands; in the present row if it is not before its first.
  const placeAt = new Int32Array(sizes.length).fill(-1);
  for (let row = 0; row < rowCount; row += 1) {
    const first = from[row] ?? 0;
    from[row + 1] = first + addRow({ samples, places, sizes, owners, values, placeAt }, row, first);
  }
  const count = from[rowCount] ?? 0;
  return { from, owners: owners.slice(0, count), values: values.slice(0, count) };
}

interface Adding {
  readonly samples: Samples;
  readonly places: Places;
  readonly sizes: Int32Array;
  readonly owners: Uint16Array;
  readonly values: Float32Array;
  readonly placeAt: Int32Array;
}

/** Adds the means of a row, from its first on; how many. */
function addRow(adding: Adding, row: number, first: number): number {
  const { samples, places, sizes, owners, values, placeAt } = adding;
  const end = places.from[row + 1] ?? 0;
  let count = first;
  for (let at = places.from[row] ?? 0; at < end; at += 1) {
    const owner = samples.owners[places.texts[at] ?? 0] ?? 0;
    let place = placeAt[owner] ?? 0;
    if (place < first) {
      place = count;
      placeAt[owner] = count;
      owners[count] = owner;
      count += 1;
    }
    const value = samples.values[places.at[at] ?? 0] ?? 0;
    values[place] = (values[place] ?? 0) + value / (sizes[owner] || 1);
  }
  return count - first;
}
