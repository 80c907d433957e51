// A document into chunks for search: along its structure (headings, fenced code, tables,
// paragraphs, sentences), each chunk an exact slice of the text. Pure; called where documents are
// taken in. Every character that is not white space is in at least one chunk.

/** One chunk. `span` is [start, end) in UTF-8 bytes of the document's text, exactly `text`. */
export interface Chunk {
  readonly text: string;
  /** Titles of the headings it stands under, outermost first. */
  readonly headings: readonly string[];
  readonly span: readonly [number, number];
  /** What a reader of only this chunk would miss, e.g. the header of the table it is a part of. */
  readonly context?: string;
}

/** Sizes in approximate tokens. */
export interface SplitOptions {
  /** Most of one chunk. Default 320. */
  readonly tokensMax?: number;
  /** Whole sentences of the chunk before that a chunk starts with, at most so much. Default 40. */
  readonly overlapTokens?: number;
}

/** Defaults and bounds. */
export const splitLimits = {
  tokensMax: 320,
  overlapTokens: 40,
  tokensMin: 16,
  headingDepth: 6,
  headingChars: 200,
} as const;

/** Version of the rules: a change makes other chunks of the same text. */
export const splitVersion = 1;

const QUARTERS = 4;
const DENSE_FROM = 0x0e00;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const TABLE = /^\s*\|.*\|\s*$/;

type Kind = "heading" | "code" | "table" | "prose";

interface Block {
  readonly kind: Kind;
  readonly start: number;
  readonly end: number;
  readonly headings: readonly string[];
}

/** A piece that is not cut any more. */
interface Unit {
  readonly start: number;
  readonly end: number;
  readonly block: Block;
}

const sentences = new Intl.Segmenter("en", { granularity: "sentence" });

/** Approximate tokens of a text: four characters a token, one token a character of a dense script. */
export function approximateTokens(text: string): number {
  let quarters = 0;
  for (let at = 0; at < text.length; at += 1) quarters += quartersOf(text.charCodeAt(at));
  return Math.ceil(quarters / QUARTERS);
}

/** Cuts a document. White space alone gives no chunk. */
export function splitDocument(text: string, options: SplitOptions = {}): Chunk[] {
  const tokensMax = Math.max(splitLimits.tokensMin, options.tokensMax ?? splitLimits.tokensMax);
  const overlap = Math.min(options.overlapTokens ?? splitLimits.overlapTokens, tokensMax / 2);
  const sizes = measure(text);
  const units = blocksOf(text).flatMap((block) => unitsOf(text, block, sizes, tokensMax));
  const chunks: Chunk[] = [];
  for (const [start, end, headings] of pack(units, sizes, tokensMax, overlap)) {
    chunks.push({
      text: text.slice(start, end),
      headings,
      span: [sizes.bytes[start] ?? 0, sizes.bytes[end] ?? 0],
    });
  }
  return chunks;
}

interface Sizes {
  /** Quarter tokens and UTF-8 bytes before each UTF-16 position. */
  readonly quarters: Uint32Array;
  readonly bytes: Uint32Array;
}

function quartersOf(code: number): number {
  return code < DENSE_FROM ? 1 : QUARTERS;
}

function measure(text: string): Sizes {
  const quarters = new Uint32Array(text.length + 1);
  const bytes = new Uint32Array(text.length + 1);
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    quarters[at + 1] = (quarters[at] ?? 0) + quartersOf(code);
    bytes[at + 1] = (bytes[at] ?? 0) + bytesOf(text, at, code);
  }
  return { quarters, bytes };
}

/** UTF-8 bytes of one UTF-16 unit: two for each half of a pair, three for a half without its other. */
function bytesOf(text: string, at: number, code: number): number {
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  if (code < 0xd800 || code > 0xdfff) return 3;
  return isInPair(text, at, code) ? 2 : 3;
}

function isInPair(text: string, at: number, code: number): boolean {
  if (code < 0xdc00) {
    const next = text.charCodeAt(at + 1);
    return next >= 0xdc00 && next <= 0xdfff;
  }
  const before = text.charCodeAt(at - 1);
  return before >= 0xd800 && before < 0xdc00;
}

interface Line {
  readonly start: number;
  /** Behind the line break. */
  readonly end: number;
  readonly text: string;
}

function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  let start = 0;
  while (start < text.length) {
    const found = text.indexOf("\n", start);
    const end = found < 0 ? text.length : found + 1;
    lines.push({ start, end, text: text.slice(start, end).replace(/\r?\n$/, "") });
    start = end;
  }
  return lines;
}

