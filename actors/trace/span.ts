// A span as it is answered and exported: the model of OpenTelemetry with the names of its conventions for
// generative AI (https://opentelemetry.io/docs/specs/semconv/gen-ai/, in development: names may change there).
// What the conventions have no name for is under `troupe.`.

/** What an attribute may be. */
export type AttributeValue = string | number | boolean | readonly string[];

/** Attributes by name. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Something that happened within a span. */
export interface SpanEvent {
  readonly name: string;
  /** Ms since the epoch. */
  readonly atMs: number;
  readonly attributes: Attributes;
}

/** Another span that it has to do with, of a trace of its own. */
export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  /** The run whose span it is. */
  readonly run: string;
}

/** A stretch of work. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | null;
  readonly name: string;
  /** `client`: it waits for somebody outside. `consumer`: it takes a message in. */
  readonly kind: "internal" | "client" | "consumer";
  /** Ms since the epoch. */
  readonly startMs: number;
  /** Null: under way. */
  readonly endMs: number | null;
  /** Of a failure its text; null: none is known. */
  readonly error: string | null;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  readonly links?: readonly SpanLink[];
}

/** The attributes that have a value. */
export function attributes(
  all: Readonly<Record<string, AttributeValue | null | undefined>>,
): Attributes {
  return Object.fromEntries(
    Object.entries(all).filter(
      (one): one is [string, AttributeValue] => one[1] !== undefined && one[1] !== null,
    ),
  );
}
