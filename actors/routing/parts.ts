// What the indexes of a router take from one sub-agent, kept by what is written about it: where one
// of many is added, removed or changed, only its own texts are read. What is kept is a function of
// the text alone, so a router does not depend on the versions that were built before it.

import type { SubAgent } from "../records/sub-agent.ts";
import { wordsOf } from "../text/words.ts";
import { type SemanticPart, semanticPart } from "./semantic.ts";
import { type SmallTalk, smallTalkOf, smallTalkWordsMax } from "./small-talk.ts";

/** Parts that one thread keeps, and the characters of text that they were made of. */
export const partLimits = { parts: 2_000, chars: 8_000_000 } as const;

/** What one sub-agent brings. */
export interface Part {
  readonly semantic: SemanticPart;
  /** Small talk that it has an example of. */
  readonly taught: readonly SmallTalk[];
}

const kept = new Map<string, Part>();
let chars = 0;

/** The part of a sub-agent; one step a text where it is not known yet. */
export function* partOf(subAgent: SubAgent): Generator<undefined, Part> {
  const { name, description, trigger, action } = subAgent;
  const key = JSON.stringify([name, description, trigger, action?.goal, action?.persona]);
  const known = kept.get(key);
  if (known !== undefined) return known;
  const semantic = yield* semanticPart(subAgent);
  const taught = new Set<SmallTalk>();
  for (const example of trigger?.examples ?? []) {
    const kind = smallTalkOf(wordsOf(example, smallTalkWordsMax + 1));
    if (kind !== undefined) taught.add(kind);
  }
  const part = { semantic, taught: [...taught] };
  keep(key, part);
  return part;
}

function keep(key: string, part: Part): void {
  if (!kept.has(key)) chars += key.length;
  kept.set(key, part);
  for (const oldest of kept.keys()) {
    if (kept.size <= partLimits.parts && chars <= partLimits.chars) return;
    kept.delete(oldest);
    chars -= oldest.length;
  }
}
