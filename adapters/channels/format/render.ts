// Writes blocks in a platform's own way. A platform is a Dialect: how it marks things. The walk through
// lists, quotes and tables is the same for all of them.

import type { Block, Inline, List, Mark, Row, Table } from "./document.ts";
import { textOf } from "./document.ts";
import { readMarkdown } from "./read.ts";
import { tableText } from "./table-text.ts";

/** How a platform writes. What is given as `inner`, `label` or `body` is written already; other texts are not. */
export interface Dialect {
  /** A text as it stands. */
  text(value: string): string;
  code(value: string): string;
  mark(mark: Mark, inner: string): string;
  /** `words` are the link's own, without marks. */
  link(label: string, url: string, words: string): string;
  heading(inner: string, depth: number): string;
  /** What stands before an item: "- ", "3. ". */
  bullet(number: number | null, isDone: boolean | null): string;
  fence(value: string, lang: string): string;
  quote(body: string): string;
  readonly rule: string;
  /** Between blocks of an item. Default a new line; everywhere else it is an empty one. */
  readonly betweenInItem?: string;
  /** Stands between two blocks that would be read as one. */
  apart?(before: Block, after: Block): string;
  /** Between the pieces of a line, where one of them is marked. Default nothing. */
  seam?(before: string, after: string): string;
  /** Default: monospaced, in a fence. */
  table?(rows: readonly string[][], table: Table): string;
  /** A list in another way than with bullets and indentation. */
  list?(items: readonly string[], list: List): string;
  paragraph?(inner: string): string;
  /** Default a line feed. */
  readonly lineBreak?: string;
}

/** Writes a text for a platform. */
export interface Render {
  (markdown: string): string;
  /** The same of what has been read. */
  blocks(blocks: readonly Block[]): string;
  /** What the platform counts of a written text, where that is not all of it. */
  readonly counted?: (written: string) => string;
}

const BETWEEN = "\n\n";
/** What means nothing but itself anywhere: dialects are not asked about it. */
const HARMLESS = /^[A-Za-z0-9 ]*$/;

/** The renderer of a dialect. */
export function renderer(dialect: Dialect, counted?: (written: string) => string): Render {
  const blocks = (of: readonly Block[]) => writeBlocks(of, dialect, BETWEEN);
  const render = (markdown: string) => blocks(readMarkdown(markdown));
  return Object.assign(render, { blocks, ...(counted === undefined ? {} : { counted }) });
}

function writeBlocks(blocks: readonly Block[], dialect: Dialect, between: string): string {
  let out = "";
  for (const [at, block] of blocks.entries()) {
    const before = blocks[at - 1];
    if (before !== undefined) out += `${between}${dialect.apart?.(before, block) ?? ""}`;
    out += writeBlock(block, dialect);
  }
  return out;
}

function writeBlock(block: Block, dialect: Dialect): string {
  switch (block.type) {
    case "paragraph": {
      const inner = writeInlines(block.children, dialect);
      return dialect.paragraph?.(inner) ?? inner;
    }
    case "heading":
      return dialect.heading(writeInlines(block.children, dialect), block.depth);
    case "code":
      return dialect.fence(block.value, block.lang);
    case "quote":
      return dialect.quote(writeBlocks(block.children, dialect, BETWEEN));
    case "list":
      return writeList(block, dialect);
    case "table":
      return writeTable(block, dialect);
    case "rule":
      return dialect.rule;
  }
}

function writeList(list: List, dialect: Dialect): string {
  const between = dialect.betweenInItem ?? "\n";
  const items = list.items.map(({ children }) => writeBlocks(children, dialect, between));
  if (dialect.list !== undefined) return dialect.list(items, list);
  return items
    .map((item, at) => {
      const number = list.start === null ? null : list.start + at;
      const bullet = dialect.bullet(number, list.items[at]?.isDone ?? null);
      return `${bullet}${indented(item, number === null ? 2 : `${number}. `.length)}`.trimEnd();
    })
    .join("\n");
}

/** Lines with the mark of a quote. */
export function quoted(body: string): string {
  return `> ${body.replaceAll("\n", "\n> ")}`;
}

/** Lines after the first one stand below its text. */
function indented(item: string, columns: number): string {
  return item.replaceAll(/\n(?!\n|$)/g, `\n${" ".repeat(columns)}`);
}

function writeTable(table: Table, dialect: Dialect): string {
  const write = (row: Row) => row.map((cell) => writeInlines(cell, dialect));
  if (dialect.table !== undefined) return dialect.table(table.rows.map(write), table);
  return dialect.fence(tableText(table.rows.map((row) => row.map(textOf))), "");
}

/** What stands in a line. */
export function writeInlines(inlines: readonly Inline[], dialect: Dialect): string {
  let out = "";
  let isMarked = false;
  for (const inline of inlines) {
    const piece = writeInline(inline, dialect);
    const wasMarked = isMarked;
    isMarked = inline.type !== "text" && inline.type !== "break";
    const seam = isMarked || wasMarked ? dialect.seam?.(out, piece) : undefined;
    out += `${seam ?? ""}${piece}`;
  }
  return out;
}

function writeInline(inline: Inline, dialect: Dialect): string {
  switch (inline.type) {
    case "text":
      return HARMLESS.test(inline.value) ? inline.value : dialect.text(inline.value);
    case "code":
      return dialect.code(inline.value);
    case "break":
      return dialect.lineBreak ?? "\n";
    case "link":
      return dialect.link(
        writeInlines(inline.children, dialect),
        inline.url,
        textOf(inline.children),
      );
    default:
      return dialect.mark(inline.type, writeInlines(inline.children, dialect));
  }
}
