// A text as a unit vector of hashed words and character n-grams: the computation of the built-in
// embedder and of the router's similarity. Texts that share words, stems or word parts are near;
// it knows no synonyms.

import { stem } from "./stem.ts";
import { isStopWord } from "./stop-words.ts";
import { wordsOf } from "./words.ts";

/** Words of one text that count. */
export const vectorWordsMax = 4_000;

/** Length that the n-grams of one word have together; the word itself has 1. */
const GRAM_WEIGHT = 0.9;
/** Words that say little would make every two texts of a language alike. */
const STOP_WEIGHT = 0.08;

/** FNV-1a over UTF-16 units with a seed, unsigned 32 bits. */
export function hashText(text: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  hash ^= hash >>> 13;
  return hash >>> 0;
}

/**
 * Unit vector of a text: signed hashing of stems and of 3- to 5-grams inside words, repeated
 * features damped. A text without words gives a vector of zeros.
 * @param dimension a power of two.
 */
export function lexicalVector(text: string, dimension: number): Float32Array {
  const counts = new Map<string, number>();
  const add = (feature: string, weight: number): void => {
    counts.set(feature, (counts.get(feature) ?? 0) + weight);
  };
  let before = "";
  for (const { text: word, dense } of wordsOf(text, vectorWordsMax)) {
    if (dense) {
      add(`c${word}`, 0.5);
      if (before !== "") add(`c${before}${word}`, 1);
      before = word;
      continue;
    }
    before = "";
    const weight = isStopWord(word) ? STOP_WEIGHT : 1;
    add(`w${stem(word)}`, weight);
    if (weight < 1) continue;
    const framed = `<${word.slice(0, 40)}>`;
    const gram = GRAM_WEIGHT / Math.sqrt(3 * Math.max(1, framed.length - 3));
    for (let size = 3; size <= 5; size += 1) {
      for (let at = 0; at + size <= framed.length; at += 1) {
        add(`g${framed.slice(at, at + size)}`, gram);
      }
    }
  }
  const vector = new Float32Array(dimension);
  for (const [feature, count] of counts) {
    const hash = hashText(feature, 0);
    const weight = count > 1 ? 1 + Math.log(count) : count;
    const at = hash & (dimension - 1);
    vector[at] = (vector[at] ?? 0) + ((hash & 0x80000000) === 0 ? weight : -weight);
  }
  let norm = 0;
  for (const value of vector) norm += value * value;
  if (norm > 0) {
    const scale = 1 / Math.sqrt(norm);
    for (let at = 0; at < dimension; at += 1) vector[at] = (vector[at] ?? 0) * scale;
  }
  return vector;
}
