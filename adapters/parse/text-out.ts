// Text as it is put together: counted in UTF-8 as it grows, so that a small file that unfolds
// into an endless text is refused long before it fills the memory.

import { toUSVString } from "node:util";
import { mebibytes, parseLimits, unreadable } from "./limits.ts";

// Control characters that mean nothing in a text; tab and line feed stay.
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is them that are looked for.
const CONTROLS = /[\u0000-\u0008\u000b\u000e-\u001f\u007f]/g;

/** Collects text. */
export class TextOut {
  readonly #parts: string[] = [];
  #bytes = 0;
  #last = "";

  /** UTF-8 bytes so far. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** @throws RuntimeError DOCUMENT_UNREADABLE (too-large). */
  add(text: string): void {
    if (text === "") return;
    const clean = cleaned(text);
    this.#bytes += Buffer.byteLength(clean);
    if (this.#bytes > parseLimits.textBytes) throw tooMuchText();
    this.#parts.push(clean);
    this.#last = clean;
  }

  /** A block of its own, an empty line before it. */
  block(text: string): void {
    if (!this.isEmpty) this.add(this.#last.endsWith("\n") ? "\n" : "\n\n");
    this.add(text);
  }

  toString(): string {
    return this.#parts.join("");
  }
}

/** Line breaks are `\n`, no control characters, no half of a surrogate pair. */
export function cleaned(text: string): string {
  return toUSVString(text)
    .replace(/\r\n?|\f/g, "\n")
    .replace(CONTROLS, "");
}

/** Refuses a text that is longer than allowed. */
export function checkTextSize(text: string): void {
  if (Buffer.byteLength(text) > parseLimits.textBytes) throw tooMuchText();
}

function tooMuchText(): Error {
  const most = mebibytes(parseLimits.textBytes);
  return unreadable(
    "too-large",
    `The document has more than ${most} of text. Divide it into smaller documents.`,
  );
}
