// The export of traces against a collector that is strict about the wire, is away, and is slow.

import { afterEach, beforeEach, expect, test } from "vitest";
import type { Span } from "../../actors/trace/span.ts";
import { createEgress } from "../../adapters/egress.ts";
import {
  createExporter,
  type Exporter,
  type ExporterOptions,
  headersOf,
} from "../../adapters/telemetry/otlp/exporter.ts";
import { silentLog } from "../../runtime/log.ts";
import { type OtlpCollector, startCollector } from "../support/otlp-collector.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const span: Span = {
  ...{ traceId, spanId: "00f067aa0ba902b7", parentId: null, name: "chat m", kind: "client" },
  ...{ startMs: 1_700_000_000_000, endMs: 1_700_000_000_005, error: null },
  attributes: {
    ...{ "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7, "troupe.is": true },
    ...{ "troupe.share": 0.5, "gen_ai.response.finish_reasons": ["stop"] },
  },
  events: [{ name: "troupe.routing", atMs: 1_700_000_000_001, attributes: { name: "x" } }],
};

let collector: OtlpCollector;
let exporter: Exporter | undefined;
beforeEach(async () => {
  collector = await startCollector();
});
afterEach(async () => {
  await collector.stop();
  await exporter?.stop();
});

const limits = { settleMs: 1, backoffMs: 5, backoffMaxMs: 20, requestMs: 2_000 };
function started(more: Partial<ExporterOptions> = {}): Exporter {
  exporter = createExporter({
    ...{ endpoint: collector.url, headers: { "api-key": "k" }, log: silentLog, limits },
    egress: createEgress({ allowedHosts: ["127.0.0.1"] }),
    spansOf: async () => [span],
    ...more,
  });
  return exporter;
}
const runs = (count: number) => ({
  runs: Array.from({ length: count }, (_, at) => ({ tenant: `tn_${at % 2}`, run: `rn_${at}` })),
  dropped: 0,
});
const figures = () => exporter?.figures();

test("spans go out in few requests, and the wire is as the protocol has it", async () => {
  const failed = { ...span, error: "No.", attributes: { "error.type": "DEADLINE" } };
  started({ spansOf: async ({ run }) => [run === "rn_0" ? failed : span] }).take(runs(150));

  await expect.poll(figures).toEqual({ sent: 150, dropped: 0, refused: 0 });

  expect(collector.faults).toEqual([]);
  expect(collector.spans).toHaveLength(150);
  expect(collector.requests.length).toBeLessThanOrEqual(5);
  expect(collector.requests[0]).toMatchObject({
    path: "/v1/traces",
    headers: { "api-key": "k", "content-type": "application/json" },
  });
});

test("what a collector that is away did not take is sent again, and not more often than it allows", async () => {
  let asked = 0;
  collector.answer = () => {
    asked += 1;
    if (asked === 1) return { status: 503, headers: { "retry-after": "1" } };
    return asked === 2 ? { status: 429 } : { status: 200, body: "" };
  };
  started().take(runs(3));

  await expect.poll(figures).toEqual({ sent: 3, dropped: 0, refused: 0 });
  expect(asked).toBe(3);

  collector.answer = () => {
    asked += 1;
    return { status: 503 };
  };
  exporter?.take(runs(1));
  await expect.poll(figures).toEqual({ sent: 3, dropped: 1, refused: 0 });
  expect(asked).toBe(3 + 6);
});

test("what the collector does not want is not sent again", async () => {
  collector.answer = () => ({ status: 400 });
  started().take(runs(2));
  await expect.poll(figures).toEqual({ sent: 0, dropped: 0, refused: 2 });
  expect(collector.requests).toHaveLength(1);

  const partialSuccess = { rejectedSpans: "1", errorMessage: "one is too old" };
  collector.answer = () => ({ status: 200, body: JSON.stringify({ partialSuccess }) });
  exporter?.take(runs(2));
  await expect.poll(figures).toEqual({ sent: 1, dropped: 0, refused: 3 });
});

test("while a collector hangs the queue has an end, and what finds no room is counted", async () => {
  collector.answer = () => null;
  const one = started({ limits: { ...limits, queueMax: 5, requestMs: 60_000 } });

  one.take(runs(7));
  one.take({ runs: [], dropped: 4 });

  expect(one.figures()).toEqual({ sent: 0, dropped: 6, refused: 0 });
});

test("a run that has not ended yet is read again, and in the end left out", async () => {
  let reads = 0;
  const spansOf = async ({ run }: { readonly run: string }) => {
    reads += 1;
    return run === "rn_0" && reads > 2 ? [span] : ("later" as const);
  };
  started({ spansOf }).take(runs(1));
  await expect.poll(figures).toEqual({ sent: 1, dropped: 0, refused: 0 });

  started({ spansOf: async () => "later" }).take(runs(1));
  await expect.poll(figures).toEqual({ sent: 0, dropped: 1, refused: 0 });
});

test("headers are read as OpenTelemetry's variable has them", () => {
  expect(headersOf("Api-Key=a%20b,x=1=2")).toEqual({ "api-key": "a b", x: "1=2" });
  expect(headersOf(null)).toEqual({});
  expect(() => headersOf("x=%zz")).toThrow("percent encoding");
});
