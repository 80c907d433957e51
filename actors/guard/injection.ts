// Whether a text tries to give a model orders: a score of what speaks for it. Heuristics: they find the
// known ways and are no proof of the absence of others. The same text always has the same score.

import { plainText } from "./hidden-text.ts";
import { phrases } from "./injection-phrases.ts";
import type { Phrase } from "./phrase.ts";
import { type Hit, withoutOverlaps } from "./scanner.ts";

/** Score from which a text is a finding unless a rule says. */
export const INJECTION_THRESHOLD = 0.5;

/** What one text looks like. */
export interface InjectionScore {
  /** 0..1: one minus the product of what is left of doubt. */
  readonly score: number;
  /** Names of what was found. */
  readonly signals: readonly string[];
  readonly hits: readonly Hit[];
}

/** Blobs of one text that are decoded, and units of each. */
const BLOBS_MAX = 50;
const BLOB_CHARS_MAX = 8_192;
const BLOB = /(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{32,}={0,2}/g;
/** Further units of a sentence that an order begins. */
const SENTENCE_CHARS = 300;
const HITS_MAX = 1_000;

const weights = { tags: 0.8, overrides: 0.4, invisible: 0.3 } as const;
const INVISIBLE_MIN = 3;

/** Scores a text, in time linear in it. */
export function scoreInjection(text: string): InjectionScore {
  const plain = plainText(text);
  const found = new Map<string, number>();
  const hits: Hit[] = [];
  for (const phrase of phrases) {
    for (const { start, end } of occurrences(phrase, plain.text)) {
      found.set(phrase.name, Math.max(found.get(phrase.name) ?? 0, phrase.weight));
      const from = plain.placeOf(start);
      hits.push({ start: from, end: sentenceEnd(text, plain.placeOf(end)), type: "INJECTION" });
    }
  }
  if (plain.tags > 0) found.set("hidden-tags", weights.tags);
  if (plain.overrides > 0) found.set("bidi-override", weights.overrides);
  if (plain.invisible >= INVISIBLE_MIN) found.set("invisible-characters", weights.invisible);
  for (const blob of blobs(text)) {
    const weight = doubtOf(blob.decoded);
    if (weight === 0) continue;
    found.set("encoded-orders", Math.max(found.get("encoded-orders") ?? 0, weight));
    hits.push({ start: blob.start, end: blob.end, type: "INJECTION" });
  }
  const score = 1 - [...found.values()].reduce((left, weight) => left * (1 - weight), 1);
  return { score, signals: [...found.keys()], hits: withoutOverlaps(hits) };
}

/** The strongest of the phrases of a decoded text. */
function doubtOf(decoded: string): number {
  const { text } = plainText(decoded);
  return Math.max(
    0,
    ...phrases.filter((one) => occurrences(one, text).length > 0).map((one) => one.weight),
  );
}

function occurrences(
  { pattern, within }: Phrase,
  text: string,
): readonly { readonly start: number; readonly end: number }[] {
  const found: { start: number; end: number }[] = [];
  for (const match of text.matchAll(pattern)) {
    if (within !== undefined && !within.test(match[0])) continue;
    found.push({ start: match.index, end: match.index + match[0].length });
    if (found.length === HITS_MAX) break;
  }
  return found;
}

function sentenceEnd(text: string, at: number): number {
  const rest = text.slice(at, at + SENTENCE_CHARS);
  const end = rest.search(/[.!?。！？\n]/);
  return at + (end === -1 ? rest.length : end);
}

function blobs(
  text: string,
): readonly { readonly start: number; readonly end: number; readonly decoded: string }[] {
  const found: { start: number; end: number; decoded: string }[] = [];
  for (const match of text.matchAll(BLOB)) {
    const decoded = Buffer.from(match[0].slice(0, BLOB_CHARS_MAX), "base64").toString("utf8");
    if (!isProse(decoded)) continue;
    found.push({ start: match.index, end: match.index + match[0].length, decoded });
    if (found.length === BLOBS_MAX) break;
  }
  return found;
}

/** Letters and spaces, as text has them. */
function isProse(text: string): boolean {
  if (text.includes("\uFFFD") || !text.includes(" ")) return false;
  const good = text.match(/[\p{L}\p{N}\p{P}\p{Z}\n]/gu)?.length ?? 0;
  return good > text.length * 0.9;
}
