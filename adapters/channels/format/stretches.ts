// A text in stretches that can be parsed by themselves. The parser takes the square of some inputs' length,
// and the stack of deep ones; a stretch is short, and one that is too tangled is taken as it stands.

import { formatLimits } from "./limits.ts";

/** A piece of a text. */
export type Stretch =
  /** To be parsed. */
  | { readonly type: "marked"; readonly text: string }
  /** Without marks. */
  | { readonly type: "plain"; readonly text: string }
  /** What stood in a fence at the left edge. */
  | { readonly type: "code"; readonly lang: string; readonly text: string };

/** A fence: its indentation, its marks and what follows. */
const FENCE = /^([ >]*)(`{3,}|~{3,})(.*)$/;
/** Where no block begins that could belong to the one before: a stretch can begin there, after an empty line. */
const EDGE = /^[^\s\-+*0-9]/;
const CONTAINERS = /^(?:[ \t]*(?:>|[-+*](?=[ \t])|\d{1,9}[.)](?=[ \t])))+/;
/** What is meant as it stands: a mark behind a backslash, a space or a tab by its number. */
export const ESCAPED = /\\([!-/:-@[-`{-~])|&#(9|32);/g;
/** Marks enough to be slow about: so many of one kind in a row, beside something else. */
const RUN = new RegExp(`([*_~])\\1{${formatLimits.emphasisRun},}`);
const RUN_ALONE = /^\s*([*_~])\1*\s*$/;
/** A line that nothing is hidden in: no mark, no link, no block but a paragraph. */
const PROSE = /^(?![\s>#+\-=:]|\d{1,9}[.)])[^`*_[\]<>&~|\\@]*$/;
/** What takes time: marks, and lines. */
const MARK = /[*_~`[\]<>|&@#\n]/g;
/** What begins a block, or one within another. */
const BLOCK = /(?:^|(?<=[>+*.)-])) {0,3}(?:[>#]|[-+*=_](?=[ \t\-*=_]|$)|\d{1,9}[.)])/gm;
const LINKS = /www\.|:\/\//i;

/** The stretches of a text, in order; made as they are asked for. */
export function* stretches(markdown: string): Generator<Stretch> {
  const reader = new Lines(markdown);
  let open: string[] = [];
  let chars = 0;
  /** Whether the line before was empty. */
  let isApart = true;
  /** The fence that is open within the stretch: nothing ends there. */
  let fence = "";
  const ended = (): Stretch[] => {
    const text = open.join("\n");
    open = [];
    chars = 0;
    return text.trim() === "" ? [] : [stretch(text)];
  };
  for (let line = reader.next(); line !== undefined; line = reader.next()) {
    const [, indent = "", marks = "", info = ""] = FENCE.exec(line) ?? [];
    const isFence = marks !== "" && !(marks.startsWith("`") && info.includes("`"));
    if (fence === "" && isFence && indent === "") {
      yield* ended();
      yield { type: "code", lang: info.trim(), text: fenced(reader, marks) };
      isApart = true;
      continue;
    }
    const isEdge = fence === "" && isApart && EDGE.test(line);
    const isLong = chars + line.length > formatLimits.stretchCharsMax;
    if (isLong || (isEdge && chars + line.length > formatLimits.stretchChars)) yield* ended();
    if (isLong) fence = "";
    if (fence !== "" && isFence && isEndOf(fence, marks, info)) fence = "";
    else if (fence === "" && isFence) fence = marks;
    open.push(line);
    chars += line.length + 1;
    isApart = line.trim() === "";
    // A fence in a quote or an item ends with it.
    if (isApart && fence !== "" && reader.isAtEdge()) fence = "";
  }
  yield* ended();
}

/** Lines of a text, one at a time. */
class Lines {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(): string | undefined {
    if (this.#at > this.#text.length) return undefined;
    const end = this.#text.indexOf("\n", this.#at);
    const stop = end === -1 ? this.#text.length : end;
    const line = this.#text.slice(this.#at, stop);
    this.#at = stop + 1;
    return line;
  }

  isAtEdge(): boolean {
    return /^[^\s>]/.test(this.#text.slice(this.#at, this.#at + 1));
  }
}

/** What stands until the fence's end, or that of the text. */
function fenced(reader: Lines, marks: string): string {
  const inside: string[] = [];
  for (let line = reader.next(); line !== undefined; line = reader.next()) {
    const [, indent = "", end = "", info = ""] = FENCE.exec(line) ?? [];
    if (/^ {0,3}$/.test(indent) && isEndOf(marks, end, info)) break;
    inside.push(line);
  }
  return inside.join("\n");
}

function isEndOf(fence: string, marks: string, info: string): boolean {
  return marks.startsWith(fence) && info.trim() === "";
}

function stretch(text: string): Stretch {
  const own = text.replaceAll(ESCAPED, "x");
  const isProse = own.split("\n").every((line) => PROSE.test(line)) && !LINKS.test(own);
  const isLong = text.length > formatLimits.stretchCharsMax;
  return { type: isProse || isLong || isTangled(own) ? "plain" : "marked", text };
}

/** Whether parsing it would take too long, or too deep a stack. */
function isTangled(text: string): boolean {
  if (count(text, /[*_~]/g) > formatLimits.emphasisMarks) return true;
  if (count(text, /[[\]]/g) > formatLimits.brackets) return true;
  let containers = 0;
  return text.split("\n").some((line) => {
    if (RUN.test(line) && !RUN_ALONE.test(line)) return true;
    const own = count(CONTAINERS.exec(line)?.[0] ?? "", /[>\-+*.)]/g);
    containers += own;
    return own > formatLimits.containersOfLine || containers > formatLimits.containers;
  });
}

/** What parsing a stretch takes, in characters of `formatLimits.markedChars`. */
export function effortOf(text: string): number {
  const { parseChars, markChars, cellChars, blockChars } = formatLimits;
  const lines = text.split("\n");
  // Every row of a table has as many cells as the widest.
  const columns = Math.max(...lines.map((line) => count(line, /\|/g)));
  const marks = markChars * count(text, MARK) + blockChars * count(text, BLOCK);
  return parseChars + text.length + marks + cellChars * columns * lines.length;
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
