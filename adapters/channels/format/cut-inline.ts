// Cuts what stands in a line so that its beginning fits: at the end of a line, of a sentence, of a word,
// outside of marks if that is possible; else between graphemes. A mark that is cut is closed and opened
// again. A link is never cut.

import { charsOf, type Inline, isBare, lines, normal, text, textOf } from "./document.ts";
import { mostFitting, type Room } from "./measure.ts";

/** The beginning that fits, null: none does; and what is left. */
export interface Cut<Head, Rest> {
  readonly head: Head | null;
  readonly rest: Rest;
}

/** How a beginning is looked for. */
export interface CutOptions {
  /** Characters of a beginning that may fit at all: no more are looked at. */
  readonly charsMax: number;
  /** There is no more room elsewhere: a grapheme that is too long is cut between its characters. */
  readonly isLastResort: boolean;
}

/** From where to where characters belong together, and how much. */
interface Span {
  readonly from: number;
  readonly to: number;
  readonly type: Inline["type"];
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
const SENTENCE_END = /[.!?…][)"'”’\]]*(?=\s)|[。！？]/gu;
const SPACE = /\s+/g;
const LINE_END = /\n/g;

/** Cuts. `rest` is all of it when nothing fits. */
export function cutInlines(
  inlines: readonly Inline[],
  room: Room<readonly Inline[]>,
  { charsMax, isLastResort }: CutOptions,
): Cut<Inline[], Inline[]> {
  const shown = textOf(headOf(inlines, charsMax + 1));
  const spans = spansOf(inlines, charsMax);
  const most = mostFitting(Math.min(shown.length, charsMax), (end) => room(headOf(inlines, end)));
  const longest = outsideOfLinks(most, spans, (end) => graphemeEnd(shown, end));
  if (longest > 0) {
    const end = bestEnd(shown.slice(0, longest + 1), longest, spans);
    const head = normal(headOf(inlines, end));
    if (head.length > 0) return { head, rest: normal(restOf(inlines, end)) };
  }
  const end = isLastResort ? outsideOfLinks(most, spans, (at) => characterEnd(shown, at)) : 0;
  if (end === 0) return { head: null, rest: [...inlines] };
  return { head: normal(headOf(inlines, end)), rest: normal(restOf(inlines, end)) };
}

/** The same without its links and marks: addresses stand behind the words. */
export function dissolved(inlines: readonly Inline[]): Inline[] {
  return normal(inlines.flatMap(dissolvedOne));
}

function dissolvedOne(inline: Inline): Inline[] {
  if (inline.type === "break") return [inline];
  if ("value" in inline) return lines(inline.value);
  const inner = inline.children.flatMap(dissolvedOne);
  if (inline.type !== "link" || isBare(textOf(inner), inline.url)) return inner;
  return [...inner, text(` (${inline.url})`)];
}

/** The last end up to `most` that is in no link. */
function outsideOfLinks(
  most: number,
  spans: readonly Span[],
  endBefore: (end: number) => number,
): number {
  const end = endBefore(most);
  const link = spans.find((one) => one.type === "link" && isWithin(end, one));
  return link === undefined ? end : outsideOfLinks(link.from, spans, endBefore);
}

/** The last good place to cut at, of those that fit. */
function bestEnd(shown: string, longest: number, spans: readonly Span[]): number {
  const isInLink = (end: number) => spans.some((one) => one.type === "link" && isWithin(end, one));
  const isInCode = (end: number) => spans.some((one) => one.type === "code" && isWithin(end, one));
  const isMarked = (end: number) => spans.some((one) => isWithin(end, one));
  const last = (pattern: RegExp, from: number, isBad: (end: number) => boolean) =>
    [...shown.matchAll(pattern)]
      .map(({ index, 0: found }) => (pattern === SENTENCE_END ? index + found.length : index))
      .findLast((end) => end > from && end <= longest && !isBad(end));
  const half = longest >> 1;
  return (
    last(LINE_END, half, isMarked) ??
    last(SENTENCE_END, half, isMarked) ??
    last(SPACE, half, isMarked) ??
    last(SPACE, 0, (end) => isInLink(end) || isInCode(end)) ??
    last(SPACE, 0, isInLink) ??
    longest
  );
}

/** The last end of a grapheme up to there. */
export function graphemeEnd(shown: string, most: number): number {
  return graphemes.segment(shown).containing(most)?.index ?? shown.length;
}

/** The last end of a code point up to there. */
export function characterEnd(shown: string, most: number): number {
  return /^[\ud800-\udbff][\udc00-\udfff]/.test(shown.slice(most - 1, most + 1)) ? most - 1 : most;
}

function isWithin(end: number, { from, to }: Span): boolean {
  return from < end && end < to;
}

/** Links, marks and code among the first characters. */
function spansOf(inlines: readonly Inline[], charsMax: number): Span[] {
  const spans: Span[] = [];
  let from = 0;
  for (const inline of inlines) {
    if (from > charsMax) break;
    const to = from + charsOf([inline]);
    if (inline.type !== "text" && inline.type !== "break")
      spans.push({ from, to, type: inline.type });
    if ("children" in inline)
      for (const inner of spansOf(inline.children, charsMax - from))
        spans.push({ ...inner, from: from + inner.from, to: from + inner.to });
    from = to;
  }
  return spans;
}

/** The first characters. */
function headOf(inlines: readonly Inline[], chars: number): Inline[] {
  const head: Inline[] = [];
  let left = chars;
  for (const inline of inlines) {
    if (left <= 0) break;
    const length = charsOf([inline]);
    if (length <= left) head.push(inline);
    else if ("value" in inline) head.push({ ...inline, value: inline.value.slice(0, left) });
    else if ("children" in inline)
      head.push({ ...inline, children: headOf(inline.children, left) });
    left -= length;
  }
  return head;
}

/** All but the first characters. */
function restOf(inlines: readonly Inline[], chars: number): Inline[] {
  const rest: Inline[] = [];
  let left = chars;
  for (const inline of inlines) {
    const length = charsOf([inline]);
    if (left <= 0) rest.push(inline);
    else if (length <= left) left -= length;
    else {
      if ("value" in inline) rest.push({ ...inline, value: inline.value.slice(left) });
      else if ("children" in inline)
        rest.push({ ...inline, children: restOf(inline.children, left) });
      left = 0;
    }
  }
  return rest;
}
