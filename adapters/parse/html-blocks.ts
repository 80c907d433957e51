// Blocks of text as they come out of a stream of tags: paragraphs, headings, list items, code, tables.
// A table with another one inside lays out a page: its cells are blocks.

import { fenceFor } from "./plain.ts";
import { TableOut } from "./table.ts";
import { TextOut } from "./text-out.ts";

const LIST_DEPTH = 8;

interface List {
  readonly isOrdered: boolean;
  next: number;
}

interface Table {
  rows: number;
  /** Cells of the row that is open. */
  cells: string[];
  isInCell: boolean;
  isLayout: boolean;
}

/** Collects blocks. */
export class BlockOut {
  /** Text of the first heading. */
  firstHeading: string | undefined;
  readonly #out = new TextOut();
  readonly #tables = new TableOut(this.#out);
  readonly #lists: List[] = [];
  readonly #open: Table[] = [];
  #parts: string[] = [];
  #level = 0;
  #marker = "";
  #isLastItem = false;
  #code: { readonly parts: string[]; language: string } | undefined;

  get isEmpty(): boolean {
    return this.#out.isEmpty;
  }

  text(text: string): void {
    (this.#code?.parts ?? this.#parts).push(text);
  }

  lineBreak(): void {
    this.text(this.#code === undefined && this.#table === undefined ? "\u2028" : "\n");
  }

  startHeading(level: number): void {
    this.endBlock();
    this.#level = level;
  }

  startList(isOrdered: boolean, start: string | undefined): void {
    this.endBlock();
    const first = Number.parseInt(start ?? "1", 10);
    this.#lists.push({ isOrdered, next: Number.isSafeInteger(first) ? first : 1 });
  }

  startItem(): void {
    this.endBlock();
    const list = this.#lists.at(-1);
    this.#marker = list?.isOrdered ? `${list.next}. ` : "- ";
    if (list !== undefined) list.next += 1;
  }

  endList(): void {
    this.endBlock();
    this.#lists.pop();
    this.#marker = "";
    if (this.#lists.length === 0) this.#isLastItem = false;
  }

  startCode(language: string): void {
    this.endBlock();
    this.#code ??= { parts: [], language };
  }

  codeLanguage(language: string): void {
    if (this.#code !== undefined && this.#code.language === "") this.#code.language = language;
  }

  endCode(): void {
    const code = this.#code;
    this.#code = undefined;
    const text = code?.parts.join("").trimEnd().replace(/^\n+/, "") ?? "";
    if (code === undefined || text === "") return;
    if (this.#table !== undefined) {
      this.text(` ${text} `);
      return;
    }
    const fence = fenceFor(text);
    this.#out.block(`${fence}${code.language}\n${text}\n${fence}\n`);
    this.#isLastItem = false;
  }

  startTable(): void {
    const outer = this.#table;
    if (outer !== undefined) this.#toLayout(outer);
    this.endBlock();
    this.#open.push({ rows: 0, cells: [], isInCell: false, isLayout: false });
  }

  startRow(): void {
    this.endRow();
  }

  /** Ends the cell before it, should that have no end. */
  startCell(): void {
    this.endCell();
    const table = this.#open.at(-1);
    if (table !== undefined) table.isInCell = true;
  }

  endCell(): void {
    const table = this.#open.at(-1);
    if (table === undefined || table.isLayout) this.endBlock();
    // What stands between cells belongs to none.
    else if (!table.isInCell) this.#parts = [];
    else table.cells.push(this.#taken());
    if (table?.isInCell) this.#tables.count(1);
    if (table !== undefined) table.isInCell = false;
  }

  endRow(): void {
    const table = this.#table;
    if (table === undefined) {
      this.endBlock();
      return;
    }
    this.endCell();
    const cells = trimmedRow(table.cells);
    table.cells = [];
    if (cells.length === 0) return;
    if (cells.length === 1 && table.rows === 0) {
      this.#block(cells[0] ?? "");
      return;
    }
    this.#tables.row(cells, table.rows === 0);
    table.rows += 1;
    this.#isLastItem = false;
  }

  endTable(): void {
    this.endRow();
    this.#open.pop();
  }

  /** Ends what is open, if it has text. Inside of a cell it only parts words. */
  endBlock(): void {
    if (this.#code !== undefined || this.#table !== undefined) {
      this.text(this.#code === undefined ? " " : "\n");
      return;
    }
    const text = this.#taken();
    if (text === "") return;
    if (this.#level > 0) {
      this.firstHeading ??= text;
      this.#out.block(`${"#".repeat(this.#level)} ${text.replaceAll("\n", " ")}\n`);
      this.#level = 0;
      this.#isLastItem = false;
    } else this.#block(text);
  }

  end(): void {
    this.endCode();
    while (this.#open.length > 0) this.endTable();
    this.endBlock();
  }

  /** The text; complete after `end`. */
  toString(): string {
    return this.#out.toString();
  }

  /** The innermost table, unless it lays out the page. */
  get #table(): Table | undefined {
    const table = this.#open.at(-1);
    return table?.isLayout ? undefined : table;
  }

  #toLayout(table: Table): void {
    table.isLayout = true;
    const texts = [...table.cells, this.#taken()];
    table.cells = [];
    for (const text of texts) if (text !== "") this.#block(text);
  }

  #block(text: string): void {
    const depth = Math.min(this.#lists.length, LIST_DEPTH);
    if (depth === 0) {
      this.#out.block(`${text}\n`);
      this.#isLastItem = false;
      return;
    }
    const indent = "  ".repeat(depth - 1);
    const inner = text.replaceAll("\n", `\n${indent}  `);
    const line =
      this.#marker === "" ? `${indent}  ${inner}\n` : `${indent}${this.#marker}${inner}\n`;
    this.#marker = "";
    // Items of one list stand close together.
    if (this.#isLastItem) this.#out.add(line);
    else this.#out.block(line);
    this.#isLastItem = true;
  }

  /** What was collected, as one paragraph with its own line breaks. */
  #taken(): string {
    const text = collapse(this.#parts);
    this.#parts = [];
    return text;
  }
}

function collapse(parts: readonly string[]): string {
  return parts
    .join("")
    .replace(/[\s\u00a0]+/g, (space) => (space.includes("\u2028") ? "\n" : " "))
    .trim();
}

/** Without empty cells at its end; a row of nothing else is none. */
function trimmedRow(cells: readonly string[]): string[] {
  const last = cells.findLastIndex((text) => text !== "");
  return cells.slice(0, last + 1);
}
