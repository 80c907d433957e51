// Which sentences of some texts answer a question, and in which order they are quoted. Pure.

import { type Sentence, sentencesOf, stemsOf } from "./sentences.ts";

/** A text that sentences are taken from. */
export interface SentenceSource {
  readonly text: string;
  /** What it stands under, its document's title included. */
  readonly headings: string;
}

/** A sentence of an answer. */
export interface Quoted extends Sentence {
  /** Number of its source, from 1. */
  readonly source: number;
}

/** Sentences of an answer, without what they announce. */
const SENTENCES_MAX = 3;
/** Share of the question's weight that the best sentence must cover. */
const COVER_MIN = 0.34;
/** Another sentence is added while it scores this share of what the best one does. */
const SCORE_OF_BEST_MIN = 0.6;
/** A row or code is added only while it scores so much of it: it does not go on with what was said. */
const BARE_OF_BEST_MIN = 0.75;
/** How much a word of the question counts that stands only above a sentence. */
const ABOVE_SHARE = 0.5;
/** How much more one counts that stands above as well: the section is about it. */
const ABOVE_TOO_BONUS = 0.2;
/** How much more a sentence counts that begins with the one thing asked about. */
const LEADING_BONUS = 2.5;
/** How much a row or code counts beside a sentence that says as much. */
const BARE_SHARE = 0.6;

interface Candidate extends Quoted {
  /** Its place among all candidates. */
  readonly at: number;
  /** Of itself and of what it announces. */
  readonly stems: ReadonlySet<string>;
  /** Of the headings, and of a row's columns. */
  readonly above: ReadonlySet<string>;
  /** "Run these commands:" without what follows is no answer. */
  readonly announced?: Candidate;
}

interface Scored {
  readonly candidate: Candidate;
  readonly cover: number;
  readonly score: number;
}

/**
 * The sentences that answer, in the order in which they are quoted: what answers best comes first, and
 * what stands together in a source stays together; [] when none does.
 */
export function bestSentences(
  question: string,
  sources: readonly SentenceSource[],
): readonly Quoted[] {
  const candidates = candidatesOf(sources);
  const asked = [...new Set(stemsOf(question))];
  const weights = weightsOf(asked, candidates);
  const scored = candidates
    .map((candidate) => scoreOf(candidate, asked, weights))
    // The words of a heading alone do not make a sentence an answer.
    .filter(({ candidate, cover }) => cover >= COVER_MIN && hasOwn(candidate, weights))
    .sort((a, b) => b.score - a.score || a.candidate.at - b.candidate.at);
  const best = scored[0]?.score ?? 0;
  const leastOf = ({ form }: Candidate) =>
    form === "prose" ? SCORE_OF_BEST_MIN : BARE_OF_BEST_MIN;
  const chosen = scored
    .filter(({ candidate, score }) => score >= best * leastOf(candidate))
    .slice(0, SENTENCES_MAX);
  return withoutRepeats(inOrder(chosen).flatMap(withAnnounced));
}

/** A word is worth more the fewer sentences have it. */
function weightsOf(
  asked: readonly string[],
  candidates: readonly Candidate[],
): ReadonlyMap<string, number> {
  return new Map(
    asked.map((stem) => {
      const having = candidates.filter(({ stems, above }) => stems.has(stem) || above.has(stem));
      return [stem, Math.sqrt(Math.log(1 + (candidates.length + 1) / (having.length + 0.5)))];
    }),
  );
}

// By the weight of the question's words it holds. Long sentences lose a little, and so do those of
// later sources, which are less relevant.
function scoreOf(
  candidate: Candidate,
  asked: readonly string[],
  weights: ReadonlyMap<string, number>,
): Scored {
  const { stems, above, source } = candidate;
  let [covered, agreed, whole] = [0, 0, 0];
  for (const [stem, weight] of weights) {
    whole += weight;
    if (stems.has(stem)) covered += weight;
    else if (above.has(stem)) covered += weight * ABOVE_SHARE;
    if (stems.has(stem) && above.has(stem)) agreed += weight * ABOVE_TOO_BONUS;
  }
  const form = formShare(candidate, asked);
  const rank = leadsWith(candidate, asked) / (1 + 0.08 * (source - 1));
  const length = 1 / (1 + Math.max(0, stems.size - 30) / 60);
  return {
    candidate,
    cover: (covered / (whole || 1)) * form,
    score: ((covered + agreed) / (whole || 1)) * form * rank * length,
  };
}

// A row says little beside the table it is in, and code little without a word on what it is for. But of
// what stands in its first cell a row says just what is known.
function formShare({ form, text }: Candidate, asked: readonly string[]): number {
  if (form === "prose") return 1;
  if (form === "code") return BARE_SHARE;
  const key = new Set(stemsOf(text.split(" | ")[0] ?? ""));
  const named = [...key].filter((stem) => asked.includes(stem)).length / Math.max(1, key.size);
  return BARE_SHARE + (1 - BARE_SHARE) * named;
}

// "What is a run?": the sentence that begins with it, or after one small word, says what it is.
function leadsWith({ form, text }: Candidate, asked: readonly string[]): number {
  if (asked.length !== 1 || form === "code") return 1;
  const [first = [], second = []] = (text.match(/[\p{L}\p{N}_./-]+/gu) ?? [])
    .slice(0, 2)
    .map(stemsOf);
  const lead = first.length === 0 ? second : first;
  return lead.length === 1 && lead[0] === asked[0] ? LEADING_BONUS : 1;
}

function hasOwn({ stems }: Candidate, weights: ReadonlyMap<string, number>): boolean {
  return [...weights.keys()].some((stem) => stems.has(stem));
}

function candidatesOf(sources: readonly SentenceSource[]): readonly Candidate[] {
  let at = 0;
  return sources.flatMap(({ text, headings }, index) => {
    const candidates: Candidate[] = sentencesOf(text).map((sentence) => {
      at += 1;
      const stems = new Set(stemsOf(sentence.text));
      const above = new Set(stemsOf(`${headings} ${sentence.columns ?? ""}`));
      return { ...sentence, source: index + 1, at, stems, above };
    });
    return candidates.map((candidate, place) => {
      const next = candidates[place + 1];
      if (next === undefined || !/[:：]$/.test(candidate.text)) return candidate;
      const stems = new Set([...candidate.stems, ...next.stems]);
      return { ...candidate, stems, announced: next };
    });
  });
}

/** Prose of one source in its own order, at the place of its best sentence; the rest by score. */
function inOrder(chosen: readonly Scored[]): readonly Candidate[] {
  const placeOf = ({ candidate: { form, source, at } }: Scored): string =>
    form === "prose" ? `${source}` : `${source} ${at}`;
  const groups = new Map<string, Candidate[]>();
  for (const one of chosen) {
    const group = groups.get(placeOf(one));
    if (group) group.push(one.candidate);
    else groups.set(placeOf(one), [one.candidate]);
  }
  return [...groups.values()].flatMap((group) => group.sort((a, b) => a.at - b.at));
}

const withAnnounced = (candidate: Candidate): readonly Candidate[] =>
  candidate.announced ? [candidate, candidate.announced] : [candidate];

// Passages overlap, so the same sentence may come twice.
function withoutRepeats(chosen: readonly Candidate[]): readonly Candidate[] {
  return chosen.filter((one, at) => chosen.findIndex((other) => other.text === one.text) === at);
}
