// The words of a mail that are new: what a mail program has quoted below or above them is left out. Only
// what is given to the agent is trimmed; the mail itself stays in its mailbox.

import { createRequire } from "node:module";
import { emailLimits } from "./limits.ts";

/** What is used of planer, which has no types: it marks lines first and judges the marks then. */
interface Planer {
  markMessageLines(lines: readonly string[]): string;
  processMarkedLines(lines: readonly string[], markers: string): string[];
}

const planer: Planer = createRequire(import.meta.url)("planer");

/** What is left of a text, and whether that is less than all. */
export interface Trimmed {
  readonly text: string;
  readonly isTrimmed: boolean;
}

/** A mail's text without what it quotes. All of it where nothing else is in it, as in a mail that is passed on. */
export function trimmed(text: string): Trimmed {
  const lines = text.split("\n");
  const judged = lines.slice(0, emailLimits.trimLines);
  // A line may be as long as its sender likes, and the marks are found by expressions that go back and forth.
  const short = judged.map((line) => line.slice(0, emailLimits.trimLineChars));
  const markers = planer.markMessageLines(short);
  const kept = planer.processMarkedLines(judged, markers);
  const isCutToItsEnd = kept.length < judged.length && kept.at(-1) !== judged.at(-1);
  // A quote that fills what was looked at goes on behind it.
  const rest = isCutToItsEnd ? [] : lines.slice(judged.length);
  const left = [...kept, ...rest].join("\n").trim();
  const isTrimmed = kept.length < judged.length && left !== "" && left !== text.trim();
  return isTrimmed ? { text: left, isTrimmed } : { text: text.trim(), isTrimmed: false };
}
