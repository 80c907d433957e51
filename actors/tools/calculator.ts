// The tool calculator: arithmetic that a model would get wrong, on decimal numbers.

import { limits } from "../limits.ts";
import { Type } from "../schema.ts";
import { calculate, functionNames, loadDecimals } from "./arithmetic.ts";
import { argumentsSchema, type ToolType } from "./tool-type.ts";

/** Type `calculator`. */
export const calculatorTool: ToolType = {
  type: "calculator",
  describe: () =>
    "Calculates an expression exactly, on decimal numbers. Operators + - * / % (remainder) ^ (power), " +
    `parentheses, pi, e, and the functions ${functionNames.join(", ")}; angles in radians. ` +
    "A decimal point, no thousands separators.",
  config: Type.Object({}, { additionalProperties: false }),
  needs: [],
  parameters: () =>
    argumentsSchema(["expression"], {
      expression: {
        type: "string",
        minLength: 1,
        maxLength: limits.calculatorChars,
        description: "e.g. round(1234.5 * (1 + 0.19), 2)",
      },
    }),
  make: () => ({
    repeat: "safe",
    async perform({ arguments: given }) {
      await loadDecimals();
      return { result: calculate(String(given["expression"])) };
    },
  }),
};
