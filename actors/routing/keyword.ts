// All keywords and phrases of all owners in one trie over words, so that a message is read once
// whatever the number of triggers. An edge is a word with its stem labels: an inflected form takes
// the same edge. Words have borders, so no hit lies inside a word; dense scripts are words of one
// character, so a phrase of them is found as a substring.

import { lazy } from "../../runtime/shared/lazy.ts";
import { stemLabels } from "../text/stem.ts";
import { isStopWord } from "../text/stop-words.ts";
import { type Word, wordsOf } from "../text/words.ts";

/** A keyword of an owner, as its author wrote it. */
export interface KeywordEntry {
  readonly owner: number;
  readonly keyword: string;
}

/** A keyword found: words [start, end) of the message. */
export interface KeywordHit {
  readonly owner: number;
  readonly keyword: string;
  readonly start: number;
  readonly end: number;
  /** How much it says: 1 for a content word, more for a phrase, 0.35 for "how to". */
  readonly weight: number;
}

/** Finds the keywords in a message. */
export interface KeywordIndex {
  find(words: readonly Word[]): readonly KeywordHit[];
}

/** Limits of one index: keywords taken in, words of a keyword, hits reported and nodes followed at once. */
export const keywordLimits = {
  keywords: 20_000,
  keywordWords: 40,
  hits: 400,
  front: 64,
} as const;

const WEIGHTS = { functionPhrase: 0.35, content: 1, furtherWord: 0.5, inflected: 0.9 } as const;

/** Not a request for instructions although it starts like one; found, it hides the shorter phrase. */
const NOT_HOW_TO = ["怎么样", "怎么了", "怎么回事", "どうやってる"];
const NOBODY = -1;

interface Leaf {
  readonly owner: number;
  readonly keyword: string;
  readonly weight: number;
}

/** Most nodes end a keyword and lead nowhere: what a node does not have takes no memory. */
interface Node {
  /** Children by exact word. */
  words: Map<string, Node> | undefined;
  /** Children by label: an inflection may lead to several. */
  labels: Map<string, Node[]> | undefined;
  leaves: Leaf[] | undefined;
}

/** Ways to ask for instructions: a keyword that is one of them stands for all. */
const HOW_TO = [
  ["how to", "how do i", "how can i", "how do you", "how do we", "how can we", "how should i"],
  ["how would i", "how could i", "how does one", "how can you", "how do they", "how must i"],
  ["wie kann ich", "wie kann man", "wie mache ich", "wie geht", "wie konnen wir", "wie muss ich"],
  ["comment puis", "comment faire", "comment peut", "comment on", "comment est ce que"],
  ["como puedo", "como hago", "como se", "como podemos", "como posso", "como faco", "como fazer"],
  ["come posso", "come si", "come faccio", "hoe kan ik", "hoe moet ik", "jak moge", "как мне"],
  [
    "как можно",
    "如何",
    "怎么",
    "怎样",
    "どうやって",
    "どうすれば",
    "어떻게",
    "nasil",
    "अपना कैसे",
    "كيف",
  ],
].flat();

function newNode(): Node {
  return { words: undefined, labels: undefined, leaves: undefined };
}

function childOf(node: Node, word: Word, isExactOnly: boolean): Node {
  const known = node.words?.get(word.text);
  if (known !== undefined) return known;
  const child = newNode();
  node.words ??= new Map();
  node.words.set(word.text, child);
  for (const label of isExactOnly || word.dense ? [] : stemLabels(word.text)) {
    node.labels ??= new Map();
    const there = node.labels.get(label);
    if (there === undefined) node.labels.set(label, [child]);
    else there.push(child);
  }
  return child;
}

/** What a keyword of these words says about a message that has it. */
function weightOf(words: readonly Word[]): number {
  const content = words.filter(({ text, dense }) => !dense && !isStopWord(text)).length;
  const dense = words.filter((word) => word.dense).length;
  const said = content + dense / 2;
  if (said === 0) return WEIGHTS.functionPhrase;
  return WEIGHTS.content + WEIGHTS.furtherWord * Math.max(0, Math.min(said, 6) - 1);
}

/** Builds an index; entries past the limits and keywords without words are left out. */
export interface KeywordBuilder {
  add(entries: readonly KeywordEntry[]): void;
  done(): KeywordIndex;
}

const howTo = new Set(HOW_TO);
const howToWords = lazy(() => HOW_TO.map((way) => wordsOf(way, keywordLimits.keywordWords)));

