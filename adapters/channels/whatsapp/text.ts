// What is said, in pieces that one message of WhatsApp takes.

/** A piece: with WhatsApp's marks, and without any. */
export interface Piece {
  readonly marked: string;
  readonly plain: string;
}

/** A text of Markdown in pieces of at most `max` characters each; none for a text of nothing. */
export function piecesOf(markdown: string, max: number): Piece[] {
  const pieces: Piece[] = [];
  let left = markdown.trim();
  while (left !== "") {
    const end = left.length <= max ? left.length : cutAt(left, max);
    const piece = left.slice(0, end);
    pieces.push({ marked: piece.replaceAll("**", "*"), plain: piece.replaceAll("**", "") });
    left = left.slice(end).trimStart();
  }
  return pieces;
}

// At the end of a paragraph, a line or a word; within a word never between the halves of a character.
function cutAt(text: string, max: number): number {
  for (const border of ["\n\n", "\n", " "]) {
    const at = text.lastIndexOf(border, max);
    if (at > max / 2) return at;
  }
  const code = text.charCodeAt(max);
  return code >= 0xdc00 && code <= 0xdfff ? max - 1 : max;
}
