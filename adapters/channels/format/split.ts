// Splits a model's text into parts that are Markdown themselves, for an adapter that writes them later.
// What is sent at once is better made by pieces.ts, which reads the text but once.

import type { Block } from "./document.ts";
import { formatLimits } from "./limits.ts";
import { Packer } from "./pack.ts";
import { measureOf, type PieceOptions, packed } from "./pieces.ts";
import { readMarkdown } from "./read.ts";
import { markdownText } from "./write.ts";

/**
 * The parts of a text as Markdown, at least one: each of them fits when it is written. What fits as a
 * whole is given back as it is.
 * @throws RuntimeError INVALID for a `max` that nothing fits in.
 */
export function split(markdown: string, options: PieceOptions): string[] {
  const parts = packed(markdown, options);
  if (parts.length > 1) return parts.flatMap((blocks) => fitting(blocks, options));
  const [only = []] = parts;
  const isWhole = options.parts !== 1 || packed(markdown, { ...options, parts: 2 }).length === 1;
  if (only.length === 0) return [""];
  return isWhole ? [markdown] : fitting(only, options);
}

/**
 * Blocks as Markdown: one part, or more should reading that again make it longer, which what keeps
 * blocks apart in Markdown may do.
 */
function fitting(blocks: readonly Block[], options: PieceOptions): string[] {
  const measure = measureOf(options);
  const fits = (part: string) => measure(readMarkdown(part)) <= options.max;
  let parts = [markdownText.blocks(blocks)];
  for (let tried = 1; tried <= formatLimits.refits && !parts.every(fits); tried += 1) {
    const smaller = new Packer(blocks, measure);
    const lessMax = Math.max(formatLimits.partMin / 2, Math.floor(options.max * 0.8 ** tried));
    parts = [];
    while (!smaller.isEmpty) parts.push(markdownText.blocks(smaller.next(lessMax)));
  }
  return parts;
}
