// Lines of pages into text with structure: headings by the size of their letters, paragraphs joined
// across lines and pages, words joined that were hyphenated, rows of tables, and without what is
// repeated at the top and bottom of pages.

import type { PdfLine, PdfPage } from "./pdf-lines.ts";
import { TableOut } from "./table.ts";
import { TextOut } from "./text-out.ts";

/** Share of a page's height at its top and bottom where running lines stand. */
const MARGIN_SHARE = 0.1;
/** A line is a running one from so many pages on, and on such a share of them. */
const RUNNING_PAGES = 3;
const RUNNING_SHARE = 0.05;
/** Page numbers start as far as this from one: front matter is counted otherwise. */
const COUNTED_FROM = 40;
/** A heading's letters are so much larger than the text's; it has so many characters at most. */
const HEADING_SIZE = 1.15;
const HEADING_CHARS = 200;
const HEADING_LEVELS = 4;
/** Distance of lines, against the usual one, from which a paragraph ends; and of an indentation. */
const PARAGRAPH_GAP = 1.35;
const INDENT = 0.8;
/** A line that leaves so much of the page's text width empty ends a paragraph. */
const SHORT_SHARE = 0.25;
const PAGE_NUMBER =
  /^(?:page|seite|página|pagina)?\s*[-–(]?\s*(?:\d{1,4}|[ivxlc]{1,7})\s*[-–)]?(?:\s*(?:\/|of|von|de|di|sur)\s*\d{1,4})?$/i;
