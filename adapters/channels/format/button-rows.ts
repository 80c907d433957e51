// Buttons as platforms take them: so many in a row, with labels of a length.

/** The list in pieces of `size`; the last may be shorter. */
export function chunksOf<T>(list: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let at = 0; at < list.length; at += size) chunks.push(list.slice(at, at + size));
  return chunks;
}

/** Cut to `max` UTF-16 units with an ellipsis, never within a character. */
export function shortened(text: string, max: number): string {
  if (text.length <= max) return text;
  let end = max - 1;
  const code = text.charCodeAt(end);
  if (code >= 0xdc00 && code <= 0xdfff) end -= 1;
  return `${text.slice(0, end).trimEnd()}…`;
}
