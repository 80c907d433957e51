// Pieces of a page's text, as a PDF draws them, into lines: what stands on one base line in one go.
// The order is that of the file, which keeps columns apart where a sort by place would mix them.

import { unreadable } from "./limits.ts";
import { cleaned } from "./text-out.ts";

/** What the library gives of a piece of text. */
export interface PdfPiece {
  readonly str: string;
  /** a, b, c, d, x, y. */
  readonly transform: readonly number[];
  readonly width: number;
  readonly height: number;
  readonly hasEOL: boolean;
}

/** A line of a page; lengths in points, `y` upwards. */
export interface PdfLine {
  readonly text: string;
  /** The line's parts where wide gaps divide it, as in a table without rules. */
  readonly cells: readonly string[];
  readonly x: number;
  readonly y: number;
  readonly end: number;
  readonly size: number;
}

/** A page. */
export interface PdfPage {
  readonly height: number;
  readonly lines: readonly PdfLine[];
}

/** In sizes of the font: another base line, a space, and a gap between columns. */
const BASELINE_SHIFT = 0.4;
const SPACE_GAP = 0.15;
const CELL_GAP = 1.6;
const BACK_GAP = 1;

/** Collects the lines of one page. */
export class PageLines {
  readonly #lines: PdfLine[] = [];
  #charsLeft: number;
  #cells: string[] = [];
  #x = 0;
  #y = 0;
  #end = 0;
  #size = 0;
  #isOpen = false;

  constructor(charsLeft: number) {
    this.#charsLeft = charsLeft;
  }

  /** @throws RuntimeError DOCUMENT_UNREADABLE (too-large). */
  add({ str, transform, width, height, hasEOL }: PdfPiece): void {
    this.#charsLeft -= str.length;
    if (this.#charsLeft < 0) {
      throw unreadable(
        "too-large",
        "The PDF has more text than is allowed. Divide it into smaller documents.",
      );
    }
    const [, , c = 0, d = 0, x = 0, y = 0] = transform;
    if (str.trim() !== "") {
      const size = Math.hypot(c, d) || height;
      if (this.#isOpen && this.#isElsewhere(x, y, size)) this.#close();
      this.#append(str, { x, y, width, size });
    } else if (str !== "" && this.#isOpen && width < this.#size * CELL_GAP) {
      this.#addText(" ");
    }
    if (hasEOL) this.#close();
  }

  end(): readonly PdfLine[] {
    this.#close();
    return this.#lines;
  }

  #isElsewhere(x: number, y: number, size: number): boolean {
    const most = Math.max(size, this.#size);
    return Math.abs(y - this.#y) > most * BASELINE_SHIFT || x < this.#end - most * BACK_GAP;
  }

  #append(
    text: string,
    at: { readonly x: number; readonly y: number; readonly width: number; readonly size: number },
  ): void {
    if (!this.#isOpen) {
      this.#cells = [""];
      this.#x = at.x;
      this.#y = at.y;
      this.#size = 0;
      this.#isOpen = true;
    } else {
      const gap = at.x - this.#end;
      if (gap > at.size * CELL_GAP) this.#cells.push("");
      else if (gap > at.size * SPACE_GAP) this.#addText(" ");
    }
    this.#addText(text);
    this.#end = at.x + at.width;
    this.#size = Math.max(this.#size, at.size);
  }

  #addText(text: string): void {
    this.#cells.push((this.#cells.pop() ?? "") + text);
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const cells = this.#cells.map((cell) => cleaned(cell).replace(/\s+/g, " ").trim());
    const full = cells.filter((cell) => cell !== "");
    if (full.length === 0) return;
    const place = { x: this.#x, y: this.#y, end: this.#end, size: this.#size };
    this.#lines.push({ text: full.join(" "), cells: full, ...place });
  }
}