const BULLET = /^(?:[•‣▪●◦–·*]|-)\s+/;
const NUMBERED = /^(?:\d{1,3}|[a-z])[.)]\s+/;
const SENTENCE_END = /[.!?:;。！？：；"”»)\]]$/;
const DENSE = /[\u0e00-\u0eff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]/;

/** The text of pages. */
export function layOut(pages: readonly PdfPage[]): {
  readonly text: string;
  /** UTF-8 bytes before each page. */
  readonly offsets: readonly number[];
  readonly firstHeading: string | undefined;
} {
  const layout = new Layout(pages);
  const offsets: number[] = [];
  for (const page of pages) offsets.push(layout.page(page));
  const text = layout.end().trimEnd();
  const bytes = Buffer.byteLength(text);
  return {
    text,
    offsets: offsets.map((offset) => Math.min(offset, bytes)),
    firstHeading: layout.firstHeading,
  };
}

class Layout {
  firstHeading: string | undefined;
  readonly #out = new TextOut();
  readonly #tables = new TableOut(this.#out);
  readonly #isRunning: (page: PdfPage, line: PdfLine) => boolean;
  readonly #bodySize: number;
  readonly #levels: readonly number[];
  /** The paragraph, list item or heading that is open. */
  #open: string[] = [];
  #level = 0;
  #before: PdfLine | undefined;
  #usualGap = 0;
  /** Where a line of the page ends that is a short one. */
  #shortEnd = 0;
  #isLastItem = false;
  #pending: PdfLine[] = [];

  constructor(pages: readonly PdfPage[]) {
    this.#isRunning = runningLines(pages);
    const sizes = charsBySize(pages);
    this.#bodySize = [...sizes].reduce((best, one) => (one[1] > best[1] ? one : best), [0, 0])[0];
    this.#levels = [...sizes.keys()]
      .filter((size) => size >= this.#bodySize * HEADING_SIZE)
      .sort((a, b) => b - a)
      .slice(0, HEADING_LEVELS);
  }

  /** Adds a page; gives where it starts in the text. */
  page(page: PdfPage): number {
    // Large letters at a page's top are a chapter's beginning.
    const lines = page.lines.filter(
      (line) => this.#levelOf(line) > 0 || !this.#isRunning(page, line),
    );
    this.#endTable();
    this.#usualGap = usualGap(lines);
    this.#shortEnd = shortEnd(lines);
    const [first] = lines;
    const goesOn = first !== undefined && this.#level === 0 && this.#isCut(first.text);
    if (!goesOn) this.#close();
    this.#before = undefined;
    let start = this.#out.bytes + (this.#out.isEmpty ? 0 : 1);
    for (const [index, line] of lines.entries()) {
      if (index === 0 && goesOn) {
        this.#join(line.text);
        for (const part of this.#open) start += Buffer.byteLength(part);
        start -= Buffer.byteLength(line.text);
        this.#before = line;
      } else this.#line(line);
    }
    return start;
  }

  end(): string {
    this.#endTable();
    this.#close();
    return this.#out.toString();
  }

  #line(line: PdfLine): void {
    if (line.cells.length > 1) {
      this.#close();
      if (this.#pending.length > 0 && this.#pending[0]?.cells.length !== line.cells.length) {
        this.#endTable();
      }
      this.#pending.push(line);
      this.#before = line;
      return;
    }
    this.#endTable();
    const level = this.#levelOf(line);
    const bullet = BULLET.exec(line.text)?.[0];
    if (level !== this.#level || bullet !== undefined || this.#isNewParagraph(line)) this.#close();
    this.#level = level;
    if (this.#open.length > 0) this.#join(line.text);
    else if (bullet === undefined) this.#open.push(line.text);
    else this.#open.push("- ", line.text.slice(bullet.length));
    this.#before = line;
  }

  #levelOf({ size, text }: PdfLine): number {
    if (text.length > HEADING_CHARS || !/\p{L}/u.test(text)) return 0;
    const place = this.#levels.findIndex((one) => rounded(size) >= one);
    return place + 1;
  }

  #isNewParagraph(line: PdfLine): boolean {
    const before = this.#before;
    if (before === undefined || this.#open.length === 0) return true;
    const gap = before.y - line.y;
    // Further up: a new column or box, in which a sentence may go on.
    if (gap < 0) return !this.#isCut(line.text);
    if (gap > Math.max(this.#usualGap, line.size) * PARAGRAPH_GAP) return true;
    if (NUMBERED.test(line.text) && SENTENCE_END.test(before.text)) return true;
    if (before.end < this.#shortEnd && /^[\p{Lu}\p{N}]/u.test(line.text)) return true;
    const isIndented = line.x > before.x + line.size * INDENT;
    return isIndented && SENTENCE_END.test(before.text);
  }

  /** Adds a line to what is open, whose end alone is looked at. */
  #join(text: string): void {
    const last = this.#open.pop() ?? "";
    const end = last.slice(-2);
    const isHyphened = /\p{L}-$/u.test(end) && /^\p{Ll}/u.test(text);
    if (isHyphened || end.endsWith("\u00ad")) this.#open.push(last.slice(0, -1), text);
    else if (DENSE.test(end.slice(-1)) && DENSE.test(text[0] ?? "")) this.#open.push(last, text);
    else this.#open.push(last, " ", text);
  }

  /** Whether what is open ends within a sentence that goes on in a text. */
  #isCut(next: string): boolean {
    const last = this.#open.at(-1);
    if (last === undefined || SENTENCE_END.test(last.slice(-1))) return false;
    return /^[\p{Ll}\p{Lo}\d(]/u.test(next) && !BULLET.test(next);
  }

  #close(): void {
    const text = this.#open.join("").trim();
    this.#open = [];
    if (text === "") return;
    if (this.#level > 0) this.firstHeading ??= text;
    const isItem = text.startsWith("- ");
    if (isItem && this.#isLastItem) this.#out.add(`${text}\n`);
    else this.#out.block(`${this.#level > 0 ? `${"#".repeat(this.#level)} ` : ""}${text}\n`);
    this.#isLastItem = isItem;
    this.#level = 0;
  }

  /** Two rows or more of as many cells are a table; one alone is a line of text. */
  #endTable(): void {
    const rows = this.#pending;
    this.#pending = [];
    const [first] = rows;
    if (first !== undefined) this.#isLastItem = false;
    if (rows.length === 1 && first !== undefined) this.#out.block(`${first.text}\n`);
    else for (const [index, row] of rows.entries()) this.#tables.row(row.cells, index === 0);
  }
}

function rounded(size: number): number {
  return Math.round(size * 2) / 2;
}

function charsBySize(pages: readonly PdfPage[]): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const { lines } of pages) {
    for (const { size, text } of lines) {
      sizes.set(rounded(size), (sizes.get(rounded(size)) ?? 0) + text.length);
    }
  }
  return sizes;
}

/** The distance between most lines of a page. */
function usualGap(lines: readonly PdfLine[]): number {
  const gaps = lines
    .slice(1)
    .map((line, at) => (lines[at]?.y ?? 0) - line.y)
    .filter((gap) => gap > 0)
    .sort((a, b) => a - b);
  return gaps[Math.floor(gaps.length / 2)] ?? 0;
}

/** Lines that end before it leave much of the page's width empty. */
function shortEnd(lines: readonly PdfLine[]): number {
  let left = Number.POSITIVE_INFINITY;
  let right = 0;
  for (const { x, end } of lines) {
    left = Math.min(left, x);
    right = Math.max(right, end);
  }
  return right - (right - left) * SHORT_SHARE;
}

/** Tells lines that many pages have at the same place, but for the page's number; and page numbers. */
function runningLines(pages: readonly PdfPage[]): (page: PdfPage, line: PdfLine) => boolean {
  const isMargin = ({ height }: PdfPage, { y }: PdfLine): boolean =>
    y < height * MARGIN_SHARE || y > height * (1 - MARGIN_SHARE);
  const numbers = new Map(pages.map((page, at) => [page, at + 1]));
  const shape = (page: PdfPage, { text, y }: PdfLine): string => {
    const number = numbers.get(page) ?? 0;
    const isNumber = (digits: string): boolean => Math.abs(Number(digits) - number) <= COUNTED_FROM;
    return `${Math.round(y / 4)} ${text.replace(/\d+/g, (one) => (isNumber(one) ? "#" : one))}`;
  };
  const counts = new Map<string, number>();
  for (const page of pages) {
    const shapes = page.lines
      .filter((line) => isMargin(page, line))
      .map((line) => shape(page, line));
    for (const one of new Set(shapes)) counts.set(one, (counts.get(one) ?? 0) + 1);
  }
  const least = Math.max(RUNNING_PAGES, pages.length * RUNNING_SHARE);
  return (page, line) => {
    if (!isMargin(page, line)) return false;
    if ((counts.get(shape(page, line)) ?? 0) >= least) return true;
    const isEdge = line === page.lines[0] || line === page.lines.at(-1);
    return pages.length > 1 && isEdge && PAGE_NUMBER.test(line.text);
  };
}
