// Spans as OTLP/HTTP sends them in JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids
// in hex, 64-bit numbers as text, enumerations as numbers.

import type { AttributeValue, Span, SpanLink } from "../actors/trace/span.ts";

/** Spans of one tenant. */
export interface TenantSpans {
  readonly tenant: string;
  readonly spans: readonly Span[];
}

/** SpanKind of opentelemetry/proto/trace/v1/trace.proto. */
const KINDS: Readonly<Record<Span["kind"], number>> = { internal: 1, client: 3, consumer: 5 };
/** SpanFlags: bits 8 and 9 say that it is known whether the parent is of another process; 1: sampled. */
const FLAGS = 0x101;
/** StatusCode. */
const OK = 1;
const ERROR = 2;

/** The body of a request to `/v1/traces`. Spans that are under way are left out: they come when they end. */
export function otlpTraces(of: readonly TenantSpans[]): {
  readonly resourceSpans: readonly object[];
} {
  return {
    resourceSpans: of.map(({ tenant, spans }) => ({
      resource: {
        attributes: pairs({ "service.name": "troupe", "troupe.tenant.id": tenant }),
      },
      scopeSpans: [
        {
          scope: { name: "troupe" },
          spans: spans.filter(({ endMs }) => endMs !== null).map(spanOf),
        },
      ],
    })),
  };
}

function spanOf(span: Span): object {
  const { traceId, spanId, parentId, name, kind, startMs, endMs, error, attributes } = span;
  const { events, links = [] } = span;
  const isFailed = attributes["error.type"] !== undefined;
  return {
    ...{ traceId, spanId, ...(parentId !== null && { parentSpanId: parentId }), flags: FLAGS },
    ...{ name, kind: KINDS[kind] },
    startTimeUnixNano: nanos(startMs),
    endTimeUnixNano: nanos(endMs ?? startMs),
    attributes: pairs(attributes),
    events: events.map((event) => ({
      timeUnixNano: nanos(event.atMs),
      name: event.name,
      attributes: pairs(event.attributes),
    })),
    ...(links.length > 0 && { links: links.map(linkOf) }),
    status: isFailed ? { code: ERROR, ...(error !== null && { message: error }) } : { code: OK },
  };
}

const linkOf = ({ traceId, spanId }: SpanLink): object => ({ traceId, spanId, flags: FLAGS });

const nanos = (ms: number): string => `${BigInt(Math.round(ms)) * 1_000_000n}`;

const pairs = (of: Readonly<Record<string, AttributeValue>>): readonly object[] =>
  Object.entries(of).map(([key, value]) => ({ key, value: anyValue(value) }));

function anyValue(value: AttributeValue): object {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value !== "number") return { arrayValue: { values: value.map(anyValue) } };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
