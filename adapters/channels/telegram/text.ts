// What is said, in pieces that one message of Telegram takes: as its HTML, and without marks.

/** A piece. */
export interface Piece {
  readonly html: string;
  readonly plain: string;
}

/** A text of Markdown in pieces; none for a text of nothing. */
export function piecesOf(markdown: string, max: number): Piece[] {
  const pieces: Piece[] = [];
  let left = markdown.trim();
  while (left !== "") {
    const end = left.length <= max ? left.length : cutAt(left, max);
    const piece = left.slice(0, end);
    pieces.push({ html: escaped(piece), plain: piece });
    left = left.slice(end).trimStart();
  }
  return pieces;
}

function cutAt(text: string, max: number): number {
  const code = text.charCodeAt(max);
  return code >= 0xdc00 && code <= 0xdfff ? max - 1 : max;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
