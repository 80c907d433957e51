// What the store of traces keeps of a run: its rows, bounded.

import { isFailed, mostTelling } from "../../actors/trace/most-telling.ts";
import type { Span } from "../../actors/trace/span.ts";
import {
  type StoredTrace,
  storedTraceLimits,
  traceCounters,
  traceTables,
} from "../../actors/trace/stored-trace.ts";
import { traceOfRun } from "../../actors/trace/trace-context.ts";
import { type ErrorData, toldOfRun } from "../../runtime/errors.ts";
import type { RunRow, TableWrite } from "../../runtime/system.ts";

/** A run that is kept. */
export interface KeptRun {
  readonly tenant: string;
  readonly row: RunRow;
  /** All spans of what was read, in their order. */
  readonly spans: readonly Span[];
  /** Its log has more than was read. */
  readonly isCut: boolean;
}

/** What is written of it. */
export function rowsOf({ tenant, row, spans: all, isCut }: KeptRun): {
  readonly writes: readonly TableWrite[];
  readonly bytes: number;
} {
  const { spans: spansMax, bytes: bytesMax, names, errorChars } = storedTraceLimits;
  let spans: readonly Span[] = mostTelling(all, spansMax).map(bounded);
  let text = JSON.stringify(spans);
  while (text.length > bytesMax && spans.length > 1) {
    spans = mostTelling(spans, Math.floor(spans.length / 2));
    text = JSON.stringify(spans);
  }
  const { traceId, parentId } = traceOfRun(tenant, row.id, row.trace);
  const input = ownersIn(row.input);
  const error = (row.outcome as { readonly error?: ErrorData } | null)?.error;
  const told = error === undefined ? null : toldOfRun(error, row.id);
  const trace: StoredTrace = {
    ...{ id: row.id, traceId, parentId, kind: row.kind, input, agent: input["agent"] ?? null },
    ...{ status: row.status, startedAt: row.startedAt, endedAt: row.endedAt ?? row.startedAt },
    error: told === null ? null : `${told.code}: ${told.message}`.slice(0, errorChars),
    errors: all.filter(isFailed).length,
    ...{ spans: spans.length, isCut: isCut || spans.length < all.length, bytes: text.length },
    names: [...new Set(all.map(({ name }) => name))].slice(0, names),
  };
  const { traces, spans: spansTable, runs } = traceTables;
  const writes: TableWrite[] = [
    { type: "put", table: traces, id: row.id, value: { ...trace } },
    { type: "put", table: spansTable, id: row.id, value: { spans: JSON.parse(text) } },
    { type: "put", table: runs, id: `${traceId}.${row.id}`, value: {} },
    { type: "add", counter: traceCounters.count, delta: 1 },
    { type: "add", counter: traceCounters.bytes, delta: trace.bytes },
  ];
  return { writes, bytes: text.length };
}

/** What removes it. */
export function removalOf({ id, traceId, bytes }: StoredTrace): readonly TableWrite[] {
  return [
    { type: "remove", table: traceTables.traces, id },
    { type: "remove", table: traceTables.spans, id },
    { type: "remove", table: traceTables.runs, id: `${traceId}.${id}` },
    { type: "add", counter: traceCounters.count, delta: -1 },
    { type: "add", counter: traceCounters.bytes, delta: -bytes },
  ];
}

/** A span of a bounded size. */
function bounded(span: Span): Span {
  const { events, errorChars, valueChars } = storedTraceLimits;
  return {
    ...span,
    error: span.error?.slice(0, errorChars) ?? null,
    events: span.events.slice(0, events),
    attributes: Object.fromEntries(
      Object.entries(span.attributes).map(([name, value]) => [
        name,
        typeof value === "string" ? value.slice(0, valueChars) : value,
      ]),
    ),
  };
}

/** Of an input what says whose a run is. */
function ownersIn(input: unknown): Readonly<Record<string, string>> {
  const fields = (input ?? {}) as Readonly<Record<string, unknown>>;
  const names = ["agent", "user", "collection", "evaluation"];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = fields[name];
      return typeof value === "string" ? [[name, value]] : [];
    }),
  );
}
