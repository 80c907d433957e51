// The parts of an answer for clients that show Markdown themselves: as it is where it fits, else cut by
// format/, which closes what a cut leaves open.

import { pieces } from "./format/pieces.ts";
import { markdownText } from "./format/write.ts";

/** Parts of at most `max` UTF-16 units, at least one. */
export function markdownParts(text: string, max: number): readonly string[] {
  // Nothing is read that need not be cut.
  if (text.length <= max) return [text];
  const cut = pieces(text, { max, unit: "utf16", render: markdownText });
  return cut.map((piece) => piece.text);
}
