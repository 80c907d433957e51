// The built-in answerer's thinking: which sentences of the agent's own material answer a question.
// It never makes up a sentence; where nothing fits it says so. Pure.

import type { Grounding } from "../ports.ts";
import { type Language, languageOf, phrasesOf, smallTalkOf } from "./phrases.ts";
import { sentencesOf, stemsOf } from "./sentences.ts";

/** An extractive answer. */
export interface Extract {
  readonly text: string;
  /** What it was taken from. */
  readonly kind: "passages" | "example" | "texts" | "small-talk" | "nothing";
  /** Numbers of the cited passages: [1] is the first of `grounding.passages`. */
  readonly cited: readonly number[];
  readonly language: Language;
}

/** Sentences of an answer. */
const SENTENCES_MAX = 3;
/** Share of the question's weight that the best sentence must cover. */
const COVER_MIN = 0.34;
/** Another sentence is added while it covers this share of what the best one does. */
const COVER_OF_BEST_MIN = 0.6;
/** Share of common words from which an example's question counts as the same. */
const EXAMPLE_LIKENESS_MIN = 0.5;
/** How much more a sentence counts that begins with the one thing asked about. */
const LEADING_BONUS = 2.5;
const OFFERS_MAX = 6;

interface Candidate {
  readonly text: string;
  /** Number of its source, from 1. */
  readonly source: number;
  /** Its place among all candidates. */
  readonly at: number;
  readonly stems: ReadonlySet<string>;
  readonly headings: ReadonlySet<string>;
}

/**
 * Answers from the grounding: small talk by offers; else the best sentences of the passages, cited as
 * [1], [2] in the passages' order; else, for an agent without a collection, the answer of an example
 * with nearly the same question, or the best sentences of its own texts; else says that it has nothing.
 * The fixed words are in the language of the question where it can be told.
 */
export function extractAnswer(grounding: Grounding): Extract {
  const { question, passages, usesCollection } = grounding;
  const language = languageOf(question);
  const talk = smallTalkOf(question);
  if (talk) return { ...smallTalkAnswer(grounding, language, talk), language };
  if (usesCollection || passages.length > 0) {
    const found = fromPassages(grounding);
    if (found) return { ...found, language };
    if (usesCollection) {
      return { text: phrasesOf(language).nothing, kind: "nothing", cited: [], language };
    }
  }
  const own = fromExamples(grounding) ?? fromTexts(grounding);
  if (own) return { ...own, language };
  const { unknown } = phrasesOf(language);
  const text = joined([unknown, offerOf(grounding, language)], language);
  return { text, kind: "nothing", cited: [], language };
}

type Found = Omit<Extract, "language">;

function smallTalkAnswer(
  grounding: Grounding,
  language: Language,
  talk: "greeting" | "thanks" | "bye",
): Found {
  const said = phrasesOf(language)[talk].replace("{agent}", () => grounding.agentName);
  const offer = talk === "greeting" ? offerOf(grounding, language) : "";
  return {
    text: joined([said, offer], language),
    kind: "small-talk",
    cited: [],
  };
}

// Chinese and Japanese put no space between sentences.
const joined = (parts: readonly string[], language: Language): string =>
  parts.filter((part) => part !== "").join(language === "zh" || language === "ja" ? "" : " ");

function offerOf({ offers }: Grounding, language: Language): string {
  if (offers.length === 0) return "";
  const isWide = language === "zh" || language === "ja";
  const list = offers
    .slice(0, OFFERS_MAX)
    .map((offer) => offer.trim().replace(/[.。]$/, ""))
    .join(isWide ? "、" : ", ");
  return phrasesOf(language).offer.replace("{offers}", () => list);
}

function fromPassages({ question, passages }: Grounding): Found | undefined {
  const sources = passages.map(({ text, headings, documentTitle }) => ({
    text,
    headings: [documentTitle, ...headings].join(" "),
  }));
  const chosen = bestSentences(question, sources);
  if (chosen.length === 0) return undefined;
  const parts = chosen.map(({ text, source }, at) => {
    const next = chosen[at + 1];
    // One mark for neighbouring sentences of the same passage.
    const mark = next?.source === source ? "" : ` [${source}]`;
    if (at === chosen.length - 1) return `${text}${markAfter(text, mark)}`;
    const isBlock = isOnItsOwn(text) || isOnItsOwn(next?.text ?? "");
    return `${text}${markAfter(text, mark)}${isBlock ? "\n\n" : " "}`;
  });
  const cited = [...new Set(chosen.map(({ source }) => source))];
  return { text: parts.join(""), kind: "passages", cited };
}

const isCode = (text: string): boolean => text.startsWith("```");

/** Code and rows of tables do not run on in a paragraph. */
const isOnItsOwn = (text: string): boolean => isCode(text) || text.includes(" | ");