/** @param options.isExactOnly inflections do not count. Default false. */
export function keywordBuilder(options: { readonly isExactOnly?: boolean } = {}): KeywordBuilder {
  const isExactOnly = options.isExactOnly === true;
  const root = newNode();
  let taken = 0;
  const insert = (words: readonly Word[], leaf: Leaf): void => {
    let node = root;
    for (const word of words) node = childOf(node, word, isExactOnly);
    node.leaves ??= [];
    const isThere = node.leaves.some(
      ({ owner, keyword }) => owner === leaf.owner && keyword === leaf.keyword,
    );
    if (!isThere) node.leaves.push(leaf);
  };
  return {
    add(entries) {
      for (const { owner, keyword } of entries.slice(0, keywordLimits.keywords - taken)) {
        taken += 1;
        const words = wordsOf(keyword, keywordLimits.keywordWords);
        if (words.length === 0) continue;
        insert(words, { owner, keyword, weight: weightOf(words) });
        if (!howTo.has(words.map(({ text }) => text).join(" "))) continue;
        const leaf = { owner, keyword, weight: WEIGHTS.functionPhrase };
        for (const way of howToWords()) insert(way, leaf);
      }
    },
    done() {
      for (const phrase of isExactOnly ? [] : NOT_HOW_TO) {
        const words = wordsOf(phrase, keywordLimits.keywordWords);
        insert(words, { owner: NOBODY, keyword: phrase, weight: 0 });
      }
      return { find: (words) => longest(findAll(root, words, isExactOnly)) };
    },
  };
}

/** An index of these entries, at once. */
export function buildKeywords(
  entries: readonly KeywordEntry[],
  options: { readonly isExactOnly?: boolean } = {},
): KeywordIndex {
  const builder = keywordBuilder(options);
  builder.add(entries);
  return builder.done();
}

/** Stems of the words of a message, which every index of a router asks for in turn. */
const labelsOfWords = new WeakMap<readonly Word[], readonly (readonly string[])[]>();

function labelsOf(words: readonly Word[]): readonly (readonly string[])[] {
  let labels = labelsOfWords.get(words);
  if (labels === undefined) {
    labels = words.map(({ text, dense }) => (dense ? [] : stemLabels(text)));
    labelsOfWords.set(words, labels);
  }
  return labels;
}

function findAll(root: Node, words: readonly Word[], isExactOnly: boolean): KeywordHit[] {
  const hits: KeywordHit[] = [];
  const labels = isExactOnly ? null : labelsOf(words);
  for (let start = 0; start < words.length && hits.length < keywordLimits.hits; start += 1) {
    let front: readonly Node[] = [root];
    let isExact = true;
    for (let at = start; at < words.length && front.length > 0; at += 1) {
      const word = words[at]?.text ?? "";
      const next = nextOf(front, word, labels?.[at] ?? []);
      if (next.length === 0) break;
      isExact &&= front.every((node) => node.words?.has(word) === true);
      for (const node of next) {
        for (const { owner, keyword, weight } of node.leaves ?? []) {
          const factor = isExact ? 1 : WEIGHTS.inflected;
          hits.push({ owner, keyword, start, end: at + 1, weight: weight * factor });
          if (hits.length >= keywordLimits.hits) return hits;
        }
      }
      front = next;
    }
  }
  return hits;
}

const NOWHERE: readonly Node[] = [];

/** Where a word leads from these nodes. Nearly always nowhere, which then costs nothing. */
function nextOf(front: readonly Node[], word: string, labels: readonly string[]): readonly Node[] {
  let next: Node[] | null = null;
  for (const node of front) {
    const same = node.words?.get(word);
    if (same !== undefined) {
      next ??= [];
      if (!next.includes(same)) next.push(same);
    }
    const inflected = node.labels;
    if (inflected === undefined) continue;
    for (const label of labels) {
      for (const child of inflected.get(label) ?? NOWHERE) {
        next ??= [];
        if (next.length < keywordLimits.front && !next.includes(child)) next.push(child);
      }
    }
  }
  return next ?? NOWHERE;
}

/** A hit inside a longer one says nothing of its own: "card" within "credit card". */
function longest(hits: KeywordHit[]): KeywordHit[] {
  return hits.filter(
    (hit) =>
      hit.owner !== NOBODY &&
      !hits.some(
        (other) =>
          other.start <= hit.start &&
          other.end >= hit.end &&
          other.end - other.start > hit.end - hit.start,
      ),
  );
}
