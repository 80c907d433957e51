// Cuts a text that is longer than what one message may have, where the client shows Markdown itself.

/** Share of a piece, from its end, in which a better place for a cut is looked for. */
const SEARCHED = 4;

/** Pieces of at most `max` UTF-16 units which joined are the text; never none, never half a character. */
export function cutText(text: string, max: number): readonly string[] {
  const pieces: string[] = [];
  let from = 0;
  while (text.length - from > max) {
    const end = placeOf(text, from, max);
    pieces.push(text.slice(from, end));
    from = end;
  }
  pieces.push(text.slice(from));
  return pieces;
}

function placeOf(text: string, from: number, max: number): number {
  const end = from + max;
  const least = end - Math.floor(max / SEARCHED);
  for (const mark of ["\n\n", "\n", " "]) {
    const at = text.lastIndexOf(mark, end - mark.length);
    if (at >= least) return at + mark.length;
  }
  const isPair = /[\ud800-\udbff]/.test(text[end - 1] ?? "");
  return isPair && max > 1 ? end - 1 : end;
}
