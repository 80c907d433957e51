// The form of a metric, and what one scrape is made of.

import type { HistogramData } from "../../runtime/shared/metrics.ts";
import type { SystemFigures } from "../../runtime/system.ts";
import type { LagFigures } from "../../runtime/threads/loop-lag.ts";
import type { WorkGateFigures } from "../http/gate/work-gate.ts";
import type { HubCounts } from "../llm/answer-hub.ts";
import type { ProviderFigures } from "../llm/provider-figures.ts";
import type { TargetFigures } from "../targets/health.ts";
import type { GenAiSeries } from "./gen-ai-figures.ts";
import type { GuardCounts } from "./guard-figures.ts";
import type { MissedWhere } from "./missed-vectors.ts";
import type { ExportFigures } from "./otlp/exporter.ts";
import type { WorkFigures } from "./work-figures.ts";

const SECONDS_A_MS = 0.001;

/** What one scrape is made of. */
export interface Scrape {
  readonly system: SystemFigures;
  /** Open HTTP requests and WebSockets. */
  readonly connections: number;
  readonly gate: WorkGateFigures;
  readonly missed: Readonly<Record<MissedWhere, number>>;
  readonly guards: GuardCounts;
  readonly providers: readonly ProviderFigures[];
  readonly reused: HubCounts;
  readonly exported: ExportFigures;
  readonly genAi: readonly GenAiSeries[];
  /** Null while nobody has looked at any. */
  readonly targets: TargetFigures | null;
  readonly work: Pick<WorkFigures, "rows">;
  /** Null: not known just now. */
  readonly slots: Slots | null;
  /** Null: not known just now. */
  readonly disk: DiskFigures | null;
  /** Lines that files of agents' logs did not take; undefined: there are none. */
  readonly logDropped: number | undefined;
}

/** The disk that the data is on. */
export interface DiskFigures {
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Bytes of the files of the two environments. */
  readonly files: Readonly<Record<"hot" | "bulk", number>>;
}

/** The line of agents that work by themselves. */
export interface Slots {
  readonly running: number;
  readonly waiting: number;
  readonly limit: number;
}

/** Values of a metric's labels, in the order of their names. */
export type LabelValues = readonly string[];

/** One sample, or one whole histogram or summary. */
export type Sample = readonly [LabelValues, number | HistogramData | LagFigures];

/** A metric. */
export interface Family {
  readonly name: string;
  readonly type: "gauge" | "counter" | "histogram" | "summary";
  readonly help: string;
  readonly labels: readonly string[];
  /** What a unit of the samples is in the unit of the name; times are in ms and shown in seconds. */
  readonly scale: number;
  samples(scrape: Scrape): readonly Sample[];
}

/** Makes one. Times are in ms and shown in seconds. */
export function family(
  type: Family["type"],
  name: string,
  help: string,
  labels: readonly string[],
  samples: Family["samples"],
): Family {
  const scale = name.endsWith("_seconds") ? SECONDS_A_MS : 1;
  return { name, type, help, labels, scale, samples };
}
