// How a text is cut into deltas: by the text alone, never by how it came. So a text has the same deltas
// while it is written, when it is read again from the log, and after a restart of the server; and the
// sequence numbers of its events mean the same each time.

/** Characters of one delta without a space in it. */
const WORD_CHARS = 16;
/** White space before a word that is one delta with it. */
const SPACE_CHARS = 64;

/**
 * End of the delta that begins at `from`, or -1 while more of the text has to come to tell.
 * @param isWhole whether nothing more comes.
 */
export function segmentEnd(text: string, from: number, isWhole: boolean): number {
  let at = from;
  while (at < text.length && at - from < SPACE_CHARS && isSpace(text.charCodeAt(at))) at += 1;
  if (at - from === SPACE_CHARS) return at;
  const word = at;
  while (at < text.length && at - word < WORD_CHARS && !isSpace(text.charCodeAt(at))) at += 1;
  const isCut = at - word === WORD_CHARS;
  // Half of a pair is no character.
  const isHalf = at > from && isHighSurrogate(text.charCodeAt(at - 1));
  if (isHalf && at < text.length) return at + 1;
  if (at < text.length || (isCut && !isHalf)) return at;
  return isWhole && at > from ? at : -1;
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d) || unit === 0xa0;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
