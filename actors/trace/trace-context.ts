// W3C trace context (https://www.w3.org/TR/trace-context/): which trace a run belongs to, and the ids of its
// spans. Ids are made from what the journal knows, so that the same run has the same ones whenever it is looked
// at, on every thread, and nothing has to be stored for them.

import { createHash } from "node:crypto";
import type { RunContext } from "../../runtime/actor.ts";
import { rootRunOf } from "../../runtime/frame.ts";

/** Where a trace came from. */
export interface TraceContext {
  /** 32 hex digits. */
  readonly traceId: string;
  /** Span that caused it, 16 hex digits; null: it begins here. */
  readonly parentId: string | null;
}

const TRACE_PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.{0,200})?$/;
const NONE = /^0+$/;

const REQUEST = /;(req_[a-z0-9]{1,64})$/;

/**
 * What a run keeps of the request that it was begun by, and hands on to what it causes: its `traceparent`, if that
 * is one, and its id. What is none is left out, as the standard says: it would be stored with all of that.
 */
export function traceOfRequest(header: string | undefined, request: string): string {
  const kept = parseTraceparent(header) === null ? "" : traceparentIn(header ?? "");
  return `${kept};${request}`;
}

/** Id of the request in what a run keeps of its trace; null: no request began it. */
export const requestIn = (trace: string | undefined): string | null =>
  REQUEST.exec(trace ?? "")?.[1] ?? null;

/** The `traceparent` in it; "" when there is none. */
export const traceparentIn = (trace: string): string => trace.split(";", 1)[0] ?? "";

/** What a `traceparent` says; null for none, and for one that is to be ignored by the standard. */
export function parseTraceparent(trace: string | undefined): TraceContext | null {
  const header = traceparentIn(trace ?? "");
  const [, version, traceId = "", parentId = "", , more] = TRACE_PARENT.exec(header) ?? [];
  if (version === undefined || version === "ff") return null;
  if (version === "00" && more !== undefined) return null;
  return NONE.test(traceId) || NONE.test(parentId) ? null : { traceId, parentId };
}

/** The `traceparent` of a span. Its trace is kept here, which is what the flag `sampled` says. */
export const traceparent = (traceId: string, spanId: string): string =>
  `00-${traceId}-${spanId}-01`;

/** The trace of a run: the one it was started in, else its own. */
export function traceOfRun(tenant: string, run: string, trace: string | undefined): TraceContext {
  const given = parseTraceparent(trace);
  if (given === null) return { traceId: hex(`${tenant}/${rootRunOf(run)}`, 32), parentId: null };
  const { traceId, parentId } = given;
  return { traceId, parentId };
}

/** The span of a run, or of something that it does. */
export const spanId = (run: string, key = ""): string => hex(`${run}\n${key}`, 16);

/**
 * The `traceparent` of what begins a trace here and has no span of its own, a message of a channel: its span is
 * shown as long as the work it caused took.
 */
export function beginTrace(of: string): string {
  const traceId = hex(of, 32);
  return traceparent(traceId, firstSpan(traceId));
}

/** Whether a trace was begun by `beginTrace`. */
export const isBegunHere = ({ traceId, parentId }: TraceContext): boolean =>
  parentId === firstSpan(traceId);

/** Whether a trace is among the `percent` that are taken: the same for all of its runs, whoever is asked. */
export const isSampled = (traceId: string, percent: number): boolean =>
  Number.parseInt(traceId.slice(-8), 16) < (percent / 100) * 2 ** 32;

const firstSpan = (traceId: string): string => hex(`first\n${traceId}`, 16);

/** What a run sends along with a request that it makes outside in its step `key`. */
export function outgoingTrace(
  { id, tenant, trace }: Pick<RunContext, "id" | "tenant" | "trace">,
  key: string,
): string {
  return traceparent(traceOfRun(tenant, id, trace).traceId, spanId(id, key));
}

function hex(text: string, digits: 16 | 32): string {
  const found = createHash("sha256").update(text).digest("hex").slice(0, digits);
  // All zeros is no id; no text is known that gives it.
  return NONE.test(found) ? `${found.slice(1)}1` : found;
}
