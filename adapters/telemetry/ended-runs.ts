// Tells main which root runs have begun and ended on an engine, for who exports them or writes their logs. A run
// waits for nothing here: what comes faster than it can be told is counted and left out.

import type { RunEnd } from "../../runtime/runs/run-end.ts";
import type { HostLine } from "../../runtime/threads/host.ts";

/** A root run. */
export interface EndedRun {
  readonly tenant: string;
  readonly run: string;
  /** How it ended, where that is told. */
  readonly end?: RunEnd;
}

/** What is told at once. */
export interface EndedBatch {
  readonly runs: readonly EndedRun[];
  /** Others that were left out. */
  readonly dropped: number;
  /** Runs that have begun, or were taken up again, where somebody wants to know. */
  readonly begun?: readonly EndedRun[];
}

/** Ends that are gathered before they are told together, ms. */
export const GATHER_MS = 250;
/** Of more within that time the rest is left out. */
const RUNS_MAX = 2_000;

/** An engine's end. */
export interface RunTeller {
  /** Called for each root run when it begins. */
  begun(tenant: string, run: string): void;
  /** Called for each when it ends, just before that is committed. */
  ended(tenant: string, run: string, end?: RunEnd): void;
}

/** Makes it. @param tellsBegun whether somebody wants to know of beginnings. */
export function tellRuns(line: Pick<HostLine, "send">, tellsBegun: boolean): RunTeller {
  let [runs, begun]: [EndedRun[], EndedRun[]] = [[], []];
  let dropped = 0;
  let isWaiting = false;
  const tell = (): void => {
    line.send({ runs, dropped, ...(tellsBegun && { begun }) } satisfies EndedBatch);
    [runs, begun] = [[], []];
    dropped = 0;
    isWaiting = false;
  };
  const put = (list: EndedRun[], one: EndedRun): void => {
    if (list.length < RUNS_MAX) list.push(one);
    else dropped += 1;
    if (!isWaiting) setTimeout(tell, GATHER_MS).unref();
    isWaiting = true;
  };
  return {
    begun: (tenant, run) => {
      if (tellsBegun) put(begun, { tenant, run });
    },
    ended: (tenant, run, end) => put(runs, { tenant, run, ...(end && { end }) }),
  };
}
