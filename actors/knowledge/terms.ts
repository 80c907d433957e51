// The terms under which a text is indexed and looked up. Whole: stems of words, and for scripts without
// spaces neighbouring pairs of characters, because a tokenizer that waits for spaces finds nothing in
// them. Beside them parts, at less weight, for what a stem does not bring together: the start of a long
// word, the runs of four or three letters in scripts of richly inflected languages (McNamee and
// Mayfield, 2004), and single characters that are words. A word that many names of a text share
// (`acme_rows_total`, `acme_bytes_total` ...) counts only in the first of them: a text is not about its prefix.

import { stem } from "../text/stem.ts";
import { stemArabic } from "../text/stem-arabic.ts";
import { stemRussian } from "../text/stem-russian.ts";
import { isStopWord } from "../text/stop-words.ts";
import { type Word, wordsOf } from "../text/words.ts";
import { isAsking, withoutPhrases } from "./asking.ts";

/** Names the computation of terms: stored postings of another one are made anew. */
export const termsVersion = 3;

/** Words of one text that are indexed, and of one question that are looked up. */
export const lexicalLimits = { textWords: 20_000, queryWords: 200 } as const;

/** What a part of a word weighs beside a whole one. */
export const PART_WEIGHT = 0.4;

/** Long words in Latin letters are found by their start: compounds and rare endings. */
const START = { fromChars: 7, chars: 5 } as const;

/** Letters of a run inside a word; in scripts that write no vowels words are short. */
const RUN = { chars: 4, charsWithoutVowels: 3, wordCharsMax: 40 } as const;

const LATIN = /[a-z]/;
const CYRILLIC = /\p{Script=Cyrillic}/u;
const ARABIC = /\p{Script=Arabic}/u;
const WITHOUT_VOWELS = /[\p{Script=Arabic}\p{Script=Hebrew}]/u;
const LETTERS = /\p{L}/u;
/** One character of these is often a word. */
const CHARACTER = /[\p{Script=Han}\p{Script=Hangul}]/u;

/** Whether a term is only a part of a word. */
export const isPart = (term: string): boolean => term.endsWith("-");

/** Terms of a question as they are looked up: without the words that ask, unless there is nothing else. */
export function queryTermsOf(question: string): string[] {
  const { queryWords } = lexicalLimits;
  const stated = termsOf(withoutPhrases(question), queryWords, isAsking);
  return stated.length > 0 ? stated : termsOf(question, queryWords);
}

/** Terms of a text as they are indexed; stop words left out unless there is nothing else. */
export function termsOf(text: string, wordsMax: number, isLeftOut = isNothing): string[] {
  const { terms, stops } = gather(text, wordsMax, isLeftOut);
  return terms.length > 0 ? terms : stops;
}

/** Terms, and stop words apart. */
function gather(
  text: string,
  wordsMax: number,
  isLeftOut: (word: string) => boolean,
): { readonly terms: string[]; readonly stops: string[] } {
  const words = wordsOf(text, wordsMax);
  const terms: string[] = [];
  const stops: string[] = [];
  const shared = sharedByNames(words);
  for (const [at, { text: word, dense }] of words.entries()) {
    if (!dense) {
      if (isLeftOut(word) || shared.has(at)) continue;
      if (isStopWord(word)) stops.push(word);
      else addWord(word, terms);
      continue;
    }
    const next = words[at + 1];
    const before = words[at - 1];
    if (next?.dense === true) terms.push(word + next.text);
    else if (before?.dense !== true) {
      terms.push(word);
      continue;
    }
    if (CHARACTER.test(word)) terms.push(`${word}-`);
  }
  return { terms, stops };
}

/** Places of words in names that another name had before them; the same name again counts again. */
function sharedByNames(words: readonly Word[]): ReadonlySet<number> {
  const shared = new Set<number>();
  const names = new Map<string, string>();
  for (let from = 0; from < words.length; ) {
    let to = from + 1;
    while (words[to]?.joined === true) to += 1;
    if (to > from + 1) {
      const parts = words.slice(from, to).map(({ text }) => text);
      const name = parts.join("_");
      for (const [at, part] of parts.entries()) {
        const first = names.get(part);
        if (first === undefined) names.set(part, name);
        else if (first !== name) shared.add(from + at);
      }
    }
    from = to;
  }
  return shared;
}

const isNothing = (_: string): boolean => false;

/** The stem of a word between spaces, then its parts. */
function addWord(word: string, terms: string[]): void {
  if (LATIN.test(word) || !LETTERS.test(word)) {
    terms.push(stem(word));
    if (word.length >= START.fromChars) terms.push(`${word.slice(0, START.chars)}-`);
    return;
  }
  const stemmed = stemOf(word);
  terms.push(stemmed);
  const hasNoVowels = WITHOUT_VOWELS.test(word);
  const size = hasNoVowels ? RUN.charsWithoutVowels : RUN.chars;
  // What stands before such a stem is an article or the like, which would make all words alike.
  const from = (hasNoVowels ? stemmed : word).slice(0, RUN.wordCharsMax);
  for (let at = 0; at + size <= from.length; at += 1) terms.push(`${from.slice(at, at + size)}-`);
}

function stemOf(word: string): string {
  if (CYRILLIC.test(word)) return stemRussian(word);
  return ARABIC.test(word) ? stemArabic(word) : word;
}

/** How often each term is in a list, in order of first use. */
export function countsOf(terms: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}

/** Tells the words of a question under which a text is found, as they stand in it, each once. */
export function sharedWords(question: string): (text: string) => readonly string[] {
  const words = wordsOf(question, lexicalLimits.queryWords);
  const shown = words.map(({ text: word, dense }, at) => {
    const next = words[at + 1];
    return dense && next?.dense === true ? word + next.text : word;
  });
  const asked = [...new Set(shown)].map((word) => ({ word, terms: termsOf(word, 2) }));
  const wanted = new Set(asked.flatMap(({ terms }) => terms));
  // Most words of a text begin otherwise: they are not stemmed.
  const starts = new Set([...wanted].map(startOf));
  return (text) => {
    let hasOthers = false;
    const { terms, stops } = gather(text, lexicalLimits.textWords, (word) => {
      if (!isLatin(word) || starts.has(startOf(word))) return false;
      hasOthers ||= !isStopWord(word);
      return true;
    });
    const all = terms.length > 0 || hasOthers ? terms : stops;
    const there = new Set(all.filter((term) => wanted.has(term)));
    return asked.filter((one) => isFoundBy(one.terms, there)).map(({ word }) => word);
  };
}

/** By its first letter. Stemming leaves such a word its first two characters. */
function isLatin(word: string): boolean {
  const first = word.charCodeAt(0);
  return first >= A && first <= Z;
}

const A = 97;
const Z = 122;
const CODES = 65_536;
/** Its first two characters as one number. */
const startOf = (word: string): number => word.charCodeAt(0) * CODES + word.charCodeAt(1);

/** By a whole term, or by most of its parts. */
function isFoundBy(terms: readonly string[], there: ReadonlySet<string>): boolean {
  const parts = terms.filter(isPart);
  if (terms.some((term) => !isPart(term) && there.has(term))) return true;
  return parts.filter((part) => there.has(part)).length > parts.length / 2;
}
