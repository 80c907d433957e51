// Text into comparable words, for every script: the one tokenizer of the router, of lexical search
// and of the built-in embedder. Scripts written without spaces become one word a character, so
// that a phrase in them is found as a substring.

/** A run of dense script is cut into characters; everything else is a word with clear borders. */
export interface Word {
  /** Normalised: NFKC, folded case, Latin, Greek and Cyrillic without accents. */
  readonly text: string;
  /** A character of a script without spaces, or a symbol. */
  readonly dense: boolean;
  /** Only underscores stand between it and the word before: `steps_max` is a name of two words. */
  readonly joined: boolean;
}

/** Characters of one text that are looked at; the rest of a longer text is ignored. */
export const wordsCharsMax = 200_000;

const DENSE =
  "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}\\p{Script=Thai}" +
  "\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}ー々";
// Built from text because the compiler's target does not know the `v` flag, which Node does.
const WORDS = new RegExp(
  `[${DENSE}]|[[\\p{L}\\p{N}\\p{M}]--[${DENSE}]]+(?:\\+\\+|#)?|\\p{Extended_Pictographic}|\\p{Sc}`,
  "gv",
);
const IS_DENSE = new RegExp(`^[${DENSE}\\p{Extended_Pictographic}\\p{Sc}]$`, "v");
const ASCII_WORDS = /[a-z0-9]+(?:\+\+|#)?|\$/g;
const NOT_ASCII = /[^\p{ASCII}]/u;
const MARKS = /[\u0300-\u036f]/g;

/** NFKC, folded case, accents of Latin, Greek and Cyrillic removed. Other scripts keep their marks. */
export function normalise(text: string): string {
  const lower = text.toLowerCase();
  if (!NOT_ASCII.test(lower)) return lower;
  return lower
    .normalize("NFKD")
    .toLowerCase()
    .replace(MARKS, "")
    .replaceAll("ß", "ss")
    .replaceAll("ς", "σ")
    .replaceAll("ı", "i")
    .normalize("NFC");
}

/**
 * The words of a text in order.
 * @param limit most words returned; the rest is ignored.
 */
export function wordsOf(text: string, limit: number): Word[] {
  const normal = normalise(text.length > wordsCharsMax ? text.slice(0, wordsCharsMax) : text);
  const found: Word[] = [];
  const isAscii = !NOT_ASCII.test(normal);
  // An iterator of matches takes twice as long.
  const pattern = isAscii ? ASCII_WORDS : WORDS;
  pattern.lastIndex = 0;
  let end = 0;
  for (let match = pattern.exec(normal); match !== null; match = pattern.exec(normal)) {
    const [word] = match;
    const dense = isAscii ? word === "$" : IS_DENSE.test(word);
    const joined = found.length > 0 && areUnderscores(normal, end, match.index);
    found.push({ text: word, dense, joined });
    end = match.index + word.length;
    if (found.length >= limit) break;
  }
  return found;
}

const UNDERSCORE = 95;

function areUnderscores(text: string, from: number, to: number): boolean {
  let at = from;
  while (at < to && text.charCodeAt(at) === UNDERSCORE) at += 1;
  return at === to && to > from;
}
