// Products of 16-bit floats, against the same in numbers of 64 bits.

import { expect, test } from "vitest";
import { HalfDots, HalfQuestion, halfDotsLimits } from "../../../adapters/vector/half-dots.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";

function numberOf(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1_023) / 1_024;
  return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
}

test.each([1, 7, 8, 9, 100, 384, 512, halfDotsLimits.dimension])(
  "vectors of %i numbers have the products that arithmetic says, whatever lies behind them",
  (dimension) => {
    const dots = new HalfDots();
    const random = seeded(dimension);
    const count = Math.min(40, Math.floor(halfDotsLimits.rowsBytes / 2 / dimension));
    const halves = new Uint16Array(dots.rows.buffer, dots.rows.byteOffset, dots.rows.length / 2);
    // Patterns of all finite numbers up to 2, the smallest among them; behind them of none.
    for (let at = 0; at < halves.length; at += 1) {
      const isOfSome = at < dimension * count;
      halves[at] = isOfSome
        ? Math.floor(random() * 0x4000) | (random() < 0.5 ? 0x8000 : 0)
        : 0x7fff;
    }
    const vector = Float32Array.from({ length: dimension }, () => random() * 2 - 1);

    const products = dots.products(new HalfQuestion(vector), count);

    for (let row = 0; row < count; row += 1) {
      let exact = 0;
      let size = 0;
      for (let at = 0; at < dimension; at += 1) {
        const one = numberOf(halves[row * dimension + at] ?? 0) * (vector[at] ?? 0);
        exact += one;
        size += Math.abs(one);
      }
      // Sums of 32-bit floats.
      expect(Math.abs((products[row] ?? Number.NaN) - exact)).toBeLessThanOrEqual(1e-6 * size);
    }
  },
);

test("as many vectors as fit are taken, and the next question finds nothing of the last one", () => {
  const dots = new HalfDots();
  const halves = new Uint16Array(dots.rows.buffer, dots.rows.byteOffset, dots.rows.length / 2);
  const one = 0x3c00;
  halves.fill(one);

  const long = dots.products(new HalfQuestion(new Float32Array(32).fill(1)), halfDotsLimits.rows);
  expect([...long]).toEqual(Array.from({ length: halfDotsLimits.rows }, () => 32));
  const short = dots.products(new HalfQuestion(Float32Array.of(0.5, 0.25)), halfDotsLimits.rows);
  expect([...short]).toEqual(Array.from({ length: halfDotsLimits.rows }, () => 0.75));
});
