// The store of traces: what is kept of a root run when it has ended, so that it can be seen after its events are
// trimmed. Nothing that was said is in it.
//
//   traces        rn            StoredTrace: what a list shows
//   trace-spans   rn            Spans
//   trace-runs    trace.rn      {}: runs of one trace

import type { Span } from "./span.ts";

/** Names of the tables above, and of the counters of what they hold. */
export const traceTables = { traces: "traces", spans: "trace-spans", runs: "trace-runs" } as const;
export const traceCounters = { count: "traces", bytes: "trace-bytes" } as const;

/** Limits of one; how many a tenant has is a setting. */
export const storedTraceLimits = {
  spans: 1_000,
  bytes: 512 * 1_024,
  /** Names of spans that a search looks in, and characters of an error. */
  names: 50,
  errorChars: 500,
  /** Events of a span, and characters of an attribute. */
  events: 100,
  valueChars: 500,
} as const;

/** How a root run has ended. */
export const traceStatuses = ["completed", "failed", "cancelled", "expired", "exhausted"] as const;

/** What a list shows of a run. */
export interface StoredTrace {
  readonly id: string;
  readonly traceId: string;
  readonly kind: string;
  /** Who was asked: `ag_`, `tm_`, `wf_`; null: nobody, as where documents are taken in. */
  readonly agent: string | null;
  /** By which of the run's input it is told who may see it. */
  readonly input: Readonly<Record<string, string>>;
  readonly status: string;
  readonly error: string | null;
  /** Spans that failed. */
  readonly errors: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** Span elsewhere that caused it. */
  readonly parentId: string | null;
  readonly spans: number;
  readonly isCut: boolean;
  readonly names: readonly string[];
  /** Of its rows, about. */
  readonly bytes: number;
}

/** The spans of a run. */
export interface StoredSpans {
  readonly spans: readonly Span[];
}
