// The export of traces, put together: engines tell which runs have ended, their rows and logs are read as for
// /v2/runs/{id}/trace, and what is sampled goes to the collector. Loaded only where the settings name one.

import { askKind } from "../actors/channels/session-ask.ts";
import { messageSpan } from "../actors/trace/message-span.ts";
import { isBegunHere, isSampled, traceOfRun } from "../actors/trace/trace-context.ts";
import { toldOfRun } from "../runtime/errors.ts";
import type { Log } from "../runtime/log.ts";
import type { System } from "../runtime/system.ts";
import type { Config } from "./config.ts";
import { createEgress } from "./egress.ts";
import type { EngineLines } from "./engine-lines.ts";
import { readSpans } from "./http/services/run-spans.ts";
import { createExporter, headersOf, type ReadSpans } from "./telemetry/otlp/exporter.ts";

/** What it is put together from. */
export interface ExportParts {
  readonly config: Pick<Config, "telemetry">;
  readonly system: Pick<System, "run" | "log">;
  readonly lines: Pick<EngineLines, "endedTo">;
  readonly log: Log;
  addSecret(secret: string): void;
}

/** Begins to export. @returns what stops it. @throws CONFIG_INVALID for headers that are none. */
export function keepExport({ config, system, lines, log, addSecret }: ExportParts): () => void {
  const { endpoint, headers: setting, samplePercent } = config.telemetry.otlp;
  if (endpoint === null) return () => undefined;
  const headers = headersOf(setting);
  for (const value of Object.values(headers)) addSecret(value);
  const exporter = createExporter({
    ...{ endpoint, headers, log },
    egress: createEgress({ allowedHosts: [new URL(endpoint).hostname.replace(/^\[|\]$/g, "")] }),
    spansOf: spansReader(system, samplePercent),
  });
  lines.endedTo(exporter);
  return () => void exporter.stop();
}

/** Reads the spans of runs that are sampled. */
export function spansReader(system: Pick<System, "run" | "log">, samplePercent: number): ReadSpans {
  return async ({ tenant, run }) => {
    const row = await system.run(tenant, run);
    if (row === undefined) return null;
    const trace = traceOfRun(tenant, row.id, row.trace);
    if (!isSampled(trace.traceId, samplePercent)) return null;
    if (row.endedAt === null) return "later";
    const { spans } = await readSpans(system, row, { tenant, content: false, told: toldOfRun });
    // A message's own span goes out with what hands it over, so that its parts hang below something.
    const isFirst = isBegunHere(trace) && row.kind === askKind;
    return isFirst ? [messageSpan(trace, spans), ...spans] : spans;
  };
}
