// The log keeps secrets out of its lines, and the metrics are text that Prometheus can read.

import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { afterEach, expect, test } from "vitest";
import { noteName } from "../../actors/figures.ts";
import { createProviderFigures } from "../../adapters/llm/provider-figures.ts";
import { providerMemory } from "../../adapters/provider-memory.ts";
import { families } from "../../adapters/telemetry/families.ts";
import {
  createGenAiFigures,
  type GenAiFigures,
  genAiMemory,
  MODELS_MAX,
} from "../../adapters/telemetry/gen-ai-figures.ts";
import { createLog } from "../../adapters/telemetry/log.ts";
import { createMetrics } from "../../adapters/telemetry/metrics.ts";
import {
  createWorkFigures,
  type WorkFigures,
  workMemory,
} from "../../adapters/telemetry/work-figures.ts";
import type { SystemFigures } from "../../runtime/system.ts";
import { collect, rootOn, startTestSystem, stopAll } from "../support/threads-system.ts";

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

/** The text of a system on two workers that has handled some messages. */
async function realText(): Promise<string> {
  const { system } = await startTestSystem({ workers: 2 });
  for (const worker of [0, 1]) {
    await system.ask(rootOn("counter", worker, 2), { type: "add", n: 1 });
    await collect(
      system.stream(rootOn("desk", worker, 2), { type: "start", kind: "writer", input }),
    );
  }
  const metrics = createMetrics({
    ...{ inspect: () => system.inspect(), connections: () => 5, gate },
    missed: () => ({ search: 3, memory: 1 }),
    guards: () => [{ check: "pii", action: "redact", count: 2 }],
    targets: () => ({ ok: 2, lost: 1, failed: 0, awaited: 1 }),
    providers,
    reused: () => ({ cached: 0, followed: 0 }),
    genAi,
    work: work(),
    slots: () => Promise.resolve({ running: 2, waiting: 3, limit: 10 }),
    disk: () => Promise.resolve({ freeBytes: 7, totalBytes: 9, files: { hot: 1, bulk: 2 } }),
    logDropped: () => 0,
  });
  return await metrics.text();
}

/** One of each kind. */
function work(): WorkFigures {
  const figures = createWorkFigures(workMemory());
  figures.note(noteName("delivery", "slack", "sent"), 1_500);
  figures.note(noteName("delivery", "slack", "failed"), 60_000);
  figures.note(noteName("occurrence", "schedule", "begun"), 20);
  figures.note(noteName("occurrence", "schedule", "skipped_busy"), 0);
  figures.note(noteName("script", "javascript", "timeout"), 1_000);
  figures.note(noteName("engine", "code_agent", "lost"), 30);
  figures.note(noteName("budget", "tenant", "granted"), 800);
  return figures;
}

/** Two models that were called. */
function genAi(): ReturnType<GenAiFigures["series"]> {
  const figures = createGenAiFigures(genAiMemory());
  const call = { operation: "chat", provider: "lab", model: "m" } as const;
  figures.took(call, { duration: 15, first: 3, input: 20, output: 5 });
  figures.took(call, { duration: 200_000, input: 1, output: 1 });
  return figures.series();
}

const input = { pieces: ["a"] };
const lane = { underWay: 2, waiting: 7, limit: 4 };
const lab = {
  ...({ name: "lab", kind: "openai", baseUrl: "http://127.0.0.1:1", apiKey: "" } as const),
  apiKeys: [],
};
const look = createProviderFigures({ providers: [lab] }, providerMemory([lab]));
const providers = () => Promise.resolve(look());
const gate = () => ({ chats: lane, requests: lane });
afterEach(stopAll);

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");

test("figures of engines, storage threads, loops and the process are one Prometheus text", async () => {
  const lines = linesOf(await realText());
  const has = (line: RegExp): boolean => lines.some((one) => line.test(one));

  expect(lines).toContain("troupe_connections 5");
  expect(lines).toContain('troupe_searches_degraded_total{in="search"} 3');
  expect(lines).toContain('troupe_searches_degraded_total{in="memory"} 1');
  expect(lines).toContain('troupe_shards{worker="1"} 512');
  expect(lines).toContain('troupe_turns_total{worker="0",kind="counter"} 1');
  expect(lines).toContain('troupe_turn_seconds_count{worker="1",kind="desk"} 2');
  expect(lines).toContain('troupe_turn_seconds_bucket{worker="1",kind="desk",le="+Inf"} 2');
  expect(lines).toContain('troupe_mailbox_depth_messages_bucket{worker="0",kind="desk",le="1"} 2');
  expect(lines).toContain('troupe_runs_ended_total{worker="1"} 1');
  expect(has(/^troupe_commit_batch_rows_count\{worker="0"\} [1-9]/)).toBe(true);
  expect(has(/^troupe_flush_seconds_sum\{worker="0"\} 0\.\d*[1-9]/)).toBe(true);
  expect(has(/^troupe_storage_transactions_total\{environment="hot"\} [1-9]/)).toBe(true);
  expect(has(/^troupe_storage_flush_seconds_count\{environment="hot"\} [1-9]/)).toBe(true);
  expect(lines).toContain('troupe_storage_queued_batches{environment="hot"} 0');
  for (const thread of ["main", "0", "1"]) {
    const quantile = `troupe_event_loop_lag_seconds{thread="${thread}",quantile="0.99"} `;
    expect(lines.filter((line) => line.startsWith(quantile))).toHaveLength(1);
  }
  expect(has(/^process_resident_memory_bytes /)).toBe(true);
});

