// The memory of a process and of all that it has started, from /proc: the kernel bounds each process alone.

import { readdirSync, readFileSync } from "node:fs";

/** More of them are not looked at: a sandbox has fewer. */
const PROCESSES_MAX = 200;
const KIB = 1_024;
/** Programs and libraries are shared and count for nobody. */
const OWN = /^Rss(?:Anon|Shmem):\s+(\d+)/gm;

/** MiB in memory that are theirs; what a process has of the one that forked it counts for both. 0 for one that is gone. */
export function residentMib(pid: number): number {
  const waiting = [pid];
  let kib = 0;
  for (let looked = 0; looked < PROCESSES_MAX; looked += 1) {
    const next = waiting.pop();
    if (next === undefined) break;
    try {
      const status = readFileSync(`/proc/${next}/status`, "utf8");
      for (const [, size] of status.matchAll(OWN)) kib += Number(size);
      waiting.push(...childrenOf(next));
    } catch {
      // It has ended meanwhile.
    }
  }
  return kib / KIB;
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8")
      .split(" ")
      .filter(Boolean)
      .map(Number),
  );
}
