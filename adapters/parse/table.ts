// Tables as Markdown has them: one row a line, cells between bars.

import { parseLimits, unreadable } from "./limits.ts";
import type { TextOut } from "./text-out.ts";

/** Writes the rows of one document's tables; the first row of each is its header. */
export class TableOut {
  readonly #out: TextOut;
  #cells = 0;

  constructor(out: TextOut) {
    this.#out = out;
  }

  /** One row. `isFirst` begins a table. @throws RuntimeError DOCUMENT_UNREADABLE (too-large). */
  row(cells: readonly string[], isFirst: boolean): void {
    this.count(cells.length);
    this.write(cells, isFirst);
  }

  /** A row whose cells were counted. @throws as `row`. */
  write(cells: readonly string[], isFirst: boolean): void {
    const line = `| ${cells.map(cellText).join(" | ")} |\n`;
    if (isFirst) {
      this.#out.block(line);
      this.#out.add(`|${" --- |".repeat(Math.max(1, cells.length))}\n`);
    } else this.#out.add(line);
  }

  /** Cells that were read. @throws as `row`. */
  count(cells: number): void {
    this.#cells += cells;
    if (this.#cells <= parseLimits.tableCells) return;
    throw unreadable(
      "too-large",
      `The document's tables have more than ${parseLimits.tableCells} cells. Divide it into smaller documents.`,
    );
  }
}

function cellText(text: string): string {
  return text.replace(/\s+/g, " ").trim().replaceAll("|", "\\|");
}
