// Reads the fields of a node's definition, one at a time, each with its pointer in the error.

import { RuntimeError } from "../../runtime/errors.ts";
import { checkCondition, compileExpression, type Expression } from "../expression.ts";

/** What a client sent, once it is known to be an object. */
export type Fields = Readonly<Record<string, unknown>>;

/** Reads one object. All methods throw GRAPH_INVALID with the pointer of the field. */
export class FieldReader {
  readonly #fields: Fields;
  readonly #pointer: string;

  constructor(fields: Fields, pointer: string) {
    this.#fields = fields;
    this.#pointer = pointer;
  }

  /** Undefined when the field is absent or null. */
  given(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? (this.#fields[name] ?? undefined) : undefined;
  }

  at(name: string): string {
    return `${this.#pointer}/${name}`;
  }

  /** A CEL expression, or null. */
  expression(name: string): Expression | null {
    const given = this.given(name);
    if (given === undefined) return null;
    if (typeof given !== "string") throw this.fault(name, `${name} is a CEL expression.`);
    return compileExpression(given, this.at(name));
  }

  /** A condition on a call, as it is written. */
  condition(name: string): string | null {
    if (this.expression(name) === null) return null;
    const source = String(this.given(name));
    checkCondition(source, this.at(name));
    return source;
  }

  needed(name: string, why: string): Expression {
    const expression = this.expression(name);
    if (expression === null) throw this.fault(name, why);
    return expression;
  }

  /** A number that is written down, or a CEL expression of it; null when absent. */
  numberOrExpression(name: string, range: Range): Expression | null {
    if (typeof this.given(name) === "string") return this.expression(name);
    if (this.given(name) === undefined) return null;
    const value = this.integer(name, range);
    return () => value;
  }

  /** @param range its `usual` is the default; without one the field is needed. */
  integer(name: string, { min, max, usual }: Range): number {
    const given = this.given(name) ?? usual;
    if (Number.isInteger(given) && Number(given) >= min && Number(given) <= max) {
      return Number(given);
    }
    throw this.fault(name, `${name} is a whole number from ${min} to ${max}.`);
  }

  /** A text of a pattern. @param what a sentence that says what it is. */
  text(name: string, pattern: RegExp, what: string): string {
    const given = this.given(name);
    if (typeof given === "string" && pattern.test(given)) return given;
    throw this.fault(name, what);
  }

  /** @param usual the default; null: the field is needed. */
  oneOf<T extends string>(name: string, values: readonly T[], usual: T | null): T {
    const given = this.given(name) ?? usual;
    const found = values.find((value) => value === given);
    if (found !== undefined) return found;
    throw this.fault(name, `${name} is one of ${values.join(", ")}.`);
  }

  fault(name: string, message: string): RuntimeError {
    return invalid(this.at(name), message);
  }
}

interface Range {
  readonly min: number;
  readonly max: number;
  readonly usual?: number;
}

/** @throws GRAPH_INVALID for anything but an object. */
export function objectOf(value: unknown, pointer: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(pointer, "An object is expected here.");
}

/** @throws GRAPH_INVALID at the first field that is not one of `known`. */
export function refuseUnknown(value: Fields, known: ReadonlySet<string>, pointer: string): void {
  const unknown = Object.keys(value).find((key) => !known.has(key));
  if (unknown === undefined) return;
  throw invalid(
    `${pointer}/${unknown}`,
    `"${unknown}" is unknown; known are ${[...known].join(", ")}.`,
  );
}

/** The error of all that is wrong with a graph. */
export function invalid(pointer: string, message: string): RuntimeError {
  return new RuntimeError("GRAPH_INVALID", message, { pointer });
}
