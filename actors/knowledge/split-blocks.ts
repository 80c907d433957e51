// The structure of a Markdown-like text: headings, fenced code, tables, lists, paragraphs. One pass over
// its lines; only the beginnings of lines are looked at closely, so that an endless one costs no more.

import { isSpace } from "./split-measure.ts";

/** What a block is. */
export type BlockKind = "heading" | "code" | "table" | "list" | "prose";

/** A block; blank lines between blocks belong to none. Places are in UTF-16 units. */
export interface Block {
  readonly kind: BlockKind;
  readonly start: number;
  /** Behind the last line's break. */
  readonly end: number;
  /** Titles of the headings it stands under, outermost first; a heading stands under itself. */
  readonly headings: readonly string[];
}

/** A line. */
export interface Line {
  readonly start: number;
  /** Behind the line break. */
  readonly end: number;
}

/** Titles are cut at this length. */
export const HEADING_CHARS = 200;

/** Longer lines are no headings, table rules or fences. */
const SHORT_LINE = 1_000;
const FENCE = /^ {0,3}(`{3,}|~{3,})([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/;
const UNDERLINE = /^ {0,3}(=+|-+)[ \t]*$/;
const TABLE_RULE = /^[ \t]*\|?[ \t]*:?-+:?[ \t|:-]*$/;
const LIST_ITEM = /^[ \t]*(?:[-*+•]|\d{1,9}[.)])[ \t]+\S/;
const HEAD_CHARS = 80;

/** The lines of a stretch of text. */
export function* linesOf(text: string, start: number, end: number): Generator<Line> {
  let at = start;
  while (at < end) {
    const found = text.indexOf("\n", at);
    const next = found < 0 || found >= end ? end : found + 1;
    yield { start: at, end: next };
    at = next;
  }
}

/** Whether a list item starts with this line. */
export function isListItem(text: string, line: Line): boolean {
  return LIST_ITEM.test(text.slice(line.start, Math.min(line.end, line.start + HEAD_CHARS)));
}

/** The blocks, in order. */
export function* blocksOf(text: string): Generator<Block> {
  const reader = new BlockReader(text);
  for (const line of linesOf(text, 0, text.length)) yield* reader.line(line);
  yield* reader.close();
}

class BlockReader {
  readonly #text: string;
  readonly #path: { readonly depth: number; readonly title: string }[] = [];
  #headings: readonly string[] = [];
  #fence = "";
  #kind: BlockKind = "prose";
  #start = 0;
  #end = 0;
  #isOpen = false;
  /** Where the open block's last line starts, and how many it has. */
  #lastLine = 0;
  #lines = 0;

  constructor(text: string) {
    this.#text = text;
  }

  *line(line: Line): Generator<Block> {
    const end = this.#contentEnd(line);
    const isShort = end - line.start <= SHORT_LINE;
    const content = isShort ? this.#text.slice(line.start, end) : "";
    if (this.#fence !== "") {
      yield* this.#extend("code", line);
      if (this.#isFenceEnd(content)) yield* this.close();
      return;
    }
    const first = this.#firstOf(line.start, end);
    if (first === "") {
      yield* this.close();
      return;
    }
    const fence = FENCE.exec(content)?.[1];
    const heading = first === "#" ? HEADING.exec(content) : null;
    if (fence !== undefined) {
      yield* this.close();
      this.#fence = fence;
      yield* this.#extend("code", line);
    } else if (heading !== null) {
      yield* this.close();
      yield* this.#heading(heading[1]?.length ?? 1, heading[2] ?? "", line);
    } else if (this.#isUnderline(content)) yield* this.#underlined(content, line);
    else yield* this.#extend(yield* this.#kindOf(content, line, first, end), line);
  }

  *close(): Generator<Block> {
    this.#fence = "";
    if (!this.#isOpen) return;
    this.#isOpen = false;
    yield { kind: this.#kind, start: this.#start, end: this.#end, headings: this.#headings };
  }

  *#extend(kind: BlockKind, line: Line): Generator<Block> {
    if (this.#isOpen && this.#kind !== kind) yield* this.close();
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#kind = kind;
      this.#start = line.start;
      this.#lines = 0;
    }
    this.#end = line.end;
    this.#lastLine = line.start;
    this.#lines += 1;
  }

  /** A paragraph's last line becomes a table's header when a rule stands under it. */
  *#kindOf(
    content: string,
    line: Line,
    first: string,
    end: number,
  ): Generator<Block, BlockKind, undefined> {
    const kind = this.#isOpen ? this.#kind : undefined;
    if (first === "|" && this.#text[this.#lastOf(line.start, end)] === "|") return "table";
    if (kind === "table" && this.#text.slice(line.start, line.start + SHORT_LINE).includes("|")) {
      return "table";
    }
    const isRule = kind === "prose" && content.includes("|") && TABLE_RULE.test(content);
    if (isRule && this.#text.slice(this.#lastLine, line.start).includes("|")) {
      const header = { start: this.#lastLine, end: this.#end };
      this.#end = this.#lastLine;
      if (this.#lines > 1) yield* this.close();
      this.#isOpen = false;
      yield* this.#extend("table", header);
      return "table";
    }
    // Lines under an item belong to it.
    if (kind === "list" || isListItem(this.#text, line)) return "list";
    return "prose";
  }

  *#heading(depth: number, words: string, line: Line): Generator<Block> {
    const title = words.trim().replace(/(?:^|[ \t])#+$/, "");
    while ((this.#path.at(-1)?.depth ?? 0) >= depth) this.#path.pop();
    this.#path.push({ depth, title: title.trim().slice(0, HEADING_CHARS) });
    this.#headings = this.#path.map((one) => one.title).filter((one) => one !== "");
    yield* this.#extend("heading", line);
    yield* this.close();
  }

  /** One line with another of `=` or `-` under it. */
  #isUnderline(content: string): boolean {
    const isOneLine = this.#isOpen && this.#kind === "prose" && this.#lines === 1;
    return isOneLine && this.#end - this.#start <= HEADING_CHARS && UNDERLINE.test(content);
  }

  *#underlined(content: string, line: Line): Generator<Block> {
    const title = this.#text.slice(this.#start, this.#end);
    this.#kind = "heading";
    yield* this.#heading(content.includes("=") ? 1 : 2, title, line);
  }

  #isFenceEnd(content: string): boolean {
    const mark = content.trim();
    return mark.length >= this.#fence.length && mark === this.#fence.charAt(0).repeat(mark.length);
  }

  #contentEnd(line: Line): number {
    if (this.#text[line.end - 1] !== "\n") return line.end;
    return this.#text[line.end - 2] === "\r" && line.end - 2 >= line.start
      ? line.end - 2
      : line.end - 1;
  }

  /** First character that is not white space, "" when there is none. */
  #firstOf(start: number, end: number): string {
    for (let at = start; at < end; at += 1)
      if (!isSpace(this.#text, at)) return this.#text.charAt(at);
    return "";
  }

  #lastOf(start: number, end: number): number {
    let at = end - 1;
    while (at > start && isSpace(this.#text, at)) at -= 1;
    return at;
  }
}
