// What the hypervisor gave to other machines while something was measured. A tail of latencies says
// nothing of the server when its core was taken away, so such a measurement is made again.

import { readFileSync } from "node:fs";

/** Share of all cores' time that may be taken from a measurement that counts. */
const STOLEN_MAX = 0.01;
/** How often a measurement is made at most; of those that were disturbed the calmest counts. */
const TIMES_MAX = 4;
/** Fields of the first line of /proc/stat after its name; guest time is in user time already. */
const STEAL = 7;
const FIELDS = 8;

/** A measurement and the share of the machine's time, 0..1, that was taken meanwhile. */
export interface Calm<T> {
  readonly value: T;
  readonly stolen: number;
}

/** Measures until little was stolen meanwhile, a few times at most. Where nobody tells, once. */
export async function calmly<T>(measure: () => Promise<T>): Promise<Calm<T>> {
  let best: Calm<T> | undefined;
  for (let time = 0; time < TIMES_MAX; time += 1) {
    const before = ticks();
    const value = await measure();
    const after = ticks();
    const all = after.all - before.all;
    const stolen = all > 0 ? (after.stolen - before.stolen) / all : 0;
    if (best === undefined || stolen < best.stolen) best = { value, stolen };
    if (best.stolen <= STOLEN_MAX) break;
  }
  if (best === undefined) throw new Error("Nothing was measured.");
  return best;
}

function ticks(): { readonly all: number; readonly stolen: number } {
  try {
    const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n", 1);
    const fields = line
      .split(/ +/)
      .slice(1, 1 + FIELDS)
      .map(Number);
    return { all: fields.reduce((sum, field) => sum + field, 0), stolen: fields[STEAL] ?? 0 };
  } catch {
    return { all: 0, stolen: 0 };
  }
}
