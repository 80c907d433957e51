// The order in which spans are shown: by their beginnings, and of those of one millisecond by their place in the
// tree, so that a parent always comes before what is below it and the same spans always come in the same order.

import type { Span } from "./span.ts";

/** In their order. Spans that are equal in both come as they were given: as the logs of their runs tell of them. */
export function inOrder(spans: readonly Span[]): Span[] {
  const depths = depthsOf(spans);
  const depthOf = ({ spanId }: Span): number => depths.get(spanId) ?? 0;
  return [...spans].sort((a, b) => a.startMs - b.startMs || depthOf(a) - depthOf(b));
}

/** How many of the spans are above each. */
function depthsOf(spans: readonly Span[]): ReadonlyMap<string, number> {
  const parents = new Map(spans.map(({ spanId, parentId }) => [spanId, parentId]));
  const depths = new Map<string, number>();
  for (const { spanId } of spans) {
    const path: string[] = [];
    let at: string | null | undefined = spanId;
    // A span that were its own ancestor would be walked to once.
    while (at != null && parents.has(at) && !depths.has(at) && path.length < parents.size) {
      path.push(at);
      at = parents.get(at);
    }
    let depth = (at == null ? undefined : depths.get(at)) ?? -1;
    for (const one of path.reverse()) {
      depth += 1;
      depths.set(one, depth);
    }
  }
  return depths;
}
