// Arithmetic as people write it, read by precedence climbing and computed on decimal.js: 0.1 + 0.2 is
// 0.3, and 2^64 has all its digits. Not mathjs, whose matrices, units and symbolic functions let a
// short text take much time and memory, and which says itself that it needs a process around it; not
// CEL, whose 7 / 2 is 3 and whose 1 + 0.5 is a type error. Text, depth, exponents and what takes long are
// bounded: it is computed where runs are.

import type { Decimal as DecimalNumber } from "decimal.js";
import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";

type Library = typeof import("decimal.js");
type Decimals = Library["Decimal"];

let Decimal: Decimals | undefined;

/** Digits that are computed, and that a result shows: the rest is for rounding. */
const DIGITS = { computed: 40, shown: 34 } as const;
/** Powers of ten of a number, and the largest angle: beyond it, its digits would mean nothing. */
const EXPONENT_MAX = 10_000;
const ANGLE_MAX = 1e15;

/** Loads what `calculate` needs. Awaited once before it. */
export async function loadDecimals(): Promise<void> {
  if (Decimal !== undefined) return;
  const library = await import("decimal.js");
  Decimal = library.Decimal.clone({
    precision: DIGITS.computed,
    maxE: EXPONENT_MAX,
    minE: -EXPONENT_MAX,
    toExpPos: DIGITS.shown + 1,
    toExpNeg: -20,
    defaults: true,
  });
}

/**
 * The value of an expression, as a decimal number of at most 34 digits.
 * @throws INVALID naming the character where it goes wrong, or what has no value.
 */
export function calculate(expression: string): string {
  if (Decimal === undefined) throw new Error("loadDecimals was not awaited.");
  const reader = new Reader(expression, Decimal);
  return reader.whole().toSignificantDigits(DIGITS.shown).toString();
}

type Apply = (of: readonly DecimalNumber[], decimals: Decimals) => DecimalNumber;

interface FunctionEntry {
  readonly least: number;
  readonly most: number;
  readonly apply: Apply;
}

const first = (of: readonly DecimalNumber[]): DecimalNumber => of[0] as DecimalNumber;
const second = (of: readonly DecimalNumber[]): DecimalNumber => of[1] as DecimalNumber;
const one = (apply: Apply): FunctionEntry => ({ least: 1, most: 1, apply });
const two = (apply: Apply): FunctionEntry => ({ least: 2, most: 2, apply });
const many = (apply: Apply): FunctionEntry => ({
  least: 1,
  most: Number.POSITIVE_INFINITY,
  apply,
});
const sum: Apply = (of, decimals) => of.reduce((left, right) => left.plus(right), new decimals(0));

const functions: ReadonlyMap<string, FunctionEntry> = new Map([
  ["abs", one((of) => first(of).abs())],
  ["sqrt", one((of) => first(of).sqrt())],
  ["cbrt", one((of) => first(of).cbrt())],
  ["exp", one((of) => first(of).exp())],
  ["ln", one((of) => first(of).ln())],
  ["log10", one((of) => first(of).log(10))],
  ["log2", one((of) => first(of).log(2))],
  ["log", two((of) => first(of).log(second(of)))],
  ["sin", one((of) => angle(first(of)).sin())],
  ["cos", one((of) => angle(first(of)).cos())],
  ["tan", one((of) => angle(first(of)).tan())],
  ["asin", one((of) => first(of).asin())],
  ["acos", one((of) => first(of).acos())],
  ["atan", one((of) => first(of).atan())],
  ["floor", one((of) => first(of).floor())],
  ["ceil", one((of) => first(of).ceil())],
  ["trunc", one((of) => first(of).trunc())],
  ["round", { least: 1, most: 2, apply: rounded }],
  ["mod", two((of) => first(of).mod(second(of)))],
  ["min", many((of, decimals) => decimals.min(...of))],
  ["max", many((of, decimals) => decimals.max(...of))],
  ["sum", many(sum)],
  ["avg", many((of, decimals) => sum(of, decimals).div(of.length))],
]);

/** Those that take long: series of many steps. */
const hard: ReadonlySet<string> = new Set([
  ...["sqrt", "cbrt", "exp", "ln", "log10", "log2", "log"],
  ...["sin", "cos", "tan", "asin", "acos", "atan"],
]);

/** What may be called. */
export const functionNames: readonly string[] = [...functions.keys()];

function angle(value: DecimalNumber): DecimalNumber {
  if (value.abs().lte(ANGLE_MAX)) return value;
  throw invalid(`An angle is at most ${ANGLE_MAX} radians.`);
}

// Half away from zero, as people round.
function rounded(of: readonly DecimalNumber[]): DecimalNumber {
  const places = of.length > 1 ? second(of).toNumber() : 0;
  if (!Number.isInteger(places) || places < 0 || places > DIGITS.shown) {
    throw invalid(`round takes 0 to ${DIGITS.shown} decimal places.`);
  }
  return first(of).toDecimalPlaces(places);
}

const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,5})?/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;

/** Reads from the left, computing as it goes. */
class Reader {
  readonly #text: string;
  readonly #decimals: Decimals;
  #at = 0;
  #depth = 0;
  #hard = 0;

