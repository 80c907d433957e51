// A text in the pieces that one message of a platform takes, each in the platform's marks and without any.
// Both are cut at the same places, so that a piece that was refused for its marks is sent again by itself.

import { plainText } from "./format/plain.ts";
import type { Render } from "./format/render.ts";
import { split } from "./format/split.ts";

/** A piece. */
export interface Piece {
  readonly marked: string;
  readonly plain: string;
}

/**
 * The pieces of a Markdown text, none for a text of nothing.
 * @param max of each, in UTF-16 units as the platform counts them, with marks and without.
 */
export function piecesOf(markdown: string, render: Render, max: number): Piece[] {
  const parts = split(markdown, { max, unit: "utf16", render: longerOf(render) });
  const pieces = parts.map((part) => ({ marked: render(part), plain: plainText(part) }));
  return pieces.filter(({ marked, plain }) => marked.trim() !== "" && plain.trim() !== "");
}

// What is longer once it is counted: addresses of links stand in a text without marks.
function longerOf(render: Render): Render {
  const counted = (written: string) => render.counted?.(written) ?? written;
  const longer = (marked: string, plain: string) =>
    plain.length > counted(marked).length ? plain : counted(marked);
  return Object.assign((markdown: string) => longer(render(markdown), plainText(markdown)), {
    blocks: (blocks: Parameters<Render["blocks"]>[0]) =>
      longer(render.blocks(blocks), plainText.blocks(blocks)),
  });
}
