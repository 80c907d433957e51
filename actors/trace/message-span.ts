// The span of a message that began a trace here, a channel's: nothing of its own is stored of it, so that it
// lasts from the first to the last that it caused.

import type { Span } from "./span.ts";
import type { TraceContext } from "./trace-context.ts";

/** The span. `spans`: what it caused, as far as that is known; not empty. */
export function messageSpan({ traceId, parentId }: TraceContext, spans: readonly Span[]): Span {
  const isOpen = spans.some(({ endMs }) => endMs === null);
  return {
    ...{ traceId, spanId: parentId ?? "", parentId: null, name: "process message" },
    kind: "consumer",
    startMs: spans.reduce((first, { startMs }) => Math.min(first, startMs), Number.MAX_VALUE),
    endMs: isOpen ? null : spans.reduce((last, { endMs }) => Math.max(last, endMs ?? 0), 0),
    error: null,
    attributes: { "messaging.operation.type": "process" },
    events: [],
  };
}
