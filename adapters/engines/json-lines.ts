// JSON objects, one a line, out of what a process writes. Read no faster than they are taken. A line that is too long
// is dropped as a whole, one that is no object is told as odd: neither ends anything by itself.

import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

/** An object of the wire. */
export type Json = Readonly<Record<string, unknown>>;

/** What a line was. */
export type Line =
  | { readonly type: "object"; readonly value: Json }
  | { readonly type: "odd"; readonly why: "too long" | "no JSON object" };

/** The lines of a stream; empty ones are none. @param charsMax of one line. */
export async function* jsonLines(stream: Readable, charsMax: number): AsyncGenerator<Line> {
  const decoder = new StringDecoder("utf8");
  let held = "";
  let isTooLong = false;
  for await (const piece of stream) {
    const parts = textOf(decoder, piece).split("\n");
    for (const [at, part] of parts.entries()) {
      if (!isTooLong) held += part;
      if (held.length > charsMax) {
        isTooLong = true;
        held = "";
      }
      if (at === parts.length - 1) break;
      if (isTooLong) yield { type: "odd", why: "too long" };
      else if (held.trim() !== "") yield lineOf(held);
      held = "";
      isTooLong = false;
    }
  }
  // A last line without an end: a process that was killed may have been writing it.
  if (isTooLong) yield { type: "odd", why: "too long" };
  else if (held.trim() !== "") yield lineOf(held);
}

function textOf(decoder: StringDecoder, piece: unknown): string {
  return typeof piece === "string" ? piece : decoder.write(piece as Buffer);
}

function lineOf(text: string): Line {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return { type: "object", value };
  } catch {
    // Told below.
  }
  return { type: "odd", why: "no JSON object" };
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value where it is an object, else an empty one. */
export function objectOf(value: unknown): Json {
  return isObject(value) ? value : {};
}

/** The objects of a list; none of what is no list. */
export function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

/** A count of the wire; 0 for what is none. */
export function countOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.floor(value) : 0;
}

/** A text of the wire; "" for what is none. */
export function stringOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
