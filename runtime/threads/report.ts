// What an engine says of itself: when main asks, and unasked every second or so, so that whoever asks
// main never waits for a thread that has its hands full.

import type { Kernel, KernelFigures } from "../kernel/kernel-port.ts";
import type { Seen } from "../shared/look.ts";
import type { WorkerFigures } from "./engines.ts";
import type { LagFigures } from "./loop-lag.ts";

/** Actors and waits of a report at most. */
const REPORT_ACTORS = 10;
const REPORT_WAITS = 1_000;
/** An engine that has said nothing of itself for so long counts as silent. */
const SILENT_MS = 5_000;

/** One engine at one moment. */
export interface EngineReport {
  /** When, ms since the epoch. */
  readonly at: number;
  readonly kernel: KernelFigures;
  /** The deepest mailboxes, at most 10. */
  readonly deepest: Seen;
  /** Runs that wait, the longest first, at most 1,000. */
  readonly waits: Seen;
}

/** The same of a worker thread. */
export interface ThreadReport extends EngineReport {
  readonly lag: LagFigures;
}

/** An engine as main shows it: what main knows of it, and the last it has said. */
export function figuresOf(
  known: Pick<WorkerFigures, "worker" | "shards" | "backlog">,
  report: (EngineReport & { readonly lag?: LagFigures }) | undefined,
): WorkerFigures {
  const ageMs = report === undefined ? null : Math.max(0, Date.now() - report.at);
  return {
    ...known,
    ageMs,
    isSilent: ageMs === null || ageMs > SILENT_MS,
    figures: report?.kernel ?? null,
    lag: report?.lag ?? null,
    deepest: report?.deepest ?? null,
    waits: report?.waits ?? null,
  };
}

/** What this engine has to say now. A pass or two over what is in memory (kernel-figures.ts). */
export function reportOf(kernel: Kernel): EngineReport {
  return {
    at: Date.now(),
    kernel: kernel.inspect(),
    deepest: kernel.look({ type: "actors", limit: REPORT_ACTORS }),
    waits: kernel.look({ type: "waits", limit: REPORT_WAITS }),
  };
}
