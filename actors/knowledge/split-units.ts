// Blocks into what is not divided any more: sentences, list items, rows of tables, lines of code; and
// what of these is too long, cut between words. Whoever packs them sees which belong together.

import { lazy } from "../../runtime/shared/lazy.ts";
import { type Block, isListItem, type Line, linesOf } from "./split-blocks.ts";
import { cut, dividesPair, isSpace, type Measure, trimmed } from "./split-measure.ts";

/** A piece of text without white space around it. Places are in UTF-16 units. */
export interface Unit {
  readonly start: number;
  readonly end: number;
  readonly tokens: number;
}

/** Units that are better not parted: a paragraph, a table, a declaration. */
export interface Group {
  readonly block: Block;
  readonly units: readonly Unit[];
  /** Tokens of all, should they fit in one chunk. */
  readonly tokens: number;
  /** What a piece without the group's beginning is to be read with: a header, a declaration. */
  readonly context: string;
  /** The first units that hold what `context` says. */
  readonly contextUnits: number;
}

/** What units are made with. */
export interface UnitOptions {
  readonly text: string;
  readonly tokensMax: number;
  readonly measure: Measure;
}

const CONTEXT_CHARS = 400;
/** Of a chunk, what its context may take. */
const CONTEXT_SHARE = 0.25;
/** Sentences are looked for in stretches of this length, which makes the search linear. */
const WINDOW_CHARS = 1_024;
const WINDOW_SLACK = 128;
/** Groups are handed on at this many units, so that an endless paragraph is not held. */
const GROUP_UNITS = 256;
/** A stretch of more characters for each token of a chunk is not measured as a whole. */
const CHARS_PER_TOKEN = 32;

const sentences = lazy(() => new Intl.Segmenter("en", { granularity: "sentence" }));
const WHOLE = [{ index: 0 }] as const;
/** Without one of these there is one sentence; to look for them costs a tenth. */
const SENTENCE_END = /[\p{Sentence_Terminal}\u0085\u2028\u2029]/u;

/** The groups of a block. */
export function* groupsOf(block: Block, options: UnitOptions): Generator<Group> {
  if (block.kind === "code") yield* codeGroups(block, options);
  else if (block.kind === "table") yield* tableGroups(block, options);
  else if (block.kind === "heading") {
    yield* grouped(block, cutUnits(block.start, block.end, options), "", 0);
  } else yield* grouped(block, proseUnits(block, options), "", 0);
}

/** Units in groups, the first of which has the block's beginning. */
function* grouped(
  block: Block,
  units: Iterable<Unit>,
  context: string,
  contextUnits: number,
): Generator<Group> {
  let open: Unit[] = [];
  let tokens = 0;
  let isFirst = true;
  for (const unit of units) {
    if (open.length === GROUP_UNITS) {
      yield { block, units: open, tokens, context, contextUnits: isFirst ? contextUnits : 0 };
      isFirst = false;
      open = [];
      tokens = 0;
    }
    open.push(unit);
    // A gap is white space, of a token at most when it is a usual one.
    tokens += unit.tokens + 1;
  }
  if (open.length === 0) return;
  yield { block, units: open, tokens, context, contextUnits: isFirst ? contextUnits : 0 };
}

function* cutUnits(
  start: number,
  end: number,
  { text, tokensMax, measure }: UnitOptions,
): Generator<Unit> {
  for (const [from, to, tokens] of cut(text, start, end, tokensMax, measure)) {
    yield { start: from, end: to, tokens };
  }
}

/** One unit where it fits, else pieces. */
function* fittingUnits(start: number, end: number, options: UnitOptions): Generator<Unit> {
  const [from, to] = trimmed(options.text, start, end);
  if (from === to) return;
  const tokens = wholeTokens(from, to, options);
  if (tokens <= options.tokensMax) yield { start: from, end: to, tokens };
  else yield* cutUnits(from, to, options);
}

function wholeTokens(start: number, end: number, options: UnitOptions): number {
  const { text, tokensMax, measure } = options;
  if (end - start > tokensMax * CHARS_PER_TOKEN) return Number.POSITIVE_INFINITY;
  return measure(text.slice(start, end));
}

/** Sentences of a paragraph; of a list, items where they fit, else their sentences. */
function* proseUnits(block: Block, options: UnitOptions): Generator<Unit> {
  if (block.kind === "prose") {
    yield* sentenceUnits(block.start, block.end, options);
    return;
  }
  let start = block.start;
  const item = function* (end: number): Generator<Unit> {
    const [from, to] = trimmed(options.text, start, end);
    if (from === to) return;
    const tokens = wholeTokens(from, to, options);
    if (tokens <= options.tokensMax) yield { start: from, end: to, tokens };
    else yield* sentenceUnits(from, to, options);
  };
  for (const line of linesOf(options.text, block.start, block.end)) {
    if (line.start === start || !isListItem(options.text, line)) continue;
    yield* item(line.start);
    start = line.start;
  }
  yield* item(block.end);
}

