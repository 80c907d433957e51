// The log keeps secrets out of its lines, and the metrics are text that Prometheus can read.

import { expect, test } from "vitest";
import { createLog } from "../../adapters/telemetry/log.ts";
import { createMetrics } from "../../adapters/telemetry/metrics.ts";

function capture(secrets: readonly string[] = []) {
  const lines: string[] = [];
  const log = createLog({ level: "info", secrets, write: (line) => lines.push(line) });
  return { log, lines };
}

test("a secret is removed from a line wherever it stands, quoted or nested", () => {
  const { log, lines } = capture(['provider"key-123']);
  log.addSecret("admin-key-456");

  log.write("info", "with admin-key-456 inside", { deep: { list: ['x provider"key-123 y'] } });

  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain("key-123");
  expect(lines[0]).not.toContain("key-456");
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ msg: "with [redacted] inside" });
});

test("a bearer token is removed although nobody named it a secret", () => {
  const { log, lines } = capture();

  log.write("info", "request", { authorization: "Bearer abcdefghijklmnopqrstuvwxyz" });

  expect(lines[0]).not.toContain("abcdefghijklmnop");
});

test("lines below the level are not written", () => {
  const { log, lines } = capture();

  log.write("debug", "quiet");

  expect(lines).toEqual([]);
});

const worker = {
  worker: 1,
  cells: 3,
  runs: 2,
  waiting: 0,
  counters: { turns: 7, deadLetters: 1 },
  histograms: { turnMs: { bounds: [1, 10], counts: [4, 2, 1], sum: 60 } },
  actors: [],
};

test("engine figures and process figures are one Prometheus text", async () => {
  const metrics = createMetrics({
    inspect: () =>
      Promise.resolve({
        workers: [{ figures: worker }, { figures: { ...worker, worker: 2 } }, {}],
      }),
    connections: () => 5,
  });

  const lines = (await metrics.text()).split("\n");

  expect(lines).toContain("troupe_connections 5");
  expect(lines).toContain('troupe_runs{worker="2"} 2');
  expect(lines).toContain('troupe_dead_letters_total{worker="1"} 1');
  expect(lines).toContain('troupe_turn_seconds_bucket{worker="1",le="0.01"} 6');
  expect(lines).toContain('troupe_turn_seconds_bucket{worker="1",le="+Inf"} 7');
  expect(lines).toContain('troupe_turn_seconds_sum{worker="1"} 0.06');
  expect(lines.some((line) => line.startsWith("nodejs_eventloop_lag_seconds "))).toBe(true);
  expect(lines.some((line) => line.startsWith("process_resident_memory_bytes "))).toBe(true);
});

test("every sample has a type and every name is legal", async () => {
  const metrics = createMetrics({
    inspect: () => Promise.resolve({ workers: [{ figures: worker }] }),
    connections: () => 0,
  });

  const lines = (await metrics.text()).split("\n").filter((line) => line !== "");
  const typed = new Set(
    lines.filter((line) => line.startsWith("# TYPE ")).map((line) => line.split(" ")[2]),
  );
  const samples = lines.filter((line) => !line.startsWith("#"));

  expect(
    samples.every((line) => /^[a-z_:][a-z0-9_:]*(\{[^}]*\})? [-+0-9.eNaInf]+$/i.test(line)),
  ).toBe(true);
  expect(
    samples
      .map((line) => /^[a-z0-9_:]+/i.exec(line)?.[0] ?? "")
      .filter((name) => !typed.has(name) && !typed.has(name.replace(/_(bucket|sum|count)$/, ""))),
  ).toEqual([]);
});
