// What all threads count in common: the memories, made once on main, and the counters of them.

import { createGenAiFigures, genAiMemory } from "./gen-ai-figures.ts";
import { createGuardFigures, guardMemory } from "./guard-figures.ts";
import { createMissedVectors, missedMemory } from "./missed-vectors.ts";
import { createWorkFigures, workMemory } from "./work-figures.ts";

/** As engines are handed them. */
export function figureMemories() {
  return {
    ...{ missed: missedMemory(), guardMemory: guardMemory() },
    ...{ genAiMemory: genAiMemory(), workMemory: workMemory() },
  };
}

/** The counters, as main has them. */
export function sharedFigures(of: ReturnType<typeof figureMemories>) {
  const [missed, guards] = [createMissedVectors(of.missed), createGuardFigures(of.guardMemory)];
  const [genAi, figures] = [createGenAiFigures(of.genAiMemory), createWorkFigures(of.workMemory)];
  return { missed, guards, genAi, figures };
}
