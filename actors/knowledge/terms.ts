// The terms under which a text is indexed and looked up: stems of words, and for scripts without
// spaces neighbouring pairs of characters, because a tokenizer that waits for spaces finds nothing
// in them.

import { stem } from "../text/stem.ts";
import { isStopWord } from "../text/stop-words.ts";
import { wordsOf } from "../text/words.ts";

/** Names the computation of terms: stored postings of another one are made anew. */
export const termsVersion = 1;

/** Words of one text that are indexed, and of one question that are looked up. */
export const lexicalLimits = { textWords: 20_000, queryWords: 200 } as const;

/** Long words are found by their start too, at a part of the weight: compounds and rare endings. */
export const PREFIX = { fromChars: 7, chars: 5, weight: 0.4 } as const;

/** Whether a term is the start of a long word. */
export const isPrefix = (term: string): boolean => term.endsWith("-");

/** Terms of a text as they are indexed; stop words left out unless there is nothing else. */
export function termsOf(text: string, wordsMax: number): string[] {
  const words = wordsOf(text, wordsMax);
  const terms: string[] = [];
  const stops: string[] = [];
  for (const [at, { text: word, dense }] of words.entries()) {
    if (!dense) {
      if (isStopWord(word)) stops.push(word);
      else {
        terms.push(stem(word));
        if (word.length >= PREFIX.fromChars) terms.push(`${word.slice(0, PREFIX.chars)}-`);
      }
      continue;
    }
    const next = words[at + 1];
    const before = words[at - 1];
    if (next?.dense === true) terms.push(word + next.text);
    else if (before?.dense !== true) terms.push(word);
  }
  return terms.length > 0 ? terms : stops;
}

/** How often each term is in a list, in order of first use. */
export function countsOf(terms: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}

/** Words of a question under which a text is found, as they stand in the question, each once. */
export function sharedWords(question: string, text: string): readonly string[] {
  const there = new Set(termsOf(text, lexicalLimits.textWords));
  const words = wordsOf(question, lexicalLimits.queryWords);
  const shown = words.map(({ text: word, dense }, at) => {
    const next = words[at + 1];
    return dense && next?.dense === true ? word + next.text : word;
  });
  return [...new Set(shown)].filter((word) => termsOf(word, 2).some((term) => there.has(term)));
}
