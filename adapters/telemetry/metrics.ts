// The figures of the process in Prometheus' text format (version 0.0.4): what the engines count,
// what the door holds, and what the process takes. prom-client, which knows the latter, is loaded
// with the first request: a server nobody watches does not pay for it.

import type { Registry } from "prom-client";
import type { KernelFigures } from "../../runtime/kernel-port.ts";

/** Content type of the text. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Where the figures come from. */
export interface MetricsSources {
  /** `System.inspect`: each of its `workers` has an engine's `figures`. */
  inspect(): Promise<unknown>;
  /** Open HTTP requests and WebSockets. */
  connections(): number;
}

/** The text of one scrape. */
export interface Metrics {
  text(): Promise<string>;
}

/** Makes the exporter. */
export function createMetrics(sources: MetricsSources): Metrics {
  let registry: Promise<Registry> | undefined;
  return {
    text: async () => {
      registry ??= processRegistry();
      const [inspected, process] = await Promise.all([sources.inspect(), registry]);
      const engines = workersOf(inspected);
      const door = gauge("troupe_connections", "Open requests and WebSockets.", [
        ["", sources.connections()],
      ]);
      return `${door}${engineText(engines)}${await process.metrics()}`;
    },
  };
}

async function processRegistry(): Promise<Registry> {
  const { collectDefaultMetrics, Registry } = await import("prom-client");
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Engines that answered; one that does not is left out of this scrape. */
function workersOf(inspected: unknown): readonly KernelFigures[] {
  const workers = (inspected as { readonly workers?: unknown } | null)?.workers;
  if (!Array.isArray(workers)) return [];
  return workers.flatMap((one: { readonly figures?: KernelFigures | null }) => one.figures ?? []);
}

type Sample = readonly [labels: string, value: number];

function engineText(engines: readonly KernelFigures[]): string {
  const each = (pick: (engine: KernelFigures) => number): Sample[] =>
    engines.map((engine) => [`{worker="${engine.worker}"}`, pick(engine)]);
  const counters = new Set(engines.flatMap(({ counters }) => Object.keys(counters)));
  const histograms = new Set(engines.flatMap(({ histograms }) => Object.keys(histograms)));
  return [
    gauge(
      "troupe_actors",
      "Actors in memory.",
      each((engine) => engine.cells),
    ),
    gauge(
      "troupe_runs",
      "Runs under way.",
      each((engine) => engine.runs),
    ),
    gauge(
      "troupe_waiting",
      "Messages waiting.",
      each((engine) => engine.waiting),
    ),
    ...[...counters].sort().map((name) =>
      series(
        `troupe_${snake(name)}_total`,
        "counter",
        `Engine counter "${name}".`,
        each((engine) => engine.counters[name] ?? 0),
      ),
    ),
    ...[...histograms].sort().map((name) => histogramText(name, engines)),
  ].join("");
}

function histogramText(name: string, engines: readonly KernelFigures[]): string {
  const metric = `troupe_${snake(name)}_seconds`;
  const lines = [`# HELP ${metric} Engine times "${name}".`, `# TYPE ${metric} histogram`];
  for (const { worker, histograms } of engines) {
    const histogram = histograms[name];
    if (histogram === undefined) continue;
    let count = 0;
    histogram.counts.forEach((inBucket, at) => {
      count += inBucket;
      const bound = histogram.bounds[at];
      const le = bound === undefined ? "+Inf" : String(bound / 1_000);
      lines.push(`${metric}_bucket{worker="${worker}",le="${le}"} ${count}`);
    });
    lines.push(`${metric}_sum{worker="${worker}"} ${histogram.sum / 1_000}`);
    lines.push(`${metric}_count{worker="${worker}"} ${count}`);
  }
  return `${lines.join("\n")}\n`;
}

function gauge(name: string, help: string, samples: readonly Sample[]): string {
  return series(name, "gauge", help, samples);
}

function series(
  name: string,
  type: "gauge" | "counter",
  help: string,
  samples: readonly Sample[],
): string {
  const lines = samples.map(([labels, value]) => `${name}${labels} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
}

/** A name of the engine as Prometheus wants it: `turnMs` becomes `turn`. */
function snake(name: string): string {
  return name
    .replace(/Ms$/, "")
    .replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    .replace(/[^a-z0-9_]/g, "_");
}
