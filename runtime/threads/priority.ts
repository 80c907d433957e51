// Threads that only compute, or write what nobody waits for, give way to those that answer: on a machine
// whose cores are all busy the scheduler then runs main and the workers first.

import { readlinkSync } from "node:fs";
import { constants, getPriority, setPriority } from "node:os";

/** Steps below the process. At 10 a thread gets a tenth of a core's time beside one that wants all of it. */
const NICENESS = 10;

/**
 * Lowers the priority of the calling thread, and of threads it starts. On Linux only: elsewhere a
 * priority is the whole process's, or takes rights.
 */
export function giveWay(): void {
  try {
    const thread = Number(readlinkSync("/proc/thread-self").split("/").at(-1));
    if (!Number.isSafeInteger(thread)) return;
    setPriority(thread, Math.min(constants.priority.PRIORITY_LOW, getPriority(thread) + NICENESS));
  } catch {
    // No /proc, or not allowed: the thread is as urgent as the others.
  }
}
