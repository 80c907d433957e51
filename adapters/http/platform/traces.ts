// /v2/traces: the store of traces, kept of runs that have ended when their events are trimmed.

import { Type } from "../../../actors/schema.ts";
import { type StoredTrace, traceStatuses } from "../../../actors/trace/stored-trace.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull, pageOf, time } from "../openapi/responses.ts";
import { timeOf } from "../query-time.ts";
import { json } from "../reply.ts";
import { defineRoute, type Principal, type Route } from "../route.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { pageReply } from "./shapes.ts";
import { spanView } from "./trace.ts";
import { spanSchema, traceIdSchema } from "./trace-schemas.ts";

const closed = { additionalProperties: false } as const;
const common = { service: "runs", errors: "problem", method: "GET" } as const;
const text = Type.String();
const count = Type.Integer({ minimum: 0 });
const LIST = "traces";
const TEXT_CHARS_MAX = 200;

const kept = named(
  "KeptTrace",
  Type.Object(
    {
      trace_id: traceIdSchema,
      run_id: text,
      kind: text,
      agent_key: orNull(text),
      status: Type.String({ enum: [...traceStatuses] }),
      error: orNull(text),
      errors: Type.Integer({
        minimum: 0,
        description: "Steps, calls of tools and runs that failed.",
      }),
      started_at: time,
      ended_at: time,
      duration_ms: count,
      spans: Type.Integer({ minimum: 0, description: "That are kept of it." }),
      truncated: Type.Boolean({ description: "It had more spans than are kept." }),
    },
    closed,
  ),
);

const whole = named(
  "Trace",
  Type.Object(
    {
      trace_id: traceIdSchema,
      parent_span_id: orNull(text),
      truncated: Type.Boolean(),
      runs: Type.Array(kept),
      spans: Type.Array(spanSchema),
    },
    closed,
  ),
);

/** Routes of them. */
export function tracesRoutes({ system, hidden }: Services): readonly Route[] {
  const service = async () => {
    const { createTraces } = await import("../services/traces.ts");
    return createTraces({ tables: system.tables, hidden });
  };
  const seesOf = (principal: Principal) => async (trace: StoredTrace) => {
    if (principal.allowedResources == null && principal.boundTo == null) return true;
    const { rowIsReached } = await import("../scope/owners.ts");
    return await rowIsReached({ system, tenant: principal.tenant }, principal, trace);
  };
  return [
    defineRoute({
      ...common,
      pattern: "/v2/traces",
      summary: "List kept traces",
      description:
        "Runs that have ended, newest first: a sample of them, and all that failed or were slow, as the operator's settings say. Kept by age, number and size, also when the runs' own events are not kept any more. Nothing that was said is in them.",
      responses: answers(200, pageOf(kept), "One page."),
      parameters: {
        agent: { description: "The agent, team or workflow that was asked." },
        status: { description: `How the run ended: ${traceStatuses.join(", ")}.` },
        error: { description: "`true`: that failed, or a part of which did; `false`: others." },
        min_duration: { description: "Least duration, ms." },
        since: { description: "Begun from then on, a time in ISO 8601." },
        until: { description: "Begun by then." },
        q: { description: "A text of the error, or of the name of a span." },
      },
      query: [...pageQuery, "agent", "status", "error", "min_duration", "since", "until", "q"],
      handler: async ({ principal, query }) => {
        const page = pageRequest(query, LIST);
        const filter = { ...filterOf(query), sees: seesOf(principal) };
        const found = await (await service()).list(principal.tenant, page, filter);
        return pageReply(LIST, found, traceView);
      },
    }),
    defineRoute({
      ...common,
      pattern: "/v2/traces/{id}",
      summary: "Read a kept trace",
      description:
        "By its id, or that of one of its runs: the spans of all its runs that are kept, ordered by their beginnings. What began in a channel is one trace from the message to the delivery.",
      responses: answers(200, whole, "The trace."),
      handler: async ({ principal, params }) => {
        const { tenant } = principal;
        const id = params["id"] ?? "";
        const found = await (await service()).find(tenant, id, seesOf(principal));
        return json(200, {
          ...{ trace_id: found.traceId, parent_span_id: found.parentId, truncated: found.isCut },
          ...{ runs: found.runs.map(traceView), spans: found.spans.map(spanView) },
        });
      },
    }),
  ];
}

function filterOf(query: URLSearchParams) {
  const status = query.get("status") ?? undefined;
  if (status !== undefined && !traceStatuses.some((one) => one === status)) {
    throw invalid("status", `status must be one of ${traceStatuses.join(", ")}.`);
  }
  const failed = query.get("error");
  if (failed !== null && failed !== "true" && failed !== "false") {
    throw invalid("error", "error must be true or false.");
  }
  const isFailed = failed === null ? undefined : failed === "true";
  const least = query.get("min_duration");
  const minDurationMs = least === null ? undefined : Number(least);
  if (minDurationMs !== undefined && !(Number.isSafeInteger(minDurationMs) && minDurationMs >= 0)) {
    throw invalid("min_duration", "min_duration must be a whole number of milliseconds.");
  }
  const wanted = query.get("q") ?? undefined;
  if (wanted !== undefined && (wanted === "" || wanted.length > TEXT_CHARS_MAX)) {
    throw invalid("q", `q has 1 to ${TEXT_CHARS_MAX} characters.`);
  }
  return {
    ...{ status, isFailed, minDurationMs, text: wanted, agent: query.get("agent") ?? undefined },
    ...{ sinceMs: timeIn(query, "since"), untilMs: timeIn(query, "until") },
  };
}

const timeIn = (query: URLSearchParams, parameter: string): number | undefined =>
  timeOf(query, parameter) ?? undefined;

function traceView(trace: StoredTrace): object {
  const { id, traceId, kind, agent, status, error, errors, startedAt, endedAt } = trace;
  const { spans, isCut } = trace;
  return {
    ...{ trace_id: traceId, run_id: id, kind, agent_key: agent, status, error, errors },
    started_at: new Date(startedAt).toISOString(),
    ended_at: new Date(endedAt).toISOString(),
    ...{ duration_ms: endedAt - startedAt, spans, truncated: isCut },
  };
}

const invalid = (parameter: string, message: string): RuntimeError =>
  new RuntimeError("INVALID", message, { parameter });
