// Cuts a message into pieces that may be requests of their own. It only proposes: the router keeps
// a cut where both sides clearly belong to different sub-agents.

import { wordsOf } from "../text/words.ts";

/** Longest message that is cut, in characters, and most pieces it is cut into. */
export const compoundLimits = { chars: 2_000, pieces: 12, pieceWordsMin: 2 } as const;

const SENTENCE = /(?<=[.!?;\n])\s+|(?<=[。？！；])|\n+/u;
const JOINING =
  /,?\s+(?:and also|and then|as well as|and|also|plus|und|sowie|außerdem|et aussi|et|y también|y|además|e anche|e também|e|oraz|en ook|en|и также|и|а также|ve ayrıca|ve|dan juga|również|och|og)\s+|(?:，|、|,)?(?:另外|还有|并且|以及|而且|それと|また|あと|그리고|또한)\s*|\s+(?:और|و)\s*/giu;
const PRAISE =
  /\b(?:love|loving|great|awesome|amazing|thanks|thank|happy|fantastic|nice|enjoy|danke|merci|gracias|super|toll|liebe|genial|спасибо)\b/iu;
const REQUEST =
  /[?？]|\b(?:please|can|could|how|what|when|where|why|want|need|bitte|wie|comment)\b/iu;
/** A sentence that speaks of the one before it: "It shows an error." */
const POINTING =
  /^\s*(?:it|this|that|they|these|those|he|she|es|das|dies|ça|cela|eso|esto|isso|questo|это|оно)\b/iu;

/** Pieces of a message in order; one piece when there is nothing to cut. */
export function piecesOf(message: string): readonly string[] {
  if (message.length > compoundLimits.chars) return [message];
  const sentences = mergePointing(
    message
      .split(SENTENCE)
      .map((piece) => piece.trim())
      .filter((piece) => piece !== ""),
  );
  const pieces = sentences.flatMap(cutSentence);
  return pieces.length === 0 || pieces.length > compoundLimits.pieces ? [message] : pieces;
}

/** Whether a piece is only kind words around the request. */
export function isPraise(piece: string): boolean {
  return PRAISE.test(piece) && !REQUEST.test(piece);
}

function mergePointing(sentences: readonly string[]): string[] {
  const merged: string[] = [];
  for (const sentence of sentences) {
    const before = merged.at(-1);
    const points = POINTING.test(sentence) && !REQUEST.test(sentence);
    if (before !== undefined && points) merged[merged.length - 1] = `${before} ${sentence}`;
    else merged.push(sentence);
  }
  return merged;
}

/** Cut at joining words where both sides are long enough to be a request. */
function cutSentence(sentence: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  for (const found of sentence.matchAll(JOINING)) {
    const left = sentence.slice(from, found.index);
    const right = sentence.slice(found.index + found[0].length);
    if (!isLongEnough(left) || !isLongEnough(right)) continue;
    pieces.push(left.trim());
    from = found.index + found[0].length;
  }
  pieces.push(sentence.slice(from).trim());
  return pieces;
}

function isLongEnough(piece: string): boolean {
  return wordsOf(piece, compoundLimits.pieceWordsMin + 1).length >= compoundLimits.pieceWordsMin;
}
