// The figures of the process in Prometheus' text format (version 0.0.4): what families.ts names, and
// what the process takes. prom-client, which knows the latter, is loaded with the first request: a
// server nobody watches does not pay for it.

import type { Registry } from "prom-client";
import type { HistogramData } from "../../runtime/shared/metrics.ts";
import type { SystemFigures } from "../../runtime/system.ts";
import type { LagFigures } from "../../runtime/threads/loop-lag.ts";
import type { WorkGateFigures } from "../http/gate/work-gate.ts";
import { families } from "./families.ts";
import type { Family, LabelValues, Scrape } from "./family.ts";

/** Content type of the text. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Where the figures come from. */
export interface MetricsSources {
  /** `System.inspect`. */
  inspect(): Promise<SystemFigures>;
  /** Open HTTP requests and WebSockets. */
  connections(): number;
  /** What is at the gate. */
  gate(): WorkGateFigures;
  /** What was answered without its question's vector. */
  missed(): Scrape["missed"];
  /** What guardrails have found. Default: nothing. */
  guards?(): Scrape["guards"];
  /** How the model providers stand. */
  providers(): Promise<Scrape["providers"]>;
  /** Calls of models that were not made. */
  reused(): Scrape["reused"];
  /** What was exported of traces. Default: nothing. */
  exported?(): Scrape["exported"] | undefined;
  /** What models took. Default: nothing was measured. */
  genAi?(): Scrape["genAi"];
  /** How targets are. Default: nobody knows. */
  targets?(): Scrape["targets"];
  /** What was noted of other work. Default: nothing. */
  readonly work?: Scrape["work"];
  /** Who works by itself. Default: it is not known. */
  slots?(): Promise<Scrape["slots"]>;
  /** The disk of the data. Default: it is not known. */
  disk?(): Promise<Scrape["disk"]>;
  /** Of the files of agents' logs. Default: there are none. */
  logDropped?(): Scrape["logDropped"];
}

/** The text of one scrape. */
export interface Metrics {
  text(): Promise<string>;
}

/** Gauges of the library whose names promise counters. Their parts by type are there without the suffix. */
const MISNAMED = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
];

/** Makes the exporter. */
export function createMetrics(sources: MetricsSources): Metrics {
  let registry: Promise<Registry> | undefined;
  return {
    text: async () => {
      registry ??= processRegistry();
      const slots = sources.slots?.().catch(() => null) ?? null;
      const room = sources.disk?.().catch(() => null) ?? null;
      const looks = [sources.inspect(), sources.providers(), registry, slots, room] as const;
      const [system, providers, process, line, disk] = await Promise.all(looks);
      const [connections, gate, missed] = [sources.connections(), sources.gate(), sources.missed()];
      const [reused, guards] = [sources.reused(), sources.guards?.() ?? []];
      const exported = sources.exported?.() ?? { sent: 0, dropped: 0, refused: 0 };
      const genAi = sources.genAi?.() ?? [];
      const targets = sources.targets?.() ?? null;
      const work = sources.work ?? { rows: () => [] };
      const more = { genAi, targets, work, slots: line, disk };
      const counts = { missed, guards, providers, reused, exported, ...more };
      const logDropped = sources.logDropped?.();
      const scrape: Scrape = { system, connections, gate, ...counts, logDropped };
      const own = families.map((family) => textOf(family, scrape)).join("");
      return own + (await process.metrics());
    },
  };
}

async function processRegistry(): Promise<Registry> {
  const { collectDefaultMetrics, Registry } = await import("prom-client");
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  return registry;
}

/** A metric without samples is left out: a reader cannot do anything with its head alone. */
function textOf(family: Family, scrape: Scrape): string {
  const { name, type, help, labels, scale } = family;
  const lines: string[] = [];
  const line = (suffix: string, values: LabelValues, more: string, value: number): void => {
    const pairs = labels.map((label, at) => `${label}="${escaped(values[at] ?? "")}"`);
    if (more !== "") pairs.push(more);
    const set = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
    lines.push(`${name}${suffix}${set} ${value}`);
  };
  for (const [values, value] of family.samples(scrape)) {
    if (typeof value === "number") line("", values, "", value * scale);
    else if ("counts" in value) histogramLines(value, scale, line, values);
    else lagLines(value, scale, line, values);
  }
  if (lines.length === 0) return "";
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
}

type Line = (suffix: string, values: LabelValues, more: string, value: number) => void;

function histogramLines(of: HistogramData, scale: number, line: Line, values: LabelValues): void {
  let count = 0;
  of.counts.forEach((inBucket, at) => {
    count += inBucket;
    const bound = of.bounds[at];
    line("_bucket", values, `le="${bound === undefined ? "+Inf" : clean(bound * scale)}"`, count);
  });
  line("_sum", values, "", of.sum * scale);
  line("_count", values, "", count);
}

function lagLines(of: LagFigures, scale: number, line: Line, values: LabelValues): void {
  const quantiles = [
    ["0.5", of.p50Ms],
    ["0.99", of.p99Ms],
    ["1", of.maxMs],
  ] as const;
  for (const [quantile, ms] of quantiles) {
    line("", values, `quantile="${quantile}"`, ms * scale);
  }
  line("_sum", values, "", of.sumMs * scale);
  line("_count", values, "", of.count);
}

/** 0.05 ms is 0.00005 s, not 0.000050000000000000002. */
function clean(value: number): number {
  return Number(value.toPrecision(6));
}

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`));
}
