// Words and phrases that a text must not hold: whole words in any case, their spaces whatever they are.
// In scripts that put no spaces between words they are found anywhere.

import { type Hit, type Scanner, withoutOverlaps } from "./scanner.ts";

const STRIDE_CHARS = 32;
/** White space between the words of a phrase, units. */
const GAP_CHARS = 4;
const TOKEN = /[\p{L}\p{N}\p{M}_]+/gu;
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Khmer}\p{Script=Lao}\p{Script=Myanmar}]/u;

interface Token {
  readonly word: string;
  readonly start: number;
  readonly end: number;
}

/** @param words 1 to 500. */
export function wordScanner(words: readonly string[]): Scanner {
  const unspaced = words.filter((word) => UNSPACED.test(word)).map(folded);
  const phrases = new Map<string, (readonly string[])[]>();
  let longest = Math.max(0, ...unspaced.map((word) => word.length));
  for (const word of words) {
    if (UNSPACED.test(word)) continue;
    const parts = tokensOf(word).map((token) => token.word);
    const [first] = parts;
    if (first === undefined) continue;
    longest = Math.max(longest, word.length + GAP_CHARS * parts.length);
    phrases.set(first, [...(phrases.get(first) ?? []), parts]);
  }
  return {
    windowChars: longest + 2,
    strideChars: STRIDE_CHARS,
    scan: (text, from) =>
      withoutOverlaps([...phrasesIn(text, from, phrases), ...anywhere(text, from, unspaced)]),
  };
}

function phrasesIn(
  text: string,
  from: number,
  phrases: ReadonlyMap<string, readonly (readonly string[])[]>,
): readonly Hit[] {
  if (phrases.size === 0) return [];
  const tokens = tokensOf(text);
  const hits: Hit[] = [];
  for (const [at, { word, start }] of tokens.entries()) {
    if (start < from) continue;
    for (const parts of phrases.get(word) ?? []) {
      const end = endOf(text, tokens, at, parts);
      if (end !== null) hits.push({ start, end, type: "WORD" });
    }
  }
  return hits;
}

function endOf(
  text: string,
  tokens: readonly Token[],
  at: number,
  parts: readonly string[],
): number | null {
  let end = tokens[at]?.start ?? 0;
  for (const [index, part] of parts.entries()) {
    const token = tokens[at + index];
    if (token === undefined || token.word !== part) return null;
    const gap = text.slice(end, token.start);
    if (index > 0 && (gap.length > GAP_CHARS || gap === "")) return null;
    end = token.end;
  }
  return end;
}

function anywhere(text: string, from: number, words: readonly string[]): readonly Hit[] {
  const hits: Hit[] = [];
  if (words.length === 0) return hits;
  const lower = text.toLowerCase();
  // Folding that changes the length would move the places: such a text is looked at as it is.
  const searched = lower.length === text.length ? lower : text;
  for (const word of words) {
    for (let at = searched.indexOf(word, from); at !== -1; ) {
      hits.push({ start: at, end: at + word.length, type: "WORD" });
      at = searched.indexOf(word, at + word.length);
    }
  }
  return hits;
}

function tokensOf(text: string): readonly Token[] {
  return [...text.matchAll(TOKEN)].map((match) => ({
    word: folded(match[0]),
    start: match.index,
    end: match.index + match[0].length,
  }));
}

/** Full width and other forms of the same letters too. */
function folded(word: string): string {
  return word.normalize("NFKC").toLowerCase();
}
