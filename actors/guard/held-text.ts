// Streamed text on its way through a chain: each rule is a stage that holds back what it cannot decide yet.
// What comes out depends on the text alone, never on how it was cut: a stage decides at places that the text
// itself names, or after so many characters where it names none.

import type { Finding } from "../records/guardrail.ts";
import { type Chain, findingOf, type Rule, reasonFor } from "./chain.ts";
import { type Placeholders, redacted } from "./placeholders.ts";
import type { Hit, Scanner } from "./scanner.ts";

/** A text that is checked while it is written. */
export interface HeldText {
  /** The next piece; gives what may be shown now, "" for nothing. */
  push(piece: string): string;
  /** The end of the text; gives the rest. */
  end(): string;
  readonly findings: readonly Finding[];
  /** The rule that has blocked it: nothing comes any more. */
  readonly blockedBy: Rule | null;
}

/** Whether all rules can look at a text in pieces. */
export function canStream(chain: Chain): boolean {
  return chain.every(
    ({ hold, checks }) => !hold && checks.every((check) => check.kind === "scanner"),
  );
}

/** @param chain rules that can look at a text in pieces. */
export function createHeldText(chain: Chain, placeholders: Placeholders): HeldText {
  const stages = chain.flatMap((rule) =>
    rule.checks.flatMap((check) =>
      check.kind === "scanner" ? [createStage(rule, check, placeholders)] : [],
    ),
  );
  const through = (piece: string, isEnd: boolean): string => {
    let text = piece;
    let isOver = isEnd;
    for (const stage of stages) {
      text = stage.push(text, isOver);
      // What comes before a blocked place is decided to its end by the stages behind.
      isOver ||= stage.isBlocked;
    }
    return text;
  };
  let isOver = false;
  const blocking = (): Stage | undefined => stages.find(({ isBlocked }) => isBlocked);
  return {
    push(piece) {
      if (isOver) return "";
      const text = through(piece, false);
      isOver = blocking() !== undefined;
      return text;
    },
    end() {
      if (isOver) return "";
      isOver = true;
      return through("", true);
    },
    get findings() {
      return stages.flatMap((stage) => stage.finding ?? []);
    },
    get blockedBy() {
      return blocking()?.rule ?? null;
    },
  };
}

interface Stage {
  readonly rule: Rule;
  readonly isBlocked: boolean;
  readonly finding: Finding | null;
  push(piece: string, isEnd: boolean): string;
}

/** Units before what is looked at that a scanner sees: whether a word begins there. */
const CONTEXT_CHARS = 1;

function createStage(
  rule: Rule,
  { scanner, noun }: { readonly scanner: Scanner; readonly noun: string },
  placeholders: Placeholders,
): Stage {
  /** What is not decided, after `from` units of context; `base` is its place in the text. */
  let held = "";
  let from = 0;
  let base = 0;
  let isBlocked = false;
  const all: Hit[] = [];
  /** Decides what begins before `until`, and hits to their end. `text`: what may be looked at for it. */
  const decide = (text: string, until: number): string => {
    const hits = scanner.scan(text, from).filter(({ start }) => start < until);
    all.push(...hits.map((hit) => ({ ...hit, start: base + hit.start, end: base + hit.end })));
    const first = hits[0];
    if (first !== undefined && rule.action === "block") {
      isBlocked = true;
      return text.slice(from, first.start);
    }
    const end = Math.max(until, hits.at(-1)?.end ?? 0);
    const shown = text.slice(from, end);
    const moved = hits.map((hit) => ({ ...hit, start: hit.start - from, end: hit.end - from }));
    const out = rule.action === "redact" ? redacted(shown, moved, placeholders) : shown;
    const keep = Math.max(0, end - CONTEXT_CHARS);
    held = held.slice(keep);
    base += keep;
    from = end - keep;
    return out;
  };
  return {
    rule,
    get isBlocked() {
      return isBlocked;
    },
    get finding() {
      if (all.length === 0) return null;
      return findingOf(rule, { reason: reasonFor(noun, all), hits: all }, { on: "output" });
    },
    push(piece, isEnd) {
      if (isBlocked) return "";
      held += piece;
      let out = "";
      for (;;) {
        const { until, seen } = nextDecision(scanner, held, from);
        if (until === -1 || isBlocked) break;
        out += decide(held.slice(0, seen), until);
      }
      if (isEnd && !isBlocked && from < held.length) out += decide(held, held.length);
      return out;
    },
  };
}

/** Up to where the held text can be decided now, and how much of it is looked at for that. */
function nextDecision(
  { cut, strideChars, windowChars }: Scanner,
  held: string,
  from: number,
): { readonly until: number; readonly seen: number } {
  const most = from + strideChars + windowChars;
  // Of no more than what is looked at where it names none: what comes later must not decide.
  const at = cut?.(held.slice(0, most), from) ?? -1;
  if (at !== -1) return { until: at, seen: at };
  if (held.length < most) return { until: -1, seen: 0 };
  return { until: from + strideChars, seen: most };
}
