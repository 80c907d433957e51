// Arguments of declared commands: what they may be, what a model is told of them, and what they become on a command
// line. A value is one element of it or none; no shell ever reads it.

import { RuntimeError } from "../../runtime/errors.ts";
import { type Static, Type } from "../schema.ts";

/** Characters of a text, where nothing else is said, and at most. */
const TEXT_CHARS = 4_000;
const TEXT_CHARS_MAX = 32_000;
/** Texts that one may be. */
const CHOICES_MAX = 100;

const count = Type.Optional(Type.Integer({ minimum: 0, maximum: TEXT_CHARS_MAX }));

/** One argument of a command. */
export const argumentSpec = Type.Object(
  {
    type: Type.Union([
      Type.Literal("string"),
      Type.Literal("integer"),
      Type.Literal("number"),
      Type.Literal("boolean"),
      Type.Literal("path"),
    ]),
    description: Type.Optional(Type.String({ maxLength: 1_000 })),
    /** Of a string: a regular expression without look-around and references. */
    pattern: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
    enum: Type.Optional(
      Type.Array(Type.String({ maxLength: 500 }), { minItems: 1, maxItems: CHOICES_MAX }),
    ),
    min_length: count,
    max_length: count,
    /** Of a number. */
    minimum: Type.Optional(Type.Number()),
    maximum: Type.Optional(Type.Number()),
    /** Of a path: the folder, below the target's, that it is under. Default: the target's. */
    under: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
    /** Whether it may begin with "-", as options do. Default false. */
    dash: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

/** One argument of a command. */
export type ArgumentSpec = Static<typeof argumentSpec>;

/** JSON Schema of one, for models and for the check of what they send. */
export function schemaOf(spec: ArgumentSpec): Readonly<Record<string, unknown>> {
  const { type, description, pattern, minimum, maximum } = spec;
  const told = description === undefined ? {} : { description };
  if (type === "boolean") return { type, ...told };
  if (type === "integer" || type === "number") {
    return {
      ...{ type, ...told },
      ...(minimum !== undefined && { minimum }),
      ...(maximum !== undefined && { maximum }),
    };
  }
  return {
    ...{ type: "string", ...told },
    ...(spec.enum && { enum: spec.enum }),
    ...(pattern !== undefined && { pattern }),
    minLength: spec.min_length ?? 0,
    maxLength: spec.max_length ?? TEXT_CHARS,
  };
}

/** @throws INVALID for what does not belong to its type. */
export function checkSpec(spec: ArgumentSpec, pointer: string): void {
  const isText = spec.type === "string" || spec.type === "path";
  const isNumber = spec.type === "integer" || spec.type === "number";
  const misplaced =
    (!isText && misplacedOf(spec, ["pattern", "enum", "min_length", "max_length"])) ||
    (!isNumber && misplacedOf(spec, ["minimum", "maximum"])) ||
    (spec.type !== "path" && misplacedOf(spec, ["under"]));
  if (misplaced) {
    throw invalid(
      `An argument of type ${spec.type} has no ${misplaced}.`,
      `${pointer}/${misplaced}`,
    );
  }
  if (spec.under === undefined) return;
  const fault = pathFault(spec.under);
  if (fault !== null) throw invalid(`under ${fault}.`, `${pointer}/under`);
}

function misplacedOf(spec: ArgumentSpec, names: readonly (keyof ArgumentSpec)[]): string | false {
  return names.find((name) => spec[name] !== undefined) ?? false;
}

/** Why a text is no path below a folder; null where it is one. Links are looked at where it is used. */
export function pathFault(path: string): string | null {
  if (path === "" || path.startsWith("/")) return "is relative to its folder";
  // Otherwise what begins so would be another user's folder, to whoever expands it.
  if (path.startsWith("~")) return 'does not begin with "~"';
  if (/[\0\r\n]/.test(path)) return "has neither line breaks nor NUL characters";
  if (path.split("/").includes("..")) return 'does not go up with ".."';
  return null;
}

/**
 * A checked value as text, without its folder. @throws INVALID for what must not stand on a command line.
 * @param isAlone it is an element by itself, not behind a prefix.
 */
export function textOf(name: string, spec: ArgumentSpec, value: unknown, isAlone: boolean): string {
  const text = String(value);
  const pointer = `/${name}`;
  if (text.includes("\0")) throw invalid(`${name} must have no NUL character.`, pointer);
  if (spec.type === "path") {
    const fault = pathFault(text);
    if (fault !== null) throw invalid(`${name} is a path that ${fault}.`, pointer);
    return text;
  }
  if (isAlone && text.startsWith("-") && spec.dash !== true) {
    throw invalid(`${name} must not begin with "-": it would be taken for an option.`, pointer);
  }
  return text;
}

const invalid = (message: string, pointer: string): RuntimeError =>
  new RuntimeError("INVALID", message, { pointer });
