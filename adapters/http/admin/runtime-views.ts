// How the live runtime is shown: names of the API for figures, actors, runs and waits.

import type { KernelFigures, KindFigures } from "../../../runtime/kernel/kernel-port.ts";
import { quantilesOf } from "../../../runtime/shared/figures.ts";
import {
  type ActorView,
  circlesOf,
  type RunView,
  type SystemSeen,
  type WaitView,
} from "../../../runtime/shared/look.ts";
import type { StorageFigures } from "../../../runtime/store/storage-meter.ts";
import { timeOrNull, toTime } from "./common.ts";

/** Circles shown. */
const CIRCLES_MAX = 20;

/** Waits, at most `limit`, and the circles among all of them. */
export function waitsShown(all: SystemSeen, limit: number) {
  return {
    count: all.waits.length + all.leftOut,
    data: all.waits.slice(0, limit).map(waitOf),
    circles: circlesOf(all.waits, CIRCLES_MAX).map((circle) => ({
      addresses: [...circle.map(({ from }) => from), circle[0]?.from],
      waits: circle.map(waitOf),
    })),
  };
}

/** Figures of one engine, or of all. */
export function engineOf(of: Omit<KernelFigures, "worker">) {
  const { cells: actors, runs, waiting, quarantined, counters, runKinds } = of;
  return {
    ...{ actors, runs, waiting, quarantined, counters, run_kinds: runKinds },
    batch_rows: quantilesOf(of.batchRows),
    commit_ms: quantilesOf(of.commitMs),
    flush_ms: quantilesOf(of.flushMs),
    kinds: Object.fromEntries(
      Object.entries(of.kinds).map(([kind, one]) => [kind, kindOf(one)] as const),
    ),
  };
}

function kindOf({ cells: actors, waiting, deepest, counters, ...of }: KindFigures) {
  return {
    ...{ actors, waiting, deepest, counters },
    turn_ms: quantilesOf(of.turnMs),
    queue_wait_ms: quantilesOf(of.queueWaitMs),
    mailbox_depth: quantilesOf(of.mailboxDepth),
  };
}

/** Figures of a storage thread. */
export function storageOf({ groupBatches, commitMs, flushMs, ...of }: StorageFigures) {
  return {
    ...of,
    group_batches: quantilesOf(groupBatches),
    commit_ms: quantilesOf(commitMs),
    flush_ms: quantilesOf(flushMs),
  };
}

/** An actor. */
export function actorOf({ waitingSince, lastUsed, ...actor }: ActorView) {
  return {
    ...actor,
    waiting_since: timeOrNull(waitingSince),
    last_used: toTime(lastUsed),
  };
}

interface ShownRun {
  readonly [field: string]: unknown;
  readonly children: readonly ShownRun[];
}

/** A run with its children. */
export function runOf({
  startedAt,
  deadline,
  stepsDone,
  steps,
  children,
  ...run
}: RunView): ShownRun {
  return {
    ...run,
    ...{ started_at: timeOrNull(startedAt), deadline: toTime(deadline), steps_done: stepsDone },
    steps: steps.map((step) => ({
      ...step,
      since: toTime(step.since),
      until: timeOrNull(step.until),
    })),
    children: children.map(runOf),
  };
}

function waitOf(wait: WaitView) {
  return { ...wait, since: toTime(wait.since), until: toTime(wait.until) };
}
