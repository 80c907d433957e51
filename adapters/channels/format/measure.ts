// How long a written text is for a platform.

import type { Block } from "./document.ts";
import type { Render } from "./render.ts";

/** What a platform counts in. */
export type TextUnit = "utf16" | "codepoint" | "byte";

/** Measures blocks as a platform will. */
export type Measure = (blocks: readonly Block[]) => number;

/** Length of a text in a unit. */
export function lengthIn(unit: TextUnit, text: string): number {
  if (unit === "byte") return Buffer.byteLength(text);
  if (unit === "utf16") return text.length;
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}

/** Length of a written text as the platform counts it. */
export function lengthOf(written: string, render: Render, unit: TextUnit): number {
  return lengthIn(unit, render.counted?.(written) ?? written);
}

/** What is left of a part's room behind a beginning; less than none: it does not fit. */
export type Room<Head> = (head: Head) => number;

/**
 * How many of the first are the most that fit; more do not fit once some did not. Looks at few that are far too
 * many, and at few at all: each look writes them, and what is left says where the end must be about.
 */
export function mostFitting(count: number, room: (first: number) => number): number {
  let [low, left] = [0, Number.NaN];
  let [high, missing] = [count + 1, Number.NaN];
  for (let looks = 0; high - low > 1; looks += 1) {
    const at = next({ low, left, high, missing, looks });
    const found = room(at);
    if (found >= 0) [low, left] = [at, found];
    else [high, missing] = [at, -found];
  }
  return low;
}

interface Bracket {
  readonly low: number;
  /** Room behind `low`, NaN before any was looked at; how much `high` has too much. */
  readonly left: number;
  readonly high: number;
  readonly missing: number;
  readonly looks: number;
}

/** Growing until there are too many; then where the room would end if all were of one length, else the middle. */
function next({ low, left, high, missing, looks }: Bracket): number {
  if (Number.isNaN(missing)) return Math.min(high - 1, Math.max(1, low * GROWTH));
  const middle = (low + high) >> 1;
  if (Number.isNaN(left) || looks % 3 === 2) return middle;
  const share = left / (left + missing);
  return Math.min(high - 1, Math.max(low + 1, low + Math.round((high - low) * share)));
}

const GROWTH = 4;
