// Which versions of a record are kept: the newest ones, and those in use. A run pinned to a version
// was started while that version was given to new runs. It works within its own deadline, and may wait
// for people, events and times beside it: a version that stopped being given is needed as long as a run
// may work, and kept as long as one may wait, while there is room. Pure.

import { limits } from "./limits.ts";
import type { VersionEntry } from "./records/agent-version.ts";

/** Beyond a run's life: its start may be late and its end slow. */
const GRACE_MS = 60_000;
/** Versions are dropped a slice at a time, so that most changes drop none. */
const DROP_SLICE = 20;
/** With more versions than this, those that only runs that wait may need go too, the oldest first. */
const ROOM = limits.versionsMax - DROP_SLICE;

/** A version that is made. `was` and `now`: the versions that new runs are given before and after. */
export interface VersionStep {
  readonly was: readonly number[];
  readonly now: readonly number[];
  readonly entry: VersionEntry;
}

/** The kept versions with one more; those that are not given to new runs any more get their time. */
export function versionsWith(
  kept: readonly VersionEntry[],
  { was, now, entry }: VersionStep,
  nowMs: number,
): readonly VersionEntry[] {
  const versions = kept.map((one) => {
    const { servedUntilMs: _, ...rest } = one;
    if (now.includes(one.version)) return rest;
    return was.includes(one.version) ? { ...rest, servedUntilMs: nowMs } : one;
  });
  return [...versions, entry];
}

/**
 * The oldest versions that need not be kept, when there are a slice too many; else [].
 * @param inUse given to new runs, or named by other records.
 */
export function droppableVersions(
  versions: readonly VersionEntry[],
  inUse: readonly number[],
  nowMs: number,
): readonly VersionEntry[] {
  const excess = versions.length - limits.versionsKept;
  if (excess < DROP_SLICE) return [];
  const worksSinceMs = nowMs - limits.runMs - GRACE_MS;
  const waitsSinceMs = nowMs - limits.versionWaitMs;
  let over = versions.length > ROOM ? versions.length - ROOM + DROP_SLICE : 0;
  return versions.slice(0, excess).filter(({ version, servedUntilMs = 0 }) => {
    if (inUse.includes(version) || servedUntilMs >= worksSinceMs) return false;
    over -= 1;
    return servedUntilMs < waitsSinceMs || over >= 0;
  });
}
