// The calculator: what it computes, and what it refuses and where.

import { beforeAll, expect, test } from "vitest";
import { limits } from "../../../actors/limits.ts";
import { calculate, loadDecimals } from "../../../actors/tools/arithmetic.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

beforeAll(loadDecimals);

test.each([
  ["0.1 + 0.2", "0.3"],
  ["2^64", "18446744073709551616"],
  ["7 / 2", "3.5"],
  ["1/3*3", "1"],
  ["-2^2", "-4"],
  ["2^3^2", "512"],
  ["2 ** -1", "0.5"],
  ["(1 + 2) * -3", "-9"],
  ["17 % 5 - 1", "1"],
  ["round(1234.5 * (1 + 0.19), 2)", "1469.06"],
  ["round(2.5) + round(-2.5)", "0"],
  ["max(1, 2, 3) - min(4, 5) + avg(1, 2)", "0.5"],
  ["sqrt(2)^2", "2"],
  ["log(8, 2)", "3"],
  ["1e3 + .5", "1000.5"],
  ["6 × 7 ÷ 2 − 1", "20"],
  ["2 * pi", "6.283185307179586476925286766559006"],
])("%s is %s", (expression, value) => {
  expect(calculate(expression)).toBe(value);
});

const refusal = (expression: string): string => {
  try {
    return `no refusal but ${calculate(expression)}`;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    expect([error.code, error.details]).toEqual(["INVALID", { pointer: "/expression" }]);
    return error.message;
  }
};

test.each([
  ["1 / 0", "1 / 0 has no value."],
  ["2 +", "At character 4, at the end: a number is missing."],
  ["2 3", 'At character 3, at "3": an operator is missing before this.'],
  ["(1", 'At character 3, at the end: ")" is missing.'],
  ["process.exit()", "There is no function process."],
  ["constructor(1)", "There is no function constructor."],
  ["sqrt(-1)", "sqrt has no real value here."],
  ["10^10001", "The result of ^ is beyond 10^10000."],
  ["round(1, 2, 3)", "round takes 1 to 2 numbers, not 3."],
  ["sin(10^20)", "An angle is at most 1000000000000000 radians."],
  ["1".repeat(1_001), "An expression has at most 1000 characters."],
  ["(".repeat(100), "Parentheses are at most 64 deep."],
  ["", "At character 1, at the end: a number is missing."],
])("%s is refused, and says why", (expression, message) => {
  expect(refusal(expression)).toBe(message);
});

test("an expression that grows beyond all bounds ends soon", () => {
  const startedMs = performance.now();
  for (const expression of ["9^9^9^9", "exp(exp(exp(9)))", "2^(10^4)^(10^4)", "1.1^(10^15)"]) {
    expect(refusal(expression)).toContain("beyond");
  }
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});

test.each(["sqrt(2)", "sin(1)", "2^0.5", "e", "ln(3)"])(
  "as many of %s as an expression may have are computed, one more is refused before it is",
  (one) => {
    const many = (count: number): string => Array(count).fill(one).join("+");

    expect(Number(calculate(many(limits.calculatorHard)))).toBeGreaterThan(1);
    expect(() => calculate(many(limits.calculatorHard + 1))).toThrow(
      `at most ${limits.calculatorHard} roots`,
    );
  },
);

test("whole powers and what is quick are not counted", () => {
  const many = (one: string): string => Array(60).fill(one).join("+");

  expect(calculate(many("1.05^2"))).toBe("66.15");
  expect(calculate(many("round(pi, 2)"))).toBe("188.4");
});
