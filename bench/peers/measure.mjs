// What the programs of the runtime's peers share: `main.mjs WORKLOAD COUNT`, once to warm up and
// once measured, then one line of JSON. A workload checks its counts itself.

const WARM_SHARE = 5;

/** Runs the named workload: `workloads[name](count)` resolves with the figures. */
export async function measure(workloads) {
  const [name, text] = process.argv.slice(2);
  const count = Number(text);
  await workloads[name](Math.ceil(count / WARM_SHARE));
  const figures = await workloads[name](count);
  process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
}

/** Messages a second from a start and a count. */
export function rate(count, startedMs) {
  return { perSecond: (count * 1_000) / (performance.now() - startedMs) };
}

/** Fails the run when the counts differ. */
export function check(actual, expected) {
  if (actual !== expected) throw new Error(`${actual} messages arrived, not ${expected}`);
}

/** p50 and p99 in microseconds of `count` awaited calls, one after the other. */
export async function latencies(count, call) {
  const us = new Float64Array(count);
  let beganMs = performance.now();
  for (let at = 0; at < count; at += 1) {
    await call(at);
    const endedMs = performance.now();
    us[at] = (endedMs - beganMs) * 1_000;
    beganMs = endedMs;
  }
  us.sort();
  return { p50: us[Math.floor(count * 0.5)], p99: us[Math.floor(count * 0.99)] };
}

/** Bytes of the heap after a collection; needs --expose-gc. */
export function heapBytes() {
  for (let at = 0; at < 3; at += 1) globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** Answers a second with `inFlight` calls under way at a time. */
export async function throughput(count, inFlight, call) {
  const startedMs = performance.now();
  let next = 0;
  const loop = async () => {
    while (next < count) {
      const at = next;
      next += 1;
      const answer = await call(at);
      if (answer !== at + 1) throw new Error(`${answer} is the answer to ${at}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  return rate(count, startedMs);
}
