// What is wrong with a pack: all of it at once, each with the line and the column where it stands.

import { type ErrorCode, RuntimeError } from "../../runtime/errors.ts";
import { packLimits } from "./limits.ts";

/** A place in a pack's file. Lines and columns are counted from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Something that is wrong. */
export interface Problem extends Place {
  readonly code: ErrorCode;
  readonly message: string;
  /** Where in the value that the file says. */
  readonly pointer: string;
}

/** Collects them. */
export class Problems {
  readonly #placeOf: (pointer: string) => Place;
  readonly #found: Problem[] = [];
  #more = 0;

  constructor(placeOf: (pointer: string) => Place) {
    this.#placeOf = placeOf;
  }

  get isEmpty(): boolean {
    return this.#found.length === 0;
  }

  /** Whether something was found at a place. */
  has(pointer: string): boolean {
    return this.#found.some((problem) => problem.pointer === pointer);
  }

  add(pointer: string, message: string, code: ErrorCode = "INVALID"): void {
    this.addAt(this.#placeOf(pointer), { code, message, pointer });
  }

  addAt(place: Place, what: Pick<Problem, "code" | "message" | "pointer">): void {
    if (this.#found.length >= packLimits.problems) this.#more += 1;
    else this.#found.push({ ...what, ...place });
  }

  /** Takes a refusal of a part of the file. @throws what is no refusal of what was sent. */
  take(error: unknown, pointer: string): void {
    if (!(error instanceof RuntimeError) || !isRefusal(error.code)) throw error;
    const { message, code, details = {} } = error;
    const { pointer: inner, file, line, column } = details;
    const place = `${pointer}${typeof inner === "string" ? inner : ""}`;
    // It may stand in a file beside the pack's.
    if (typeof file === "string" && typeof line === "number" && typeof column === "number") {
      this.addAt({ file, line, column }, { code, message, pointer: place });
    } else this.add(place, message, code);
  }

  /** @throws INVALID with all of them, when there are any. */
  check(): void {
    if (this.isEmpty) return;
    const all = [...this.#found].sort(inOrder);
    const lines = all.map(({ file, line, column, message }) => {
      return `${file}:${line}:${column}: ${message}`;
    });
    const more = this.#more === 0 ? [] : [`and ${this.#more} more problems`];
    throw new RuntimeError("INVALID", [...lines, ...more].join("\n"), {
      pointer: "/source",
      problems: all,
    });
  }
}

const refusals: readonly ErrorCode[] = [
  ...(["INVALID", "UNKNOWN_FIELD", "TOO_DEEP", "GRAPH_INVALID", "SCHEMA_INVALID"] as const),
  ...(["MODEL_UNKNOWN", "EMBEDDER_UNKNOWN", "EMBEDDER_MISMATCH", "CONFLICT"] as const),
  ...(["NOT_FOUND", "DUPLICATE", "RATE_LIMITED", "BODY_TOO_LARGE"] as const),
];

const isRefusal = (code: ErrorCode): boolean => refusals.includes(code);

function inOrder(left: Problem, right: Problem): number {
  if (left.file !== right.file) return left.file < right.file ? -1 : 1;
  return left.line - right.line || left.column - right.column;
}
