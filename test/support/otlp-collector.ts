// A collector of traces on loopback that looks at the wire as strictly as the protocol allows: OTLP/HTTP in JSON
// (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A span as it came. */
export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
}

/** What it answers to a request. Default: 200 with an empty object. */
export type Answered = {
  readonly status: number;
  readonly headers?: object;
  readonly body?: string;
};

/** The collector. */
export interface OtlpCollector {
  readonly url: string;
  /** Spans of requests that it took. */
  readonly spans: OtlpSpan[];
  readonly requests: { readonly path: string; readonly headers: IncomingMessage["headers"] }[];
  /** What was wrong with a request. */
  readonly faults: string[];
  /** Asked for each request; null: it is never answered. */
  answer: () => Answered | null;
  stop(): Promise<void>;
}

/** Starts one. */
export async function startCollector(): Promise<OtlpCollector> {
  const open = new Set<ServerResponse>();
  const collector = {
    ...{ url: "", spans: [] as OtlpSpan[], requests: [] as OtlpCollector["requests"] },
    faults: [] as string[],
    answer: (): Answered | null => ({ status: 200, body: "{}" }),
  };
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request) text += piece;
    const { url: path = "", method, headers } = request;
    collector.requests.push({ path, headers });
    if (method !== "POST" || headers["content-type"] !== "application/json") {
      collector.faults.push(`${method} with ${headers["content-type"]}`);
    }
    const answer = collector.answer();
    if (answer === null) return void open.add(response);
    const body = JSON.parse(text) as unknown;
    collector.faults.push(...faultsIn(body));
    if (answer.status === 200) collector.spans.push(...spansIn(body));
    response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
    response.end(answer.body ?? "");
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  collector.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(collector, {
    stop: async () => {
      for (const response of open) response.destroy();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  });
}

/** What may stand where: a name with "?" need not be there. */
type Shape = (value: unknown, at: string) => string[];

const text: Shape = (value, at) => (typeof value === "string" ? [] : [`${at} is no text`]);
const matching =
  (pattern: RegExp): Shape =>
  (value, at) =>
    typeof value === "string" && pattern.test(value) ? [] : [`${at} is ${JSON.stringify(value)}`];
const among =
  (...all: readonly unknown[]): Shape =>
  (value, at) =>
    all.includes(value) ? [] : [`${at} is ${JSON.stringify(value)}`];
const list =
  (of: Shape): Shape =>
  (value, at) =>
    Array.isArray(value)
      ? value.flatMap((one, index) => of(one, `${at}[${index}]`))
      : [`${at} is no list`];
const message =
  (fields: Readonly<Record<string, Shape>>): Shape =>
  (value, at) => {
    if (typeof value !== "object" || value === null) return [`${at} is no message`];
    const known = new Set(Object.keys(fields).map((name) => name.replace("?", "")));
    const others = Object.keys(value).filter((name) => !known.has(name));
    const missing = Object.keys(fields).filter((name) => !name.endsWith("?") && !(name in value));
    return [
      ...others.map((name) => `${at}.${name} is unknown`),
      ...missing.map((name) => `${at}.${name} is missing`),
      ...Object.entries(fields).flatMap(([name, of]) => {
        const given = (value as Readonly<Record<string, unknown>>)[name.replace("?", "")];
        return given === undefined ? [] : of(given, `${at}.${name.replace("?", "")}`);
      }),
    ];
  };

const integer = matching(/^-?\d{1,19}$/);
const nanos = matching(/^1\d{18}$/);
const double: Shape = (value, at) => (Number.isFinite(value) ? [] : [`${at} is no number`]);
const isOne: Shape = (value, at) =>
  Object.keys(value as object).length === 1 ? [] : [`${at} has not one value`];
const anyValue: Shape = (value, at) => [
  ...message({
    "stringValue?": text,
    "boolValue?": among(true, false),
    "intValue?": integer,
    "doubleValue?": double,
    "arrayValue?": message({ values: list(anyValue) }),
  })(value, at),
  ...isOne(value, at),
];
const keyValues = list(message({ key: matching(/^[a-z][a-z0-9_.]{1,100}$/), value: anyValue }));
const span = message({
  traceId: matching(/^(?!0+$)[0-9a-f]{32}$/),
  spanId: matching(/^(?!0+$)[0-9a-f]{16}$/),
  "parentSpanId?": matching(/^(?!0+$)[0-9a-f]{16}$/),
  "flags?": double,
  name: matching(/^.{1,200}$/),
  kind: among(1, 2, 3, 4, 5),
  startTimeUnixNano: nanos,
  endTimeUnixNano: nanos,
  attributes: keyValues,
  events: list(message({ timeUnixNano: nanos, name: text, attributes: keyValues })),
  "links?": list(
    message({
      ...{ traceId: matching(/^[0-9a-f]{32}$/), spanId: matching(/^[0-9a-f]{16}$/) },
      "flags?": double,
    }),
  ),
  status: message({ code: among(0, 1, 2), "message?": text }),
});
const traces = message({
  resourceSpans: list(
    message({
      resource: message({ attributes: keyValues }),
      scopeSpans: list(message({ scope: message({ name: text }), spans: list(span) })),
    }),
  ),
});

/** What of a body is not as the protocol has it. */
export function faultsIn(body: unknown): string[] {
  const faults = traces(body, "$");
  if (faults.length > 0) return faults;
  return spansIn(body).flatMap((one) => {
    const {
      startTimeUnixNano: start,
      endTimeUnixNano: end,
      name,
    } = one as unknown as Record<string, string>;
    return BigInt(start ?? 0) <= BigInt(end ?? 0) ? [] : [`${name} ends before it begins`];
  });
}

function spansIn(body: unknown): OtlpSpan[] {
  const { resourceSpans } = body as {
    readonly resourceSpans: readonly {
      readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
    }[];
  };
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}
