// What our own programs of the runtime's questions share: `PROGRAM WORKLOAD COUNT`, once to warm up
// and once measured, then one line of JSON, as the peers' peers/measure.mjs does it.

/** Figures of one run by name. */
export type Figures = Readonly<Record<string, number>>;

/** Performs `count` pieces of work and checks that all of them were done. */
export type Workload = (count: number) => Promise<Figures> | Figures;

const WARM_SHARE = 5;
const COLLECTIONS = 3;

/** Runs the workload named on the command line. */
export async function measure(workloads: Readonly<Record<string, Workload>>): Promise<void> {
  const [name = "", text = ""] = process.argv.slice(2);
  const workload = workloads[name];
  if (workload === undefined) throw new Error(`There is no workload "${name}".`);
  const count = Number(text);
  await workload(Math.ceil(count / WARM_SHARE));
  process.stdout.write(`${JSON.stringify(await workload(count))}\n`);
}

/** Pieces a second since the start. */
export function rate(count: number, startedMs: number): { readonly perSecond: number } {
  return { perSecond: (count * 1_000) / (performance.now() - startedMs) };
}

/** Fails the run when the counts differ. */
export function check(actual: unknown, expected: number): void {
  if (actual !== expected) throw new Error(`${actual} came, not ${expected}`);
}

/** p50 and p99 in microseconds of awaited calls, one after the other. */
export async function latencies(
  count: number,
  call: (at: number) => Promise<unknown>,
): Promise<{ readonly p50: number; readonly p99: number }> {
  const us = new Float64Array(count);
  let beganMs = performance.now();
  for (let at = 0; at < count; at += 1) {
    await call(at);
    const endedMs = performance.now();
    us[at] = (endedMs - beganMs) * 1_000;
    beganMs = endedMs;
  }
  us.sort();
  const at = (share: number): number => us[Math.floor(count * share)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

/** Calls a second with `inFlight` under way at a time; call number n answers n + 1. */
export async function throughput(
  count: number,
  inFlight: number,
  call: (at: number) => Promise<unknown>,
): Promise<{ readonly perSecond: number }> {
  const startedMs = performance.now();
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < count) {
      const at = next;
      next += 1;
      check(await call(at), at + 1);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  return rate(count, startedMs);
}

/** Bytes of the heap after a collection; needs --expose-gc. */
export function heapBytes(): number {
  const { gc } = globalThis as { gc?: () => void };
  for (let at = 0; at < COLLECTIONS; at += 1) gc?.();
  return process.memoryUsage().heapUsed;
}