// What stands behind a closing fence would keep it from closing.
const markAfter = (text: string, mark: string): string =>
  isCode(text) && mark !== "" ? `\n\n${mark.trim()}` : mark;

function fromExamples({ question, examples }: Grounding): Found | undefined {
  const asked = new Set(stemsOf(question));
  let best: { output: string; likeness: number } | undefined;
  for (const { input, output } of examples) {
    const known = new Set(stemsOf(input));
    const common = [...asked].filter((stem) => known.has(stem)).length;
    const likeness = common === 0 ? 0 : common / (asked.size + known.size - common);
    if (likeness > (best?.likeness ?? 0)) best = { output, likeness };
  }
  if (!best || best.likeness < EXAMPLE_LIKENESS_MIN) return undefined;
  return { text: best.output, kind: "example", cited: [] };
}

function fromTexts({ question, texts }: Grounding): Found | undefined {
  const chosen = bestSentences(
    question,
    texts.map((text) => ({ text, headings: "" })),
  );
  if (chosen.length === 0) return undefined;
  return { text: chosen.map(({ text }) => text).join(" "), kind: "texts", cited: [] };
}

// Scored by the weight of the question's words they hold: a word is worth more the fewer sentences
// have it; one in the heading above counts half; long sentences lose a little.
function bestSentences(
  question: string,
  sources: readonly { readonly text: string; readonly headings: string }[],
): Candidate[] {
  const candidates = candidatesOf(sources);
  const asked = [...new Set(stemsOf(question))];
  const weights = new Map(
    asked.map((stem) => {
      const having = candidates.filter(
        ({ stems, headings }) => stems.has(stem) || headings.has(stem),
      );
      return [stem, Math.log(1 + (candidates.length + 1) / (having.length + 0.5))];
    }),
  );
  const whole = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  if (whole === 0) return [];
  const coverOf = ({ stems, headings }: Candidate): number => {
    let covered = 0;
    for (const [stem, weight] of weights) {
      if (stems.has(stem)) covered += weight;
      else if (headings.has(stem)) covered += weight / 2;
    }
    return covered / whole;
  };
  const scored = candidates
    .map((candidate) => {
      const cover = coverOf(candidate);
      const rank = leadsWith(candidate, asked) / (1 + 0.08 * (candidate.source - 1));
      const length = 1 / (1 + Math.max(0, candidate.stems.size - 30) / 60);
      return { candidate, cover, score: cover * rank * length };
    })
    // The words of a heading alone do not make a sentence an answer.
    .filter(({ candidate, cover }) => cover >= COVER_MIN && hasOwn(candidate, weights))
    .sort((a, b) => b.score - a.score || a.candidate.at - b.candidate.at);
  const best = scored[0];
  if (!best) return [];
  const chosen = scored
    .filter(({ score }) => score >= best.score * COVER_OF_BEST_MIN)
    .slice(0, SENTENCES_MAX)
    .map(({ candidate }) => candidate);
  return withContinuation(dropRepeats(chosen), candidates).sort((a, b) => a.at - b.at);
}

// "What is a run?": the sentence that begins with it is the one that says what it is.
function leadsWith({ text }: Candidate, asked: readonly string[]): number {
  if (asked.length !== 1) return 1;
  const [first = ""] = text.match(/[\p{L}\p{N}_./-]+/u) ?? [];
  const stems = stemsOf(first);
  return stems.length === 1 && stems[0] === asked[0] ? LEADING_BONUS : 1;
}

function hasOwn({ stems }: Candidate, weights: ReadonlyMap<string, number>): boolean {
  return [...weights.keys()].some((stem) => stems.has(stem));
}

function candidatesOf(
  sources: readonly { readonly text: string; readonly headings: string }[],
): Candidate[] {
  let at = 0;
  return sources.flatMap(({ text, headings }, index) => {
    const above = new Set(stemsOf(headings));
    return sentencesOf(text).map((sentence) => {
      at += 1;
      const stems = new Set(stemsOf(sentence));
      return { text: sentence, source: index + 1, at, stems, headings: above };
    });
  });
}

// Passages overlap, so the same sentence may come twice.
function dropRepeats(chosen: readonly Candidate[]): Candidate[] {
  return chosen.filter((one, at) => chosen.findIndex((other) => other.text === one.text) === at);
}

// "Run these commands:" without what follows is no answer.
function withContinuation(chosen: Candidate[], all: readonly Candidate[]): Candidate[] {
  const added = chosen.flatMap((candidate) => {
    if (!/[:：]$/.test(candidate.text)) return [];
    const next = all.find(
      ({ at, source }) => at === candidate.at + 1 && source === candidate.source,
    );
    return next && !chosen.includes(next) ? [next] : [];
  });
  return [...chosen, ...added];
}