  constructor(text: string, decimals: Decimals) {
    if (text.length > limits.calculatorChars) {
      throw invalid(`An expression has at most ${limits.calculatorChars} characters.`);
    }
    this.#text = text.replaceAll("×", "*").replaceAll("÷", "/").replaceAll("−", "-");
    this.#decimals = decimals;
  }

  whole(): DecimalNumber {
    const value = this.#sum();
    if (this.#peek() !== "") this.#fail("an operator is missing before this");
    return value;
  }

  #sum(): DecimalNumber {
    this.#depth += 1;
    if (this.#depth > limits.calculatorDepth) {
      throw invalid(`Parentheses are at most ${limits.calculatorDepth} deep.`);
    }
    let value = this.#product();
    for (;;) {
      if (this.#take("+")) value = this.#checked(value.plus(this.#product()), "+");
      else if (this.#take("-")) value = this.#checked(value.minus(this.#product()), "-");
      else break;
    }
    this.#depth -= 1;
    return value;
  }

  #product(): DecimalNumber {
    let value = this.#signed();
    for (;;) {
      if (this.#take("*")) value = this.#checked(value.times(this.#signed()), "*");
      else if (this.#take("/")) value = this.#divided(value, (by) => value.div(by), "/");
      else if (this.#take("%")) value = this.#divided(value, (by) => value.mod(by), "%");
      else return value;
    }
  }

  #divided(
    value: DecimalNumber,
    divide: (by: DecimalNumber) => DecimalNumber,
    operator: string,
  ): DecimalNumber {
    const by = this.#signed();
    if (by.isZero()) throw invalid(`${shown(value)} ${operator} 0 has no value.`);
    return this.#checked(divide(by), operator);
  }

  // -2^2 is -4, and 2^-1 is 0.5.
  #signed(): DecimalNumber {
    let isNegative = false;
    for (;;) {
      if (this.#take("-")) isNegative = !isNegative;
      else if (!this.#take("+")) break;
    }
    const value = this.#power();
    return isNegative ? value.neg() : value;
  }

  #power(): DecimalNumber {
    const base = this.#operand();
    if (!this.#take("**") && !this.#take("^")) return base;
    this.#depth += 1;
    if (this.#depth > limits.calculatorDepth) {
      throw invalid(`Powers are at most ${limits.calculatorDepth} deep.`);
    }
    const exponent = this.#signed();
    if (!exponent.isInteger()) this.#takesLong();
    const power = this.#checked(base.pow(exponent), "^");
    this.#depth -= 1;
    return power;
  }

  #operand(): DecimalNumber {
    if (this.#take("(")) {
      const value = this.#sum();
      if (!this.#take(")")) this.#fail('")" is missing');
      return value;
    }
    const number = this.#match(NUMBER);
    if (number !== null) return this.#checked(new this.#decimals(number), number);
    const word = this.#match(WORD);
    if (word === null) return this.#fail("a number is missing");
    if (word === "pi") return this.#decimals.acos(-1);
    if (word === "e") {
      this.#takesLong();
      return this.#decimals.exp(1);
    }
    return this.#call(word);
  }

  #call(name: string): DecimalNumber {
    const entry = functions.get(name);
    if (entry === undefined) throw invalid(`There is no function ${name.slice(0, 40)}.`);
    if (!this.#take("(")) this.#fail(`"(" is missing after ${name}`);
    const given: DecimalNumber[] = [];
    do given.push(this.#sum());
    while (this.#take(","));
    if (!this.#take(")")) this.#fail('")" is missing');
    const { least, most, apply } = entry;
    if (given.length < least || given.length > most) {
      const count = least === most ? `${least}` : `${least} to ${most}`;
      throw invalid(`${name} takes ${count} numbers, not ${given.length}.`);
    }
    if (hard.has(name)) this.#takesLong();
    return this.#checked(apply(given, this.#decimals), name);
  }

  /** Counted before it is computed. */
  #takesLong(): void {
    this.#hard += 1;
    if (this.#hard <= limits.calculatorHard) return;
    const what = "roots, logarithms, angles, e and powers of no whole number";
    throw invalid(
      `An expression has at most ${limits.calculatorHard} ${what}: calculate it in parts.`,
    );
  }

  #checked(value: DecimalNumber, what: string): DecimalNumber {
    if (value.isFinite()) return value;
    if (value.isNaN()) throw invalid(`${what} has no real value here.`);
    throw invalid(`The result of ${what.slice(0, 40)} is beyond 10^${EXPONENT_MAX}.`);
  }

  #peek(): string {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at += 1;
    return this.#text[this.#at] ?? "";
  }

  #take(sign: string): boolean {
    this.#peek();
    if (!this.#text.startsWith(sign, this.#at)) return false;
    this.#at += sign.length;
    return true;
  }

  #match(pattern: RegExp): string | null {
    this.#peek();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    if (found !== null) this.#at += found.length;
    return found;
  }

  #fail(why: string): never {
    const found =
      this.#peek() === "" ? "the end" : `"${this.#text.slice(this.#at, this.#at + 12)}"`;
    throw invalid(`At character ${this.#at + 1}, at ${found}: ${why}.`);
  }
}

const shown = (value: DecimalNumber): string => value.toSignificantDigits(12).toString();

function invalid(message: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer: "/expression" });
}
