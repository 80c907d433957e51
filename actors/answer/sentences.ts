// Text as words and sentences, for finding what in it answers a question. Pure and cheap: it works on
// a few passages, never on a collection.

import { contentless } from "./phrases.ts";

/** Sentences looked at in one text, so that a huge one costs no more than a long one. */
const SENTENCES_MAX = 400;
const SENTENCE_CHARS_MAX = 700;
const ruler = /^[-=*_|: ]{3,}$/;

/** What can be quoted of a text. */
export interface Sentence {
  readonly text: string;
  readonly form: "prose" | "row" | "code";
  /** Of a row: what its table's columns are called. */
  readonly columns?: string;
}

/**
 * The content words of a text, reduced to their stems; Chinese and Japanese as pairs of signs.
 * Small words of all known languages are left out.
 */
export function stemsOf(text: string): string[] {
  const stems: string[] = [];
  for (const word of text
    .normalize("NFKC")
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu) ?? []) {
    if (/[\u3040-\u30ff\u3400-\u9fff]/.test(word)) stems.push(...pairsOf(word));
    else if (!contentless.has(word)) stems.push(stemOf(word));
  }
  return stems;
}

const pairsOf = (word: string): string[] => {
  const signs = [...word];
  if (signs.length === 1) return signs;
  return signs.slice(1).map((sign, at) => `${signs[at]}${sign}`);
};

// Endings are cut only where a recognisable word is left: "invoices", "invoice" -> "invoic". Twice, so
// that a plural meets its singular: "providers", "provider", "provide" -> "provid".
function stemOf(word: string): string {
  const once = withoutEnding(word);
  return once === word ? word.replace(/s$/, "") : withoutEnding(once);
}

function withoutEnding(word: string): string {
  const stemCharsMin = 4;
  const stem = word.replace(
    /(?:ations?|ungen|ung|ings?|edly|ed|ies|es|s|en|er|e|n|y|а|ы|и|у)$/u,
    "",
  );
  return stem.length >= stemCharsMin ? stem : word;
}

/**
 * The sentences of a text in order. Lists give one for each item, tables one for each row, code stays
 * together; headings, tables' heads and rulers are left out (a heading names its sentences' subject,
 * it is no answer).
 */
export function sentencesOf(text: string): readonly Sentence[] {
  const sentences: Sentence[] = [];
  let paragraph = "";
  let columns = "";
  let code: string[] | undefined;
  const flush = () => {
    for (const sentence of split(paragraph)) sentences.push({ text: cut(sentence), form: "prose" });
    paragraph = "";
  };
  const endCode = () => {
    if (!code || code.length === 0) return;
    sentences.push({ text: `\`\`\`\n${cut(code.join("\n"))}\n\`\`\``, form: "code" });
  };
  const lines = text.split(/\r?\n/);
  for (const [at, line] of lines.entries()) {
    const trimmed = line.trim();
    if (trimmed.startsWith("```")) {
      flush();
      endCode();
      code = code ? undefined : [];
    } else if (code) {
      code.push(line);
    } else if (trimmed === "" || /^#{1,6}\s/.test(trimmed) || ruler.test(trimmed)) {
      flush();
    } else if (trimmed.startsWith("|")) {
      flush();
      const cells = trimmed.replace(/^\|\s*|\s*\|$/g, "");
      if (ruler.test(lines[at + 1]?.trim() ?? "")) columns = cells;
      else sentences.push({ text: cut(cells), form: "row", columns });
    } else {
      const item = trimmed.replace(/^(?:[-*+•]|\d{1,3}[.)])\s+/, "");
      if (item !== trimmed) flush();
      paragraph = paragraph === "" ? item : `${paragraph} ${item}`;
    }
    if (sentences.length >= SENTENCES_MAX) break;
  }
  flush();
  endCode();
  return sentences.slice(0, SENTENCES_MAX);
}

const cut = (text: string): string => text.slice(0, SENTENCE_CHARS_MAX);

// A dot ends a sentence when a space and something that may begin one follow; not after a single
// letter or a usual abbreviation.
function split(paragraph: string): string[] {
  const marked = paragraph
    .replace(/([。！？])/g, "$1\u0000")
    .replace(
      /(\S{0,24}?)([.!?…]["')\]»”]*)\s+(?=["'([«“¿¡]*[\p{Lu}\p{N}`*])/gu,
      (whole, word: string, mark: string) =>
        mark.startsWith(".") && isAbbreviation(word) ? whole : `${word}${mark}\u0000`,
    );
  return marked
    .split("\u0000")
    .map((sentence) => sentence.trim())
    .filter((sentence) => /[\p{L}\p{N}]/u.test(sentence));
}

const abbreviations = /^(?:\p{L}|e\.g|i\.e|z\.b|mr|mrs|ms|dr|no|nr|vs|etc|approx|bzw|ca|sr|sra)$/iu;

const isAbbreviation = (word: string): boolean => abbreviations.test(word.replace(/^[("'[]+/, ""));
