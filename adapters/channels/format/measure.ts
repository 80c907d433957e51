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

/** How many of the first are the most that fit; more do not fit once some did not. Looks at few that are far too many. */
export function mostFitting(count: number, fits: (first: number) => boolean): number {
  let step = 1;
  while (step < count && fits(step)) step *= 2;
  let low = step >> 1;
  let high = Math.min(step, count) + 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}