function* sentenceUnits(start: number, end: number, options: UnitOptions): Generator<Unit> {
  const { text } = options;
  let at = start;
  while (at < end) {
    const to = windowEnd(text, at, end);
    // A line's end is no sentence's end.
    const window = text.slice(at, to).replace(/[\r\n]/g, " ");
    let next = at;
    let before: number | undefined;
    const segments = SENTENCE_END.test(window) ? sentences().segment(window) : WHOLE;
    for (const { index } of segments) {
      if (before !== undefined) yield* fittingUnits(at + before, at + index, options);
      before = index;
      next = at + index;
    }
    // The last one may go on behind the window; with it the next one starts.
    if (to < end && next > at) at = next;
    else {
      yield* fittingUnits(next, to, options);
      at = to;
    }
  }
}

function windowEnd(text: string, start: number, end: number): number {
  const most = start + WINDOW_CHARS;
  if (most >= end) return end;
  for (let at = most; at > most - WINDOW_SLACK; at -= 1) if (isSpace(text, at - 1)) return at;
  return dividesPair(text, most) ? most - 1 : most;
}

/** Rows; the header stands with the first of them, and beside the others as their context. */
function* tableGroups(block: Block, options: UnitOptions): Generator<Group> {
  const { text } = options;
  let header: Line | undefined;
  let bodyStart = block.end;
  for (const line of linesOf(text, block.start, block.end)) {
    if (header === undefined) header = line;
    else if (
      /^[ \t|:\r\n-]*$/.test(text.slice(line.start, Math.min(line.end, line.start + CONTEXT_CHARS)))
    ) {
    } else {
      bodyStart = line.end;
      break;
    }
  }
  const units = function* (): Generator<Unit> {
    yield* fittingUnits(block.start, bodyStart, options);
    for (const line of linesOf(text, bodyStart, block.end)) {
      yield* fittingUnits(line.start, line.end, options);
    }
  };
  const context = header === undefined ? "" : contextOf(header, options);
  yield* grouped(block, units(), context, 1);
}

/** A line as context: short enough to leave room. */
function contextOf(line: Line, { text, tokensMax, measure }: UnitOptions): string {
  const [start, end] = trimmed(text, line.start, Math.min(line.end, line.start + CONTEXT_CHARS));
  const [piece] = cut(text, start, end, tokensMax * CONTEXT_SHARE, measure);
  return piece === undefined ? "" : text.slice(piece[0], piece[1]);
}

/** Code whole where it fits; else its declarations, then what stands between blank lines, then lines. */
function* codeGroups(block: Block, options: UnitOptions): Generator<Group> {
  const [start, end] = trimmed(options.text, block.start, block.end);
  const tokens = wholeTokens(start, end, options);
  if (tokens <= options.tokensMax) {
    yield* grouped(block, [{ start, end, tokens }], "", 0);
    return;
  }
  for (const part of codeParts(block.start, block.end, 0, options.text)) {
    const first = firstCodeLine(part, options.text);
    const context = first === undefined ? "" : contextOf(first, options);
    yield* grouped(block, codeUnits(part.start, part.end, 1, options), context, 1);
  }
}

const LINES_LEVEL = 2;

function* codeUnits(
  start: number,
  end: number,
  level: number,
  options: UnitOptions,
): Generator<Unit> {
  const [from, to] = trimmed(options.text, start, end);
  if (from === to) return;
  const tokens = wholeTokens(from, to, options);
  if (tokens <= options.tokensMax) yield { start: from, end: to, tokens };
  else if (level > LINES_LEVEL) yield* cutUnits(from, to, options);
  else {
    for (const part of codeParts(start, end, level, options.text)) {
      yield* codeUnits(part.start, part.end, level + 1, options);
    }
  }
}

/** Level 0 parts before declarations, 1 at blank lines, 2 at every line. */
function* codeParts(start: number, end: number, level: number, text: string): Generator<Line> {
  let from = start;
  let isAfterBlank = false;
  for (const line of linesOf(text, start, end)) {
    const isBlank = isBlankLine(text, line);
    const isParted =
      level === LINES_LEVEL ||
      (isAfterBlank && !isBlank && (level === 1 || isTopLevel(text, line)));
    if (isParted && line.start > from) {
      yield { start: from, end: line.start };
      from = line.start;
    }
    isAfterBlank = isBlank;
  }
  if (from < end) yield { start: from, end };
}

function isBlankLine(text: string, line: Line): boolean {
  for (let at = line.start; at < line.end; at += 1) if (!isSpace(text, at)) return false;
  return true;
}

/** A line at the margin that begins something. */
function isTopLevel(text: string, line: Line): boolean {
  return /^[^\s)\]}`~]/.test(text.slice(line.start, line.start + 1));
}

/** The line that says what a declaration is: the first that is no comment and no fence. */
function firstCodeLine(part: Line, text: string): Line | undefined {
  for (const line of linesOf(text, part.start, part.end)) {
    const head = text.slice(line.start, line.start + 4).trim();
    if (head !== "" && !/^(?:```|~~~|\/\/|\/\*|\*|#|--|@)/.test(head)) return line;
  }
  return undefined;
}
