// Splits a model's text into parts, each of which is short enough for a platform when it is written in
// that platform's way. Between paragraphs if possible, then between items, rows and lines, sentences,
// words, and graphemes at last. A part is Markdown of its own: fences, marks and quotes that were cut are
// closed and opened again. Nothing is lost but white space where it is cut.

import type { Block } from "./document.ts";
import { formatLimits } from "./limits.ts";
import { lengthOf, type Measure, type TextUnit } from "./measure.ts";
import { Packer, tooSmall } from "./pack.ts";
import { blocksOf, readMarkdown } from "./read.ts";
import { BETWEEN, type Render } from "./render.ts";
import { markdownText } from "./write.ts";

/** How long a part may be. */
export interface SplitOptions {
  /** Most of a part as the platform counts it, at least `formatLimits.partMin`. */
  readonly max: number;
  readonly unit: TextUnit;
  /** How parts will be written. */
  readonly render: Render;
  /** Most parts. Default `formatLimits.parts`. */
  readonly parts?: number;
  /** Markdown: what the last part says where the rest did not fit. Default in English. */
  readonly leftOut?: string;
}

const LEFT_OUT = "[The rest was left out.]";

/**
 * The parts of a text as Markdown, at least one: the same text gives the same parts, always. What fits
 * in one part is given back as it is.
 * @throws RuntimeError INVALID for a `max` that nothing fits in.
 */
export function split(markdown: string, options: SplitOptions): string[] {
  if (options.max < formatLimits.partMin) throw tooSmall(options.max);
  const { max, unit, render } = options;
  const measure: Measure = (blocks) => lengthOf(render.blocks(blocks), render, unit);
  const source = new Packer(blocksOf(markdown), measure);
  const first = source.next(max);
  if (source.isEmpty) return [first.length === 0 ? "" : markdown];
  const leftOut = readMarkdown(options.leftOut ?? LEFT_OUT);
  const partsMax = options.parts ?? formatLimits.parts;
  const parts = partsMax === 1 ? [] : fitting(first, options, measure);
  const again = partsMax === 1 ? new Packer(blocksOf(markdown), measure) : source;
  while (!again.isEmpty && parts.length < partsMax - 1)
    parts.push(...fitting(again.next(max), options, measure));
  if (again.isEmpty && parts.length <= partsMax) return parts;
  const lastMax = max - measure(leftOut) - BETWEEN.length;
  const last = lastMax < formatLimits.partMin / 2 ? [] : again.next(lastMax);
  const end = again.isEmpty ? last : [...last, ...leftOut];
  return [...parts.slice(0, partsMax - 1), markdownText.blocks(end)];
}

/**
 * Blocks as Markdown: one part, or more where reading that again makes it longer, as the seams between
 * what would be read as one do.
 */
function fitting(blocks: readonly Block[], options: SplitOptions, measure: Measure): string[] {
  const { max, unit, render } = options;
  const fits = (part: string) => lengthOf(render(part), render, unit) <= max;
  let parts = [markdownText.blocks(blocks)];
  for (let tried = 1; tried <= formatLimits.refits && !parts.every(fits); tried += 1) {
    const smaller = new Packer(blocks, measure);
    parts = [];
    const lessMax = Math.max(formatLimits.partMin / 2, Math.floor(max * 0.8 ** tried));
    while (!smaller.isEmpty) parts.push(markdownText.blocks(smaller.next(lessMax)));
  }
  return parts;
}
