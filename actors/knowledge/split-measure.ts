// Sizes of pieces of a text: in tokens as an embedder counts them, and in UTF-8 bytes from its start.
// Each character is counted a bounded number of times, so that any text is measured in linear time.

import type { Tokenizer } from "../ports.ts";

const QUARTERS = 4;
const DENSE_FROM = 0x0e00;
const CHECKPOINT_CHARS = 512;
/** A piece is found within so many tries; it is large enough from this share of its room on. */
const TRIES = 10;
const FULL_SHARE = 0.9;
/** Characters that a token is at first thought to have. */
const TOKEN_CHARS = 4;
/** Where a piece is cut: in its last part, at a line's end, else between words. */
const CUT_SHARE = 0.5;

/** Tokens of a text, also parts of them: sums of pieces are no less than the whole. */
export type Measure = (text: string) => number;

/** Approximate tokens of a text: four characters a token, one token a character of a dense script. */
export function approximateTokens(text: string): number {
  return Math.ceil(approximateSize(text));
}

/** How a tokenizer measures; without one, approximately. */
export function measureOf(tokenizer: Tokenizer | undefined): Measure {
  if (tokenizer === undefined || tokenizer.count === approximateTokens) return approximateSize;
  return (text) => tokenizer.count(text);
}

function approximateSize(text: string): number {
  let quarters = 0;
  for (let at = 0; at < text.length; at += 1) {
    quarters += text.charCodeAt(at) < DENSE_FROM ? 1 : QUARTERS;
  }
  return quarters / QUARTERS;
}

/** UTF-8 bytes before places of one text. A half of a pair alone counts as what it is replaced by. */
export class ByteMap {
  readonly #text: string;
  readonly #checkpoints: number[] = [0];

  constructor(text: string) {
    this.#text = text;
    for (let at = 0; at < text.length; at += CHECKPOINT_CHARS) {
      const before = this.#checkpoints.at(-1) ?? 0;
      this.#checkpoints.push(
        before + this.#bytes(at, Math.min(text.length, at + CHECKPOINT_CHARS)),
      );
    }
  }

  /** Bytes before a place given in UTF-16 units. */
  before(place: number): number {
    const number = Math.floor(place / CHECKPOINT_CHARS);
    return (this.#checkpoints[number] ?? 0) + this.#bytes(number * CHECKPOINT_CHARS, place);
  }

  #bytes(start: number, end: number): number {
    let bytes = 0;
    for (let at = start; at < end; at += 1) {
      const code = this.#text.charCodeAt(at);
      if (code < 0x80) bytes += 1;
      else if (code < 0x800) bytes += 2;
      // Each half of a pair is two of its four bytes.
      else bytes += isHalf(code) && isInPair(this.#text, at, code) ? 2 : 3;
    }
    return bytes;
  }
}

function isHalf(code: number): boolean {
  return code >= 0xd800 && code <= 0xdfff;
}

function isInPair(text: string, at: number, code: number): boolean {
  const isFirst = code < 0xdc00;
  const other = text.charCodeAt(isFirst ? at + 1 : at - 1);
  return isFirst ? other >= 0xdc00 && other <= 0xdfff : other >= 0xd800 && other < 0xdc00;
}

/** Whether a cut at this place would divide a pair. */
export function dividesPair(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff && isInPair(text, at, code);
}

/** [start, end) without the white space at both ends; empty when there is nothing else. */
export function trimmed(text: string, start: number, end: number): [number, number] {
  let from = start;
  let to = end;
  while (from < to && isSpace(text, from)) from += 1;
  while (to > from && isSpace(text, to - 1)) to -= 1;
  return [from, to];
}

/** As `trim` sees it. */
export function isSpace(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  return code === 0xa0 || code === 0xfeff || (code > 0x167f && text.charAt(at).trim() === "");
}

/**
 * A stretch of text in pieces that each have at most `room` tokens: cut at line ends or between words
 * where there are any in a piece's second half. Gives [start, end, tokens] without white space around.
 */
export function* cut(
  text: string,
  start: number,
  end: number,
  room: number,
  measure: Measure,
): Generator<readonly [number, number, number]> {
  let [from, last] = trimmed(text, start, end);
  let guess = Math.ceil(room * TOKEN_CHARS);
  while (from < last) {
    const fit = fitting(text, from, last, { room, guess, measure });
    guess = Math.max(1, fit.end - from);
    const to = fit.end < last ? goodCut(text, from, fit.end) : last;
    const [a, b] = trimmed(text, from, to);
    if (b > a) yield [a, b, b === fit.end ? fit.tokens : measure(text.slice(a, b))];
    from = to;
    while (from < last && isSpace(text, from)) from += 1;
  }
}

/** The end of a beginning that fits; one character at least. */
function fitting(
  text: string,
  from: number,
  last: number,
  { room, guess, measure }: { room: number; guess: number; measure: Measure },
): { readonly end: number; readonly tokens: number } {
  let best = { end: from, tokens: 0 };
  let tooFar = last + 1;
  let end = Math.min(last, from + guess);
  for (let tries = 0; tries < TRIES || best.end === from; tries += 1) {
    const tokens = measure(text.slice(from, end));
    if (tokens <= room) {
      best = { end, tokens };
      if (end === last || tokens >= room * FULL_SHARE) break;
    } else tooFar = end;
    // As far as the tokens of what was measured let hope, but no further than twice as far.
    const share = Math.min(2, room / Math.max(tokens, 1));
    const hoped = from + Math.floor((end - from) * share);
    const least = best.end + 1;
    const most = Math.min(last, tooFar - 1);
    if (least > most) break;
    end = Math.min(most, Math.max(least, hoped));
  }
  if (best.end > from && !dividesPair(text, best.end)) return best;
  const end1 = best.end > from + 1 ? best.end - 1 : from + (dividesPair(text, from + 1) ? 2 : 1);
  return { end: end1, tokens: measure(text.slice(from, end1)) };
}

function goodCut(text: string, from: number, to: number): number {
  const least = from + Math.floor((to - from) * CUT_SHARE);
  const line = text.slice(least, to).lastIndexOf("\n");
  if (line >= 0) return least + line + 1;
  for (let at = to; at > least; at -= 1) if (isSpace(text, at - 1)) return at;
  return to;
}