test("what the text has is what the table of the README says, and the other way round", async () => {
  const readme = await readFile(
    new URL("../../../adapters/telemetry/README.md", import.meta.url),
    "utf8",
  );
  const rows = families.map(({ name, type, labels, help }) => {
    const names = labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${type} | ${names} | ${help} |`;
  });
  const table = readme.split("\n").filter((line) => /^\| `(troupe|gen_ai)_/.test(line));
  const text = linesOf(await realText());
  const types = text.flatMap((line) =>
    /^# TYPE (troupe|gen_ai)_/.test(line) ? [line.slice(7)] : [],
  );

  expect(table).toEqual(rows);
  expect(types).toEqual(families.map(({ name, type }) => `${name} ${type}`));
});

test("what models took is shown in seconds and tokens, and only so many models have a name", async () => {
  const lines = linesOf(await realText());
  const of = 'gen_ai_operation_name="chat",gen_ai_provider_name="lab",gen_ai_response_model="m"';

  expect(lines).toContain(`gen_ai_client_operation_duration_seconds_bucket{${of},le="0.02"} 1`);
  expect(lines).toContain(`gen_ai_client_operation_duration_seconds_count{${of}} 2`);
  expect(lines).toContain(`gen_ai_client_operation_time_to_first_chunk_seconds_count{${of}} 1`);
  expect(lines).toContain(`gen_ai_client_token_usage_sum{${of},gen_ai_token_type="input"} 21`);

  const memory = genAiMemory();
  const threads = [createGenAiFigures(memory), createGenAiFigures(memory)];
  for (let model = 0; model < 200; model += 1) {
    const call = { operation: "chat", provider: "lab", model: `m${model}` } as const;
    for (const figures of threads) figures.took(call, { duration: 1 });
  }
  const series = threads[0]?.series() ?? [];
  const countOf = (name: string) =>
    series.find(({ model }) => model === name)?.duration.counts.reduce((sum, one) => sum + one, 0);
  expect(series).toHaveLength(MODELS_MAX + 1);
  expect([countOf("m0"), countOf("_OTHER")]).toEqual([2, 2 * (200 - MODELS_MAX)]);
});

test("what was noted of other work is shown by its few names, times in seconds and shares as such", async () => {
  const lines = linesOf(await realText());

  expect(lines).toContain('troupe_deliveries_total{platform="slack",outcome="failed"} 1');
  expect(lines).toContain('troupe_deliveries_total{platform="slack",outcome="expired"} 0');
  // Of those that were sent alone.
  expect(lines).toContain('troupe_delivery_seconds_sum{platform="slack"} 1.5');
  expect(lines).toContain('troupe_trigger_lateness_seconds_bucket{cause="schedule",le="0.025"} 1');
  expect(lines).toContain('troupe_sandbox_runs_total{kind="javascript",outcome="timeout"} 1');
  expect(lines).toContain('troupe_engine_work_total{engine="code_agent",outcome="lost"} 1');
  expect(lines).toContain('troupe_budget_used_ratio_bucket{scope="tenant",le="0.8"} 1');
  expect(lines).toContain('troupe_budget_used_ratio_sum{scope="tenant"} 0.8');
  expect(lines).toContain('troupe_autonomous_runs{state="waiting"} 3');
  expect(lines.filter((line) => line.includes('platform="') && !line.includes("slack"))).toEqual(
    [],
  );
});

test("promtool finds nothing wrong with the text", async (context) => {
  const found = spawnSync("promtool", ["--version"]);
  if (found.error) {
    context.skip("promtool is not here: it comes with Debian's package prometheus");
    return;
  }

  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: await realText(),
    encoding: "utf8",
  });

  expect([status, stdout, stderr]).toEqual([0, "", ""]);
});

test("a label's value is escaped, and bounds of buckets are round", async () => {
  const { system } = await startTestSystem({ workers: 0 });
  const figures = await system.inspect();
  const odd = { ...figures, storage: { 'a"b\\': figures.storage.hot } } as SystemFigures;
  const metrics = createMetrics({
    inspect: () => Promise.resolve(odd),
    connections: () => 0,
    gate,
    missed: () => ({ search: 0, memory: 0 }),
    providers,
    reused: () => ({ cached: 0, followed: 0 }),
  });

  const text = await metrics.text();

  expect(text).toContain('troupe_storage_rows_total{environment="a\\"b\\\\"} ');
  expect(text).toContain(',le="0.00005"} ');
});
