// How phrases are written: words of a list near to words of another, within one sentence. Each looks at a
// bounded stretch of text: linear in it.

/** A way of speaking. */
export interface Phrase {
  readonly name: string;
  /** How much it alone proves, 0..1. */
  readonly weight: number;
  /** Of text as plainText gives it; global. */
  readonly pattern: RegExp;
  /** What the text that was found must hold, if not all of them count. */
  readonly within?: RegExp;
}

const GAP = "[^.!?\\n。！？]{0,48}?";
/** One of these, as a whole word. */
export const words = (...all: readonly string[]): string =>
  `(?<![\\p{L}\\p{N}])(?:${all.join("|")})(?![\\p{L}])`;
/** These parts in order, not far from each other. */
export const near = (...parts: readonly string[]): RegExp => new RegExp(parts.join(GAP), "gu");
