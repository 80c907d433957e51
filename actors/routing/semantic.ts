// Similarity of a message to what is written about a sub-agent, when no trigger word decides: stems
// shared with its texts, concepts shared across languages, and near misses of spelling. Weighted by
// how rare a word is among the sub-agents, so that what all of them say counts little.

import type { SubAgent } from "../records/sub-agent.ts";
import { stemLabels } from "../text/stem.ts";
import { isStopWord } from "../text/stop-words.ts";
import { type Word, wordsOf } from "../text/words.ts";
import { conceptsIn } from "./concepts.ts";

/** Limits of the index: words of one text, examples read of one sub-agent, spellings known. */
export const semanticLimits = {
  textWords: 600,
  examples: 200,
  spellings: 20_000,
  typoChars: 24,
} as const;

/** How much a word says by where it stands. */
const SOURCES = {
  keyword: 1,
  name: 0.9,
  example: 0.7,
  triggerDescription: 0.75,
  description: 0.65,
  goal: 0.4,
  persona: 0.3,
} as const;

const CONCEPT_FACTOR = 0.8;
const TYPO_FACTOR = 0.8;
const TYPO_CHARS_MIN = 5;

/** Words that every trigger is written with and that say nothing about its subject. */
const ABOUT_TRIGGERS = new Set(
  (
    "agent agents assistant bot user users customer customers client clients person people asks ask asking asked question questions answer answers " +
    "answering routes route routing handle handles handling help helps helping request requests message messages anything everything related regarding " +
    "topic topics matter matters specialist expert sub supervisor use uses used using tell show give find provide provides information info inform " +
    "collection support general other etc such including include day time today new good nice see look looking thank thanks hello hi hey"
  ).split(" "),
);

/** Similarity of one message to every sub-agent. */
export interface Affinity {
  /** 0 = nothing shared; about 1 = every word of the message is one of its keywords. */
  readonly scores: Float64Array;
  /** Words of the message that matched, by sub-agent. */
  readonly matched: readonly (readonly string[])[];
  /** Words of the message that could have matched. */
  readonly contentWords: number;
}

/** Compares messages with sub-agents. */
export interface SemanticIndex {
  affinity(words: readonly Word[]): Affinity;
}

type Postings = Map<string, Map<number, number>>;

/** Whether a normalised word says nothing about the subject of a trigger. */
export function saysLittle(word: string): boolean {
  return word.length < 2 || isStopWord(word) || ABOUT_TRIGGERS.has(word);
}

function textsOf(subAgent: SubAgent): [string, number][] {
  const { trigger, action } = subAgent;
  const examples = (trigger?.examples ?? []).slice(0, semanticLimits.examples);
  return [
    ...(trigger?.keywords ?? []).map((text): [string, number] => [text, SOURCES.keyword]),
    [subAgent.name, SOURCES.name],
    ...examples.map((text): [string, number] => [text, SOURCES.example]),
    [trigger?.description ?? "", SOURCES.triggerDescription],
    [subAgent.description ?? "", SOURCES.description],
    [action?.goal?.primary ?? "", SOURCES.goal],
    [action?.goal?.instruction ?? "", SOURCES.goal],
    [action?.persona?.role ?? "", SOURCES.persona],
  ];
}

/** Labels of a place in a text: a word's stems, or two neighbours of a dense script. */
function labelsAt(words: readonly Word[], at: number): readonly string[] {
  const word = words[at];
  if (word === undefined) return [];
  if (!word.dense) return saysLittle(word.text) ? [] : stemLabels(word.text);
  const next = words[at + 1];
  return next?.dense === true ? [`=${word.text}${next.text}`] : [];
}

/** All forms of a word with one character left out, for spellings one insertion or deletion away. */
function deletions(word: string): string[] {
  const forms: string[] = [];
  for (let at = 1; at < word.length; at += 1) forms.push(word.slice(0, at) + word.slice(at + 1));
  return forms;
}

function swaps(word: string): string[] {
  const forms: string[] = [];
  for (let at = 1; at + 1 < word.length; at += 1) {
    forms.push(word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2));
  }
  return forms;
}

/** What one sub-agent brings to the index. */
export interface SemanticPart {
  /** Weight of each label that its texts have. */
  readonly labels: ReadonlyMap<string, number>;
  /** Words of its name and keywords, for misspellings. */
  readonly spelt: readonly string[];
}

