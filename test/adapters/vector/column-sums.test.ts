// Sums of columns, against the same in numbers of 64 bits.

import { expect, test } from "vitest";
import { ColumnSums, columnSumsLimits, ROWS_STEP } from "../../../adapters/vector/column-sums.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";

const { rows: MOST, columns: AT_ONCE, weight } = columnSumsLimits;

test.each([ROWS_STEP, 3 * ROWS_STEP, MOST])(
  "columns of %i rows have the sums that arithmetic says, whatever lies behind them",
  (rows) => {
    const sums = new ColumnSums();
    const random = seeded(rows);
    const numbers = new Int8Array(sums.columns.buffer, sums.columns.byteOffset, MOST * AT_ONCE);
    const exact = new Float64Array(rows);
    const found = sums.clear(rows);
    for (let times = 0; times < 3; times += 1) {
      for (let at = 0; at < numbers.length; at += 1) numbers[at] = Math.floor(random() * 255) - 127;
      for (let at = 0; at < AT_ONCE; at += 1) {
        const largest = random() < 0.5 ? -weight : weight;
        sums.weights[at] = Math.round(largest * random());
        for (let row = 0; row < rows; row += 1) {
          exact[row] =
            (exact[row] ?? 0) + (numbers[at * MOST + row] ?? 0) * (sums.weights[at] ?? 0);
        }
      }
      sums.add(rows);
    }

    // Not as arrays: to tell how so many differ takes minutes.
    expect(exact.findIndex((sum, row) => sum !== found[row])).toBe(-1);
    expect(
      sums
        .clear(rows)
        .subarray(0, rows)
        .every((sum) => sum === 0),
    ).toBe(true);
  },
);

test("the largest numbers and weights there may be are summed without loss", () => {
  const sums = new ColumnSums();
  sums.columns.fill(127);
  sums.weights.fill(weight);
  const found = sums.clear(ROWS_STEP);
  for (let at = 0; at < columnSumsLimits.allColumns; at += AT_ONCE) sums.add(ROWS_STEP);
  expect(found[0]).toBe(columnSumsLimits.allColumns * 127 * weight);
});
