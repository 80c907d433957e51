// The matrix that training moves: kept as the few cells that some text can push, it holds what the
// whole would hold at those places.

import { describe, expect, test } from "vitest";
import { addMeans, cellsOf, type Near, packed } from "../../../actors/routing/cells.ts";
import { meansOf, placesOf } from "../../../actors/routing/means.ts";
import { samplesOf } from "../../../actors/routing/samples.ts";

const OWNERS = 5;
const subjects = "boats cheese tunnels violins glaciers orchards lanterns".split(" ");
// Texts of one owner do not stand together, and the last owner has none.
const texts = [
  "how are NAME made",
  "why are NAME so dear",
  "who sells NAME",
  "NAME please",
].flatMap((shape) =>
  subjects.map((name, n) => ({ text: shape.replace("NAME", name), owner: n % (OWNERS - 1) })),
);
const samples = samplesOf(texts, 10_000);
const places = placesOf(samples);
const sizes = new Int32Array(OWNERS);
for (const { owner } of texts) sizes[owner] = (sizes[owner] ?? 0) + 1;

/** Its owner and the next two for each text; every third text has only one rival. */
const near: Near = {
  width: 3,
  owners: Uint16Array.from(texts.flatMap(({ owner }) => [owner, (owner + 1) % 4, (owner + 2) % 4])),
  counts: Uint8Array.from(texts, (_, n) => (n % 3 === 0 ? 2 : 3)),
};

/** Mean of the texts of each owner as a whole matrix, row by row. */
function plainMeans(): Float64Array {
  const all = new Float64Array(samples.rowCount * OWNERS);
  for (const [n, { owner }] of texts.entries()) {
    for (let at = samples.starts[n] ?? 0; at < (samples.starts[n + 1] ?? 0); at += 1) {
      const cell = (samples.rows[at] ?? 0) * OWNERS + owner;
      all[cell] = (all[cell] ?? 0) + (samples.values[at] ?? 0) / (sizes[owner] ?? 1);
    }
  }
  return all;
}

describe("the cells that a text can push", () => {
  const cells = cellsOf(samples, places, near, OWNERS);
  const ownersOf = (row: number): number[] => [
    ...cells.columns.subarray(cells.starts[row], cells.starts[row + 1]),
  ];

  test("are those of its own rows and of the owners near it, in their order", () => {
    for (const n of texts.keys()) {
      for (let at = samples.starts[n] ?? 0; at < (samples.starts[n + 1] ?? 0); at += 1) {
        const row = samples.rows[at] ?? 0;
        for (let place = 0; place < (near.counts[n] ?? 0); place += 1) {
          const cell = cells.ofTexts[at * near.width + place] ?? -1;
          expect(cell).toBeGreaterThanOrEqual(cells.starts[row] ?? 0);
          expect(cell).toBeLessThan(cells.starts[row + 1] ?? 0);
          expect(cells.columns[cell]).toBe(near.owners[n * near.width + place]);
        }
      }
    }
  });

  test("stand once each, and for nobody whom no text of the row is near", () => {
    for (let row = 0; row < samples.rowCount; row += 1) {
      const own = places.texts.subarray(places.from[row], places.from[row + 1]);
      const wanted = [...own].flatMap((n) => [
        ...near.owners.subarray(n * near.width, n * near.width + (near.counts[n] ?? 0)),
      ]);
      expect(ownersOf(row).sort()).toEqual([...new Set(wanted)].sort());
    }
  });

  test("get the mean of their owner's texts, and nothing where it has none in the row", () => {
    const means = meansOf(samples, places, sizes);
    const plain = plainMeans();
    addMeans(cells, means, (mean) => mean);
    const all = new Float64Array(plain.length);
    const { starts, columns, values } = packed(cells, samples.rowCount);
    for (let row = 0; row < samples.rowCount; row += 1) {
      for (let at = starts[row] ?? 0; at < (starts[row + 1] ?? 0); at += 1) {
        all[row * OWNERS + (columns[at] ?? 0)] = values[at] ?? 0;
      }
    }
    for (const [cell, mean] of plain.entries()) {
      // What is next to nothing is left out.
      expect(Math.abs((all[cell] ?? 0) - mean)).toBeLessThan(mean < 2.1e-3 ? 2.1e-3 : 1e-6);
    }
    expect(plain.filter((mean) => mean > 2.1e-3).length).toBeGreaterThan(50);
  });
});
