// Traces as schemas: as they are shown, and as OTLP/HTTP sends them.

import { type TSchema, Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { anyObject, orNull, time } from "../openapi/responses.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
const id = Type.String({ pattern: "^[0-9a-f]{16}$" });
/** Id of a trace. */
export const traceIdSchema = Type.String({ pattern: "^[0-9a-f]{32}$" });
const attributes = Type.Record(
  Type.String(),
  Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Array(Type.String())]),
  { description: "By the names of OpenTelemetry's conventions; others begin with `troupe.`." },
);

/** A span. */
export const spanSchema = named(
  "TraceSpan",
  Type.Object(
    {
      span_id: id,
      parent_span_id: orNull(id),
      name: text,
      kind: Type.String({ enum: ["internal", "client", "consumer"] }),
      start_time: time,
      end_time: orNull(time),
      duration_ms: orNull(Type.Number({ minimum: 0 })),
      status: Type.String({ enum: ["ok", "error", "unset"], description: "`unset`: under way." }),
      error: orNull(text),
      attributes,
      events: Type.Array(Type.Object({ name: text, time, attributes }, closed)),
      links: Type.Array(
        Type.Object({ trace_id: traceIdSchema, span_id: id, run_id: text }, closed),
        { description: "Spans of other traces: the run that this one was forked from." },
      ),
    },
    closed,
  ),
);

const shown = named(
  "RunTrace",
  Type.Object(
    {
      trace_id: traceIdSchema,
      parent_span_id: orNull({
        ...id,
        description: "The span elsewhere that caused the run, when a `traceparent` named one.",
      }),
      run_id: text,
      truncated: Type.Boolean({ description: "There are more spans than are shown at once." }),
      spans: Type.Array(spanSchema),
    },
    closed,
  ),
);

const exported = named("OtlpTraces", Type.Object({ resourceSpans: Type.Array(anyObject) }, closed));

/** A trace, in either form. */
export const traceSchema: TSchema = Type.Union([shown, exported]);
