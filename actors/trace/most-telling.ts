// Of more spans than are shown or kept, those that tell most: how it failed, what it was made of, then what came first.

import type { Span } from "./span.ts";

/** So many of the spans, in the order they were given, each with all that are above it. */
export function mostTelling(all: readonly Span[], max: number): readonly Span[] {
  if (all.length <= max) return all;
  const known = new Map(all.map((span) => [span.spanId, span]));
  const chosen = new Set<Span>();
  const choose = (spans: readonly Span[], room: number): void => {
    for (const span of spans) {
      if (chosen.size >= room) return;
      const path = new Set<Span>();
      let at: Span | undefined = span;
      while (at !== undefined && !chosen.has(at) && !path.has(at)) {
        path.add(at);
        at = known.get(at.parentId ?? "");
      }
      if (chosen.size + path.size <= room) for (const one of path) chosen.add(one);
    }
  };
  choose(all.slice(0, 1), max);
  // The last failures are those that it ended with; repeated ones leave room for the rest.
  choose(all.filter(isFailed).reverse(), Math.ceil(max / 2));
  choose(all.filter(isRun), Math.ceil((3 * max) / 4));
  choose(all, max);
  return all.filter((span) => chosen.has(span));
}

/** Whether it failed. */
export const isFailed = ({ attributes }: Span): boolean => attributes["error.type"] !== undefined;

const isRun = ({ attributes }: Span): boolean => attributes["troupe.run.id"] !== undefined;
