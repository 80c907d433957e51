// The store of traces at the front: told of runs that end, and loaded by the first one.

import type { EngineLines } from "./engine-lines.ts";
import type { KeptTraces, TraceKeepingParts } from "./trace-keeping.ts";

/** How often old traces are looked for, ms. */
const SWEEP_MS = 3_600_000;
/** After the start, ms: then what ended just before the last stop is looked for. */
const RECOVER_AFTER_MS = 2_000;

/** Begins to keep. @returns what stops it. */
export function keepTraces(
  parts: TraceKeepingParts & { readonly lines: Pick<EngineLines, "endedTo"> },
): () => void {
  if (parts.config.telemetry.traces.runsMax === 0) return () => undefined;
  let made: Promise<KeptTraces> | undefined;
  const does = (what: (kept: KeptTraces) => unknown): void => {
    made ??= import("./trace-keeping.ts").then(({ createKeptTraces }) => createKeptTraces(parts));
    made.then(what).catch((error: unknown) => {
      parts.log.write("error", "The store of traces does not work.", { err: error });
    });
  };
  parts.lines.endedTo({ take: (batch) => does((kept) => kept.take(batch)) });
  const timer = setInterval(() => does((kept) => kept.sweep()), SWEEP_MS);
  timer.unref();
  const recovering = setTimeout(() => does((kept) => kept.recover()), RECOVER_AFTER_MS);
  recovering.unref();
  return () => {
    clearTimeout(recovering);
    clearInterval(timer);
    if (made !== undefined) does((kept) => kept.stop());
  };
}
