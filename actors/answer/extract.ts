// The built-in answerer's thinking: which sentences of the agent's own material answer a question.
// It never makes up a sentence; where nothing fits it says so. Pure.

import type { Grounding } from "../ports.ts";
import { type Language, languageOf, phrasesOf, smallTalkOf } from "./phrases.ts";
import { bestSentences, type Quoted } from "./rank-sentences.ts";
import { stemsOf } from "./sentences.ts";

/** An extractive answer. */
export interface Extract {
  readonly text: string;
  /** What it was taken from. */
  readonly kind: "passages" | "example" | "texts" | "small-talk" | "nothing";
  /** Numbers of the cited passages: [1] is the first of `grounding.passages`. */
  readonly cited: readonly number[];
  readonly language: Language;
}

/** Share of common words from which an example's question counts as the same. */
const EXAMPLE_LIKENESS_MIN = 0.5;
const OFFERS_MAX = 6;

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
  const sources = passages.map(({ text, headings, context = "", documentTitle }) => ({
    text,
    headings: [documentTitle, ...headings, context].join(" "),
  }));
  const chosen = bestSentences(question, sources);
  if (chosen.length === 0) return undefined;
  const parts = chosen.map((one, at) => {
    const next = chosen[at + 1];
    // One mark for neighbouring sentences of the same passage.
    const mark = next?.source === one.source ? "" : markAfter(one);
    if (next === undefined) return `${one.text}${mark}`;
    // Code and rows of tables do not run on in a paragraph.
    const isParagraph = one.form === "prose" && next.form === "prose";
    return `${one.text}${mark}${isParagraph ? " " : "\n\n"}`;
  });
  const cited = [...new Set(chosen.map(({ source }) => source))];
  return { text: parts.join(""), kind: "passages", cited };
}

// What stands behind a closing fence would keep it from closing.
const markAfter = ({ form, source }: Quoted): string =>
  form === "code" ? `\n\n[${source}]` : ` [${source}]`;

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