/** Structure of the text: blocks in order, blank lines between them left out. */
function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  const path: { depth: number; title: string }[] = [];
  let headings: readonly string[] = [];
  let fence = "";
  let open: { kind: Kind; start: number; end: number } | undefined;
  const close = (): void => {
    if (open !== undefined) blocks.push({ ...open, headings });
    open = undefined;
  };
  const extend = (kind: Kind, line: Line): void => {
    if (open !== undefined && open.kind !== kind) close();
    open = { kind, start: open?.start ?? line.start, end: line.end };
  };
  for (const line of linesOf(text)) {
    const mark = FENCE.exec(line.text)?.[1] ?? "";
    if (fence !== "") {
      extend("code", line);
      const isEnd = mark[0] === fence[0] && mark.length >= fence.length;
      if (isEnd && line.text.trim() === mark) {
        fence = "";
        close();
      }
      continue;
    }
    const heading = HEADING.exec(line.text);
    if (mark !== "") {
      close();
      fence = mark;
      extend("code", line);
    } else if (heading !== null) {
      close();
      const depth = heading[1]?.length ?? 1;
      while ((path.at(-1)?.depth ?? 0) >= depth) path.pop();
      path.push({ depth, title: (heading[2] ?? "").slice(0, splitLimits.headingChars) });
      headings = path.map(({ title }) => title).filter((title) => title !== "");
      extend("heading", line);
      close();
    } else if (line.text.trim() === "") {
      close();
    } else {
      extend(TABLE.test(line.text) ? "table" : "prose", line);
    }
  }
  close();
  return blocks;
}

/** Sentences of prose, lines of tables and code; what is still too long is cut between words. */
function unitsOf(text: string, block: Block, sizes: Sizes, tokensMax: number): Unit[] {
  const units: Unit[] = [];
  const add = (start: number, end: number): void => {
    const [from, to] = trimmed(text, start, end);
    for (const [a, b] of cut(text, from, to, sizes, tokensMax)) {
      units.push({ start: a, end: b, block });
    }
  };
  const inner = text.slice(block.start, block.end);
  if (block.kind === "prose") {
    for (const { index, segment } of sentences.segment(inner)) {
      add(block.start + index, block.start + index + segment.length);
    }
  } else if (fits(block.start, block.end, sizes, tokensMax)) {
    add(block.start, block.end);
  } else {
    for (const line of linesOf(inner)) add(block.start + line.start, block.start + line.end);
  }
  return units;
}

function fits(start: number, end: number, sizes: Sizes, tokensMax: number): boolean {
  const quarters = (sizes.quarters[end] ?? 0) - (sizes.quarters[start] ?? 0);
  return quarters <= tokensMax * QUARTERS;
}

function trimmed(text: string, start: number, end: number): [number, number] {
  const piece = text.slice(start, end);
  const from = start + (piece.length - piece.trimStart().length);
  return [from, Math.max(from, start + piece.trimEnd().length)];
}

/** Pieces of at most `tokensMax`, cut at white space where there is some in the second half. */
function cut(
  text: string,
  start: number,
  end: number,
  sizes: Sizes,
  tokensMax: number,
): [number, number][] {
  const pieces: [number, number][] = [];
  let from = start;
  while (from < end) {
    let to = end;
    if (!fits(from, to, sizes, tokensMax)) {
      to = lastFitting(from, end, sizes, tokensMax);
      const space = text.slice(from, to).search(/\s\S*$/);
      if (space > (to - from) / 2) to = from + space;
      else if (isInPair(text, to, text.charCodeAt(to)) && text.charCodeAt(to) >= 0xdc00) to -= 1;
    }
    const [a, b] = trimmed(text, from, to);
    if (b > a) pieces.push([a, b]);
    from = to;
  }
  return pieces;
}

function lastFitting(start: number, end: number, sizes: Sizes, tokensMax: number): number {
  let low = start + 1;
  let high = end;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(start, middle, sizes, tokensMax)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Units into chunks: a heading starts a new one, unless there were only headings so far. */
function pack(
  units: readonly Unit[],
  sizes: Sizes,
  tokensMax: number,
  overlapTokens: number,
): [number, number, readonly string[]][] {
  const chunks: [number, number, readonly string[]][] = [];
  let current: Unit[] = [];
  const flush = (): void => {
    const [first] = current;
    const last = current.at(-1);
    if (first === undefined || last === undefined) return;
    chunks.push([first.start, last.end, last.block.headings]);
  };
  for (const unit of units) {
    const [first] = current;
    const opens = unit.block.kind === "heading" && current.some(isBody);
    if (first !== undefined && (opens || !fits(first.start, unit.end, sizes, tokensMax))) {
      flush();
      current = opens ? [] : overlapOf(current, unit, sizes, tokensMax, overlapTokens);
    }
    current.push(unit);
  }
  flush();
  return chunks;
}

const isBody = (unit: Unit): boolean => unit.block.kind !== "heading";

/** Last sentences of a full chunk that the next one starts with: never all of it, never code. */
function overlapOf(
  before: readonly Unit[],
  next: Unit,
  sizes: Sizes,
  tokensMax: number,
  overlapTokens: number,
): Unit[] {
  const kept: Unit[] = [];
  for (let at = before.length - 1; at > 0; at -= 1) {
    const unit = before[at];
    const end = before.at(-1)?.end ?? 0;
    if (unit === undefined || unit.block.kind !== "prose") break;
    if (!fits(unit.start, end, sizes, overlapTokens)) break;
    if (!fits(unit.start, next.end, sizes, tokensMax)) break;
    kept.unshift(unit);
  }
  return kept;
}