/** The part of one sub-agent; one step a text. */
export function* semanticPart(subAgent: SubAgent): Generator<undefined, SemanticPart> {
  const labels = new Map<string, number>();
  const spelt: string[] = [];
  const put = (label: string, weight: number): void => {
    if (weight > (labels.get(label) ?? 0)) labels.set(label, weight);
  };
  for (const [text, weight] of textsOf(subAgent)) {
    yield;
    const words = wordsOf(text, semanticLimits.textWords);
    for (let at = 0; at < words.length; at += 1) {
      for (const label of labelsAt(words, at)) put(label, weight);
    }
    for (const { owner: concept } of conceptsIn(words)) {
      put(`#${concept}`, weight * CONCEPT_FACTOR);
    }
    if (weight >= SOURCES.name) {
      for (const { text: word, dense } of words) if (!dense && isSpelt(word)) spelt.push(word);
    }
  }
  return { labels, spelt };
}

/** Builds the index: the parts of sub-agents one after the other, in their order. */
export interface SemanticBuilder {
  add(owner: number, part: SemanticPart): void;
  done(): SemanticIndex;
}

/** @param owners number of sub-agents that will be added. */
export function semanticBuilder(owners: number): SemanticBuilder {
  const postings: Postings = new Map();
  const spellings = new Map<string, string>();
  return {
    add(owner, { labels, spelt }) {
      for (const [label, weight] of labels) {
        const row = postings.get(label);
        if (row === undefined) postings.set(label, new Map([[owner, weight]]));
        else row.set(owner, weight);
      }
      for (const word of spelt) addSpellings(spellings, word);
    },
    done() {
      return { affinity: (words) => affinityOf(words, postings, spellings, owners) };
    },
  };
}

const isSpelt = (word: string): boolean =>
  word.length >= TYPO_CHARS_MIN && word.length <= semanticLimits.typoChars && !saysLittle(word);

function addSpellings(spellings: Map<string, string>, word: string): void {
  if (spellings.get(word) === word) return;
  for (const form of deletions(word)) {
    if (spellings.size >= semanticLimits.spellings) return;
    if (form.length >= TYPO_CHARS_MIN - 1) spellings.set(form, word);
  }
  spellings.set(word, word);
}

/** Rarity of a label that `sharers` of the owners have: 1 for a word of one, less for a shared one. */
const rarityOf = (sharers: number, owners: number): number =>
  Math.log(1 + owners / sharers) / Math.log(1 + owners);

function typoOf(word: string, spellings: ReadonlyMap<string, string>): string | undefined {
  if (word.length < TYPO_CHARS_MIN || word.length > semanticLimits.typoChars) return undefined;
  const dropped = spellings.get(word);
  if (dropped !== undefined) return dropped;
  for (const form of [...deletions(word), ...swaps(word)]) {
    if (spellings.get(form) === form) return form;
  }
  return undefined;
}

function affinityOf(
  words: readonly Word[],
  postings: Postings,
  spellings: ReadonlyMap<string, string>,
  owners: number,
): Affinity {
  const concepts = new Map<number, string[]>();
  for (const { owner, start, end } of conceptsIn(words)) {
    for (let at = start; at < end; at += 1) {
      concepts.set(at, [...(concepts.get(at) ?? []), `#${owner}`]);
    }
  }
  const scores = new Float64Array(owners);
  const matched = Array.from({ length: owners }, (): string[] => []);
  let contentWords = 0;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]?.text ?? "";
    const own = labelsAt(words, at);
    const labels = [...own, ...(concepts.get(at) ?? [])];
    if (labels.length === 0) continue;
    contentWords += words[at]?.dense === true ? 0.5 : 1;
    const found = bestByOwner(labels, postings, owners, 1);
    if (found.size === 0 && own.length > 0) {
      const meant = typoOf(word, spellings);
      if (meant !== undefined) {
        for (const [owner, weight] of bestByOwner(
          stemLabels(meant),
          postings,
          owners,
          TYPO_FACTOR,
        )) {
          found.set(owner, weight);
        }
      }
    }
    for (const [owner, weight] of found) {
      scores[owner] = (scores[owner] ?? 0) + weight * (words[at]?.dense === true ? 0.5 : 1);
      matched[owner]?.push(word);
    }
  }
  const scale = 1 / Math.sqrt(Math.max(1, contentWords));
  for (let owner = 0; owner < owners; owner += 1) scores[owner] = (scores[owner] ?? 0) * scale;
  return { scores, matched, contentWords };
}

function bestByOwner(
  labels: readonly string[],
  postings: Postings,
  owners: number,
  factor: number,
): Map<number, number> {
  const best = new Map<number, number>();
  for (const label of labels) {
    const row = postings.get(label);
    if (row === undefined) continue;
    const rarity = rarityOf(row.size, owners) * factor;
    for (const [owner, weight] of row) {
      best.set(owner, Math.max(best.get(owner) ?? 0, weight * rarity));
    }
  }
  return best;
}
