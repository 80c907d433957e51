// A message as the features that the router's classifier knows: words, pairs and triples of words,
// character n-grams inside words, and the concepts and classes that words belong to, each a 30-bit
// hash with a weight. Character n-grams carry inflections and compounds; in scripts without spaces
// a word is a character, so that pairs and triples are their n-grams.

import { stem } from "../text/stem.ts";
import { isStopWord } from "../text/stop-words.ts";
import { type Word, wordsOf } from "../text/words.ts";
import { conceptsIn } from "./concepts.ts";
import { classesIn } from "./word-classes.ts";

/** Limits of one text. */
export const featureLimits = { words: 120, wordChars: 30 } as const;

/** Length that each kind of feature has in the vector, before rarity. Found across four public sets. */
const WEIGHTS = {
  ...{ word: 1, stopWord: 0.6, pair: 0.7, triple: 0.4, gram: 1.2 },
  ...{ concept: 1, class: 1.6 },
} as const;
const GRAM_SIZES = { from: 3, to: 5 } as const;

/** Features of one text without repetition. `count` of the places are used. */
export interface FeatureBag {
  readonly hashes: Int32Array;
  readonly weights: Float32Array;
  count: number;
}

// Most that one text can have: a word, a pair, two triples and the n-grams of each of its words.
// And what a list of classes may find in it, which is cut there.
const NAMED_MAX = 2 * featureLimits.words;
const FEATURES_MAX = featureLimits.words * (4 + 3 * (featureLimits.wordChars + 2)) + NAMED_MAX;
const TABLE = 1 << 15;

const bag: FeatureBag = {
  hashes: new Int32Array(FEATURES_MAX + 2),
  weights: new Float32Array(FEATURES_MAX + 2),
  count: 0,
};
// Open addressing; a slot belongs to the present text when its stamp does, so nothing is cleared.
const slots = new Int32Array(TABLE);
const stamps = new Int32Array(TABLE);
let stamp = 0;

/** Seeds that keep the kinds apart. */
const KIND = { word: 1, pair: 2, triple: 3, skip: 4, gram: 5, concept: 6, class: 7 } as const;

/** What a word brings whatever stands beside it. */
interface Known {
  readonly base: string;
  readonly weight: number;
  /** Its own feature, and those of its n-grams. */
  readonly hash: number;
  readonly grams: Int32Array;
  readonly share: number;
}

/** Words that one thread keeps. */
export const wordsKept = 8_192;
const known = new Map<string, Known>();
const noGrams = new Int32Array(0);

function knownOf(word: string, dense: boolean): Known {
  const there = known.get(word);
  if (there !== undefined) return there;
  const base = dense ? word : stem(word);
  const weight = isStopWord(word) ? WEIGHTS.stopWord : WEIGHTS.word;
  const length = Math.min(word.length, featureLimits.wordChars) + 2;
  const made = {
    base,
    weight,
    hash: finished(hashOf(base, KIND.word)),
    grams: dense ? noGrams : gramsOf(word, length),
    share: (weight * WEIGHTS.gram) / Math.sqrt(length),
  };
  if (known.size >= wordsKept) known.clear();
  known.set(word, made);
  return made;
}

/**
 * Features of a text, in a bag of this module that the next call overwrites.
 * @param all its words, where they are known already.
 */
export function featuresOf(text: string, all?: readonly Word[]): FeatureBag {
  bag.count = 0;
  stamp += 1;
  let before = "^";
  let second = "";
  const isShort = all !== undefined && all.length <= featureLimits.words;
  const words = isShort ? all : wordsOf(text, featureLimits.words);
  for (const { text: word, dense } of words) {
    const { base, weight, hash, grams, share } = knownOf(word, dense);
    add(hash, weight);
    add(finished(hashOf(base, hashOf(before, KIND.pair))), WEIGHTS.pair);
    if (second !== "") {
      const outer = hashOf(second, KIND.skip);
      add(finished(hashOf(base, outer)), WEIGHTS.triple);
      const first = hashOf(before, hashOf(second, KIND.triple));
      add(finished(hashOf(base, first)), WEIGHTS.triple);
    }
    second = before === "^" ? "" : before;
    before = base;
    for (let at = 0; at < grams.length; at += 1) add(grams[at] ?? 0, share);
  }
  if (before !== "^") add(finished(hashOf("$", hashOf(before, KIND.pair))), WEIGHTS.pair);
  let named = 0;
  for (const { owner } of conceptsIn(words)) {
    if (named < NAMED_MAX) add(finished(seeded(KIND.concept) ^ owner), WEIGHTS.concept);
    named += 1;
  }
  for (const { owner } of classesIn(words)) {
    if (named < NAMED_MAX) add(finished(seeded(KIND.class) ^ owner), WEIGHTS.class);
    named += 1;
  }
  return bag;
}

/** Features of the character n-grams of a word with its borders. */
function gramsOf(word: string, length: number): Int32Array {
  const grams: number[] = [];
  for (let from = 0; from < length; from += 1) {
    let hash = seeded(KIND.gram);
    for (let at = from; at < length && at < from + GRAM_SIZES.to; at += 1) {
      const unit = at === 0 ? 60 : at === length - 1 ? 62 : word.charCodeAt(at - 1);
      hash = Math.imul(hash ^ unit, 0x01000193);
      if (at - from + 1 >= GRAM_SIZES.from) grams.push(finished(hash));
    }
  }
  return Int32Array.from(grams);
}

/** A feature that comes twice counts once, at its greater weight. */
function add(hash: number, weight: number): void {
  let slot = hash & (TABLE - 1);
  while (stamps[slot] === stamp) {
    const place = slots[slot] ?? 0;
    if (bag.hashes[place] === hash) {
      if (weight > (bag.weights[place] ?? 0)) bag.weights[place] = weight;
      return;
    }
    slot = (slot + 1) & (TABLE - 1);
  }
  stamps[slot] = stamp;
  slots[slot] = bag.count;
  bag.hashes[bag.count] = hash;
  bag.weights[bag.count] = weight;
  bag.count += 1;
}

const seeded = (kind: number): number => 0x811c9dc5 ^ Math.imul(kind, 0x9e3779b1);

/** FNV-1a over UTF-16 units, going on from a kind (small) or from another hash. */
function hashOf(text: string, from: number): number {
  let hash = from > 0 && from < 8 ? seeded(from) : Math.imul(from ^ 0x1f, 0x01000193);
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash;
}

/** Spread over 30 bits, never 0. */
function finished(hash: number): number {
  let mixed = hash ^ (hash >>> 15);
  mixed = Math.imul(mixed, 0x2c1b3c6d);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0x297a2d39);
  return ((mixed ^ (mixed >>> 15)) & 0x3fffffff) | 0 || 1;
}
