// A model's text as the messages of a platform: written in its way, and short enough for it. Cut between
// paragraphs if possible, then between items, rows and lines, sentences, words, and graphemes at last;
// fences, marks and quotes that are cut are closed and opened again. Nothing is lost but white space where
// it is cut.

import type { Block } from "./document.ts";
import { formatLimits } from "./limits.ts";
import { lengthOf, type Measure, type TextUnit } from "./measure.ts";
import { BETWEEN, Packer, tooSmall } from "./pack.ts";
import { plainText } from "./plain.ts";
import { blocksOf, readMarkdown } from "./read.ts";
import type { Render } from "./render.ts";

/** How long a piece may be. */
export interface PieceOptions {
  /** Most of a piece as the platform counts it, at least `formatLimits.partMin`. */
  readonly max: number;
  readonly unit: TextUnit;
  /** How pieces are written. */
  readonly render: Render;
  /** Most pieces. Default `formatLimits.parts`. */
  readonly parts?: number;
  /** Markdown: what the last piece says where the rest did not fit. Default in English. */
  readonly leftOut?: string;
}

/** One message. */
export interface Piece {
  /** As the platform reads it. */
  readonly text: string;
  /** Without marks: as short, for a platform that refuses them. */
  readonly plain: string;
}

const LEFT_OUT = "[The rest was left out.]";

/**
 * The pieces of a text, at least one: the same text gives the same pieces, always.
 * @throws RuntimeError INVALID for a `max` that nothing fits in.
 */
export function pieces(markdown: string, options: PieceOptions): Piece[] {
  return packed(markdown, options).map((blocks) => ({
    text: options.render.blocks(blocks),
    plain: plainText.blocks(blocks),
  }));
}

/** What a piece of blocks takes, with its marks or without: whatever is more. */
export function measureOf({ render, unit }: PieceOptions): Measure {
  const renders = render === plainText ? [plainText] : [render, plainText];
  return (blocks) => Math.max(...renders.map((one) => lengthOf(one.blocks(blocks), one, unit)));
}

/** The blocks of each piece, of a text or of what has been read of one. */
export function packed(source: string | readonly Block[], options: PieceOptions): Block[][] {
  const { max } = options;
  if (max < formatLimits.partMin) throw tooSmall(max);
  const measure = measureOf(options);
  const blocks = () => (typeof source === "string" ? blocksOf(source) : source);
  const first = new Packer(blocks(), measure);
  const whole = first.next(max);
  if (first.isEmpty) return [whole];
  const most = options.parts ?? formatLimits.parts;
  const parts = most === 1 ? [] : [whole];
  const packer = most === 1 ? new Packer(blocks(), measure) : first;
  while (!packer.isEmpty && parts.length < most - 1) parts.push(packer.next(max));
  if (packer.isEmpty) return parts;
  // There is room for one more, in which is said that it is the last.
  const leftOut = readMarkdown(options.leftOut ?? LEFT_OUT);
  const lastMax = max - measure(leftOut) - BETWEEN;
  const last = lastMax < formatLimits.partMin / 2 ? [] : packer.next(lastMax);
  return [...parts, packer.isEmpty ? last : [...last, ...leftOut]];
}
