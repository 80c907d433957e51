// GET /v2/runs/{rn}/trace: what a run did, as spans. What was said is left out unless it is asked for by
// somebody who may read conversations.

import type { Span, SpanEvent, SpanLink } from "../../../actors/trace/span.ts";
import { RuntimeError, toldOfRun } from "../../../runtime/errors.ts";
import { answers } from "../openapi/responses.ts";
import { demandUse } from "../permissions.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { Services } from "../services/services.ts";
import { traceSchema } from "./trace-schemas.ts";

/** The route. */
export function traceRoute({ chat, system }: Services): Route {
  return defineRoute({
    summary: "Read the trace of a run",
    description:
      "Spans with the names of OpenTelemetry's conventions for generative AI, in one list ordered by their beginnings: the run, those below it, calls of models and tools, waits, and other runs of the same trace, such as the delivery of the answer. A `traceparent` that came with the request is the parent. `content=true` adds what was said, for who may read conversations. `format=otlp` gives the request that OTLP/HTTP sends, as JSON. Kept as long as the run's events are.",
    responses: answers(200, traceSchema, "The trace."),
    parameters: {
      content: { description: "`true`: with what users, models and tools said." },
      format: { description: "`otlp`: as OTLP/HTTP sends it." },
    },
    service: "runs",
    errors: "problem",
    method: "GET",
    pattern: "/v2/runs/{rn}/trace",
    query: ["content", "format"],
    handler: async ({ principal, params, query }) => {
      const content = flag(query.get("content"), "content");
      if (content) demandUse(principal, "conversations", "conversations.read");
      const isOtlp = formatOf(query.get("format"));
      const { tenant, isServer, allowedResources, boundTo } = principal;
      const { row } = await chat.find(tenant, params["rn"] ?? "");
      const isBound = allowedResources != null || boundTo != null;
      const { traceOf } = await import("../services/run-trace.ts");
      const trace = await traceOf(
        {
          ...{ system, tenant, content },
          told: (error, run) => (isServer ? error : toldOfRun(error, run)),
          sees: async (other) => {
            if (!isBound) return true;
            const { rowIsReached } = await import("../scope/owners.ts");
            return await rowIsReached({ system, tenant }, principal, other);
          },
        },
        row,
      );
      if (isOtlp) {
        const { otlpTraces } = await import("../../otlp-json.ts");
        return json(200, otlpTraces([{ tenant, spans: trace.spans }]));
      }
      return json(200, {
        trace_id: trace.traceId,
        parent_span_id: trace.parentId,
        run_id: row.id,
        truncated: trace.isCut,
        spans: trace.spans.map(spanView),
      });
    },
  });
}

function flag(given: string | null, parameter: string): boolean {
  if (given === null || given === "false") return false;
  if (given === "true") return true;
  throw new RuntimeError("INVALID", `${parameter} must be true or false.`, { parameter });
}

function formatOf(given: string | null): boolean {
  if (given === null || given === "spans" || given === "otlp") return given === "otlp";
  throw new RuntimeError("INVALID", "format must be spans or otlp.", { parameter: "format" });
}

/** A span as it is answered. */
export function spanView(span: Span): object {
  const { traceId: _, spanId, parentId, name, kind, startMs, endMs, error } = span;
  return {
    ...{ span_id: spanId, parent_span_id: parentId, name, kind },
    start_time: timeOf(startMs),
    end_time: endMs === null ? null : timeOf(endMs),
    duration_ms: endMs === null ? null : endMs - startMs,
    status: statusOf(span),
    error,
    attributes: span.attributes,
    events: span.events.map(eventView),
    links: (span.links ?? []).map(linkView),
  };
}

const eventView = ({ name, atMs, attributes }: SpanEvent): object => ({
  ...{ name, time: timeOf(atMs), attributes },
});

const linkView = ({ traceId, spanId, run }: SpanLink): object => ({
  ...{ trace_id: traceId, span_id: spanId, run_id: run },
});

function statusOf({ endMs, attributes }: Span): "ok" | "error" | "unset" {
  if (attributes["error.type"] !== undefined) return "error";
  return endMs === null ? "unset" : "ok";
}

const timeOf = (ms: number): string => new Date(ms).toISOString();
