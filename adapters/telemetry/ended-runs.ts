// Tells main which root runs have ended on an engine, for who exports them. A run waits for nothing here: what
// comes faster than it can be told is counted and left out.

import type { HostLine } from "../../runtime/threads/host.ts";

/** A root run. */
export interface EndedRun {
  readonly tenant: string;
  readonly run: string;
}

/** What is told at once. */
export interface EndedBatch {
  readonly runs: readonly EndedRun[];
  /** Others that were left out. */
  readonly dropped: number;
}

/** Ends that are gathered before they are told together, ms. */
const GATHER_MS = 250;
/** Of more within that time the rest is left out. */
const RUNS_MAX = 2_000;

/** An engine's end: called for each root run when it ends, just before that is committed. */
export function tellEnded(line: Pick<HostLine, "send">): (tenant: string, run: string) => void {
  let runs: EndedRun[] = [];
  let dropped = 0;
  const tell = (): void => {
    line.send({ runs, dropped } satisfies EndedBatch);
    runs = [];
    dropped = 0;
  };
  return (tenant, run) => {
    if (runs.length === 0) setTimeout(tell, GATHER_MS).unref();
    if (runs.length < RUNS_MAX) runs.push({ tenant, run });
    else dropped += 1;
  };
}
