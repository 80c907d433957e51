// The trace of a run as it is answered: its own spans, and those of other runs of the same trace, a channel's
// question and the delivery of its answer among them. Loaded with the first trace that is asked for.

import { messageSpan } from "../../../actors/trace/message-span.ts";
import { mostTelling } from "../../../actors/trace/most-telling.ts";
import { runSpansLimits, type TraceOptions } from "../../../actors/trace/run-spans.ts";
import type { Span } from "../../../actors/trace/span.ts";
import { inOrder } from "../../../actors/trace/span-order.ts";
import {
  isBegunHere,
  parseTraceparent,
  type TraceContext,
  traceOfRun,
} from "../../../actors/trace/trace-context.ts";
import { idsFrom } from "../../../runtime/id.ts";
import type { RunRow, System } from "../../../runtime/system.ts";
import { readSpans } from "./run-spans.ts";

/** Runs of one trace that are shown together. */
const RUNS_MAX = 20;
/** Rows that are looked at for them around the run's beginning, and as many around its end. */
const ROWS_MAX = 1_000;
const ROWS_AT_ONCE = 200;
/** How long before a run what caused it may have begun, and how long after it what it causes, ms. */
const BEFORE_MS = 5_000;
const AFTER_MS = 30_000;

/** What a trace is made from. */
export interface TraceSource extends TraceOptions {
  readonly system: Pick<System, "log" | "run" | "runs">;
  /** Whether who asks sees a run of the same trace. */
  sees(row: RunRow): Promise<boolean>;
}

/** A trace. */
export interface RunTrace {
  readonly traceId: string;
  /** Where it came from, when it did not begin here. */
  readonly parentId: string | null;
  readonly spans: readonly Span[];
  /** Spans, or runs of the trace, were left out because there are too many. */
  readonly isCut: boolean;
}

/** The trace of a root run. @throws EVENTS_TRIMMED. */
export async function traceOf(source: TraceSource, row: RunRow): Promise<RunTrace> {
  const context = traceOfRun(source.tenant, row.id, row.trace);
  const others = parseTraceparent(row.trace) === null ? [] : await sameTrace(source, row, context);
  const spans: Span[] = [];
  let isLogCut = false;
  // In the order of their ids, which is the same whichever of them is asked for.
  for (const one of [row, ...others.slice(0, RUNS_MAX)].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    // Another is kept as long as the run that is asked for, or trimmed before it.
    const { spans: own, isCut } = await readSpans(source.system, one, source, one !== row);
    spans.push(...own);
    isLogCut ||= isCut;
  }
  const isHere = isBegunHere(context);
  if (isHere) spans.push(messageSpan(context, spans));
  const { spansMax } = runSpansLimits;
  return {
    traceId: context.traceId,
    parentId: isHere ? null : context.parentId,
    spans: mostTelling(inOrder(spans), spansMax),
    isCut: isLogCut || spans.length > spansMax || others.length > RUNS_MAX,
  };
}

/** Other root runs of the trace that began around the run, oldest first. */
async function sameTrace(
  source: TraceSource,
  row: RunRow,
  { traceId }: TraceContext,
): Promise<readonly RunRow[]> {
  const { startedAt, endedAt } = row;
  const around = [startedAt + BEFORE_MS, ...(endedAt === null ? [] : [endedAt + AFTER_MS])];
  const found = new Map<string, RunRow>();
  for (const toMs of around) {
    let after: string | null = idsFrom("rn", toMs);
    for (let read = 0; after !== null && read < ROWS_MAX; read += ROWS_AT_ONCE) {
      const page: Awaited<ReturnType<System["runs"]>> = await source.system.runs(source.tenant, {
        limit: ROWS_AT_ONCE,
        after,
      });
      for (const other of page.rows) {
        const isSame = parseTraceparent(other.trace)?.traceId === traceId;
        if (isSame && other.id !== row.id && (await source.sees(other))) found.set(other.id, other);
      }
      const last = page.rows.at(-1);
      after = last === undefined || last.startedAt < startedAt - BEFORE_MS ? null : page.next;
    }
  }
  return [...found.values()].sort((a, b) => a.startedAt - b.startedAt);
}
