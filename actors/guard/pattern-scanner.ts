// Patterns that a text must not hold, on RE2.

import { patternLibrary } from "./libraries.ts";
import { type Hit, type Scanner, withoutOverlaps } from "./scanner.ts";

/** Characters decided at once in streamed text, and in long texts with many hits. */
const STRIDE_CHARS = 32;
const LONG_STRIDE_CHARS = 256;
/**
 * Hits looked for in the whole of a text. RE2 finds one in linear time, but may read to the end for it:
 * after so many the text is read in windows, so that the time stays linear in all.
 */
const WHOLE_HITS_MAX = 32;

/** A compiled pattern. */
export type Program = ReturnType<ReturnType<typeof patternLibrary>["RE2JS"]["compile"]>;

/** Compiles a pattern of RE2. @throws Error that says what RE2 cannot express. */
export function compilePattern(source: string, isCaseSensitive: boolean): Program {
  const { RE2JS } = patternLibrary();
  return RE2JS.compile(source, isCaseSensitive ? 0 : RE2JS.CASE_INSENSITIVE);
}

/** Whether one of them is found. */
export function findsAny(programs: readonly Program[], text: string): boolean {
  return programs.some((program) => program.matcher(text).find());
}

/** Finds patterns. @param windowChars the longest match that is found in pieces for sure. */
export function patternScanner(programs: readonly Program[], windowChars: number): Scanner {
  return {
    windowChars,
    strideChars: STRIDE_CHARS,
    scan: (text, from) =>
      withoutOverlaps(programs.flatMap((program) => hitsOf(program, text, { from, windowChars }))),
  };
}

function hitsOf(
  program: Program,
  text: string,
  { from, windowChars }: { readonly from: number; readonly windowChars: number },
): readonly Hit[] {
  const hits: Hit[] = [];
  let at = from;
  const whole = program.matcher(text);
  for (let count = 0; count < WHOLE_HITS_MAX; count += 1) {
    if (at > text.length || !whole.find(at)) return hits;
    at = take(hits, whole.start(), whole.end());
  }
  while (at < text.length) {
    // One unit before it is context: for \b, and so that ^ means the beginning of the text.
    const base = Math.max(0, at - 1);
    const end = Math.min(text.length, at + LONG_STRIDE_CHARS + windowChars);
    const part = program.matcher(text.slice(base, end));
    const until = at + LONG_STRIDE_CHARS;
    while (at < until && part.find(at - base) && base + part.start() < until) {
      at = take(hits, base + part.start(), base + part.end());
    }
    at = Math.max(at, until);
  }
  return hits;
}

/** Where to go on. An empty match denies nothing. */
function take(hits: Hit[], start: number, end: number): number {
  if (end === start) return start + 1;
  hits.push({ start, end, type: "PATTERN" });
  return end;
}
