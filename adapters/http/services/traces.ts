// Traces of the store: listed by what their runs are, and one with all runs that are kept of it.

import { messageSpan } from "../../../actors/trace/message-span.ts";
import { runSpansLimits } from "../../../actors/trace/run-spans.ts";
import type { Span } from "../../../actors/trace/span.ts";
import { inOrder } from "../../../actors/trace/span-order.ts";
import {
  type StoredSpans,
  type StoredTrace,
  traceTables,
} from "../../../actors/trace/stored-trace.ts";
import { isBegunHere } from "../../../actors/trace/trace-context.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { idsFrom } from "../../../runtime/id.ts";
import type { Tables } from "../../../runtime/system.ts";
import { type HiddenPlaces, type Page, type PageRequest, pageOfSeen } from "./paging.ts";

/** Runs of one trace that are shown together. */
const RUNS_MAX = 50;
const TRACE_ID = /^[0-9a-f]{32}$/;

/** Which are listed. */
export interface TraceFilter {
  readonly agent?: string | undefined;
  readonly status?: string | undefined;
  readonly minDurationMs?: number | undefined;
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  /** Whether it failed, or a part of it. */
  readonly isFailed?: boolean | undefined;
  /** A text of an error or of the name of a span. */
  readonly text?: string | undefined;
  /** Whether who asks sees it. */
  sees(trace: StoredTrace): Promise<boolean>;
}

/** One trace. */
export interface FoundTrace {
  readonly traceId: string;
  /** Where it came from, when it did not begin here. */
  readonly parentId: string | null;
  readonly runs: readonly StoredTrace[];
  readonly spans: readonly Span[];
  readonly isCut: boolean;
}

/** The service. */
export interface TraceService {
  /** Newest first. */
  list(tenant: string, page: PageRequest, filter: TraceFilter): Promise<Page<StoredTrace>>;
  /** By the id of a trace, or of one of its runs. @throws NOT_FOUND. */
  find(tenant: string, id: string, sees: TraceFilter["sees"]): Promise<FoundTrace>;
}

/** Makes it. */
export function createTraces(options: {
  readonly tables: Pick<Tables, "get" | "list">;
  readonly hidden: HiddenPlaces;
}): TraceService {
  const { tables, hidden } = options;
  return {
    list: async (tenant, page, filter) =>
      await pageOfSeen<StoredTrace>(page, {
        ...{ tenant, hidden },
        read: async ({ limit, after }) =>
          await readTraces(tables, tenant, { limit, after, filter }),
        sees: async (trace) => fits(trace, filter) && (await filter.sees(trace)),
      }),
    find: async (tenant, id, sees) => await findTrace(tables, tenant, { id, sees }),
  };
}

async function readTraces(
  tables: Pick<Tables, "list">,
  tenant: string,
  {
    limit,
    after,
    filter: { sinceMs, untilMs },
  }: {
    readonly limit: number;
    readonly after: string | undefined;
    readonly filter: TraceFilter;
  },
): Promise<readonly StoredTrace[]> {
  const from = after ?? (untilMs === undefined ? undefined : idsFrom("rn", untilMs + 1));
  const rows = await tables.list(tenant, traceTables.traces, {
    ...{ limit, reverse: true },
    ...(from !== undefined && { after: from }),
  });
  const traces = rows.map(({ value }) => value as unknown as StoredTrace);
  // Behind the first one that is too old there are only older ones.
  return sinceMs === undefined ? traces : traces.filter(({ startedAt }) => startedAt >= sinceMs);
}

function fits(
  trace: StoredTrace,
  { agent, status, minDurationMs, isFailed, text }: TraceFilter,
): boolean {
  if (agent !== undefined && trace.agent !== agent) return false;
  if (status !== undefined && trace.status !== status) return false;
  if (minDurationMs !== undefined && trace.endedAt - trace.startedAt < minDurationMs) return false;
  const failed = trace.status !== "completed" || trace.errors > 0;
  if (isFailed !== undefined && failed !== isFailed) return false;
  if (text === undefined) return true;
  const wanted = text.toLowerCase();
  return [trace.error ?? "", ...trace.names].some((one) => one.toLowerCase().includes(wanted));
}

async function findTrace(
  tables: Pick<Tables, "get" | "list">,
  tenant: string,
  { id, sees }: { readonly id: string; readonly sees: TraceFilter["sees"] },
): Promise<FoundTrace> {
  const get = async (run: string): Promise<StoredTrace | null> => {
    const row = await tables.get(tenant, traceTables.traces, run);
    const trace = row?.value as unknown as StoredTrace | undefined;
    return trace !== undefined && (await sees(trace)) ? trace : null;
  };
  const traceId = TRACE_ID.test(id) ? id : (await get(id))?.traceId;
  if (traceId === undefined) throw notFound(id);
  const prefix = `${traceId}.`;
  const rows = await tables.list(tenant, traceTables.runs, { prefix, limit: RUNS_MAX + 1 });
  const found = await Promise.all(
    rows.slice(0, RUNS_MAX).map(async (row) => await get(row.id.slice(prefix.length))),
  );
  const runs = found.filter((one) => one !== null);
  const [first] = runs;
  if (first === undefined) throw notFound(id);
  const spans: Span[] = [];
  let read = 0;
  for (const { id: run } of runs) {
    if (spans.length >= runSpansLimits.spansMax) break;
    read += 1;
    const row = await tables.get(tenant, traceTables.spans, run);
    spans.push(...((row?.value as unknown as StoredSpans | undefined)?.spans ?? []));
  }
  const { parentId } = first;
  const isHere = isBegunHere({ traceId, parentId });
  if (isHere && spans.length > 0) spans.push(messageSpan({ traceId, parentId }, spans));
  const isCut = rows.length > RUNS_MAX || read < runs.length || runs.some((one) => one.isCut);
  return { traceId, parentId: isHere ? null : parentId, runs, spans: inOrder(spans), isCut };
}

function notFound(id: string): RuntimeError {
  return new RuntimeError("NOT_FOUND", `Trace ${id.slice(0, 64)} does not exist.`);
}
