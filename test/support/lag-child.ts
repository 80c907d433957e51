// A process whose workers are all busy with turns, every one of them with more to do than it can:
// actors that tell and send themselves messages for ever. Main goes on serving. Prints its event
// loop's lag, what it served, and what the workers say of themselves, as JSON.

import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { startSystem } from "../../runtime/pool.ts";
import { program } from "./threads-program.ts";
import { at, rootOn } from "./threads-system.ts";

const RESOLUTION_MS = 10;
const NS_A_MS = 1e6;
const FLOODS_A_WORKER = 32;
const WINDOW_MS = 2_000;

const workers = Number(process.argv[2] ?? 2);
const windows = Number(process.argv[3] ?? 3);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** p99 of this thread's event loop over one window, in ms. */
async function lagOfWindow(): Promise<number> {
  const lag = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  lag.enable();
  await pause(WINDOW_MS);
  lag.disable();
  return Math.max(0, lag.percentile(99) / NS_A_MS - RESOLUTION_MS);
}

// The same process with nothing to do measures how late the machine itself lets one be.
if (process.argv[4] === "idle") {
  process.on("message", async () => process.send?.(await lagOfWindow()));
  await new Promise((resolve) => process.once("disconnect", resolve));
  process.exit(0);
}
const idle = fork(fileURLToPath(import.meta.url), [String(workers), String(windows), "idle"]);
const idleWindow = (): Promise<number> =>
  new Promise((resolve) => {
    idle.once("message", resolve as (ms: unknown) => void);
    idle.send("measure");
  });
const folder = mkdtempSync(join(tmpdir(), "troupe-lag-"));
const system = await startSystem({
  folder,
  workerUrl: new URL("./threads-worker.js", import.meta.url),
  loadHost: () => program,
  config: { workers },
  log: { write: () => undefined },
});
for (let flood = 0; flood < FLOODS_A_WORKER * workers; flood += 1) {
  // Most in memory; a few write with every turn, so that the storage thread is busy too.
  await system.ask(at("flood", `f${flood}`), { isDurable: flood % 8 === 0 });
}
const asked = Array.from({ length: workers }, (_, worker) => rootOn("counter", worker, workers));
let served = 0;
let isOver = false;
const serving = (async () => {
  for (let n = 0; !isOver; n += 1) {
    await system.ask(asked[n % workers] ?? "", { type: "all" });
    served += 1;
    await pause(10);
  }
})();
const before = (await system.inspect()).total.counters["turns"] ?? 0;
const beganMs = performance.now();
const p99s: { readonly main: number; readonly idle: number }[] = [];
for (let window = 0; window < windows; window += 1) {
  const [main, machine] = await Promise.all([lagOfWindow(), idleWindow()]);
  p99s.push({ main, idle: machine });
}
idle.disconnect();
const figures = await system.inspect();
const turns = (figures.total.counters["turns"] ?? 0) - before;
const loads = performance.eventLoopUtilization();
isOver = true;
await serving;
process.stdout.write(
  JSON.stringify({
    ...{ p99s, served, turnsPerSecond: (turns * 1_000) / (performance.now() - beganMs) },
    waiting: figures.workers.map(({ figures: of }) => of?.waiting ?? 0),
    utilization: loads.utilization,
    own: figures.lag,
    workers: figures.workers.map(({ lag }) => lag),
  }),
);
await system.stop(0);
rmSync(folder, { recursive: true, force: true });
process.exit(0);
