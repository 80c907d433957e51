// A system of the runtime alone under load, in a process of its own: prints one line of JSON.
// Arguments: what it does, seconds, worker threads, how many at once, how the steps repeat.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Frame } from "../../runtime/frame.ts";
import { type RunningSystem, startSystem } from "../../runtime/pool.ts";
import { ACTORS, actorAt, program, TEXT_BYTES } from "./durable-program.ts";

const [what = "asks", seconds = "2", workers = "1", atOnce = `${ACTORS}`, repeat = "safe"] =
  process.argv.slice(2);
const WARM_MS = 1_000;
const STEPS = 5;
const text = "x".repeat(TEXT_BYTES);

interface Totals {
  readonly turns: number;
  readonly runs: number;
  readonly rows: number;
  readonly bytes: number;
  readonly commits: number;
  readonly pageBytes: number;
  readonly cpuUs: number;
  readonly atMs: number;
}

const folder = mkdtempSync(join(tmpdir(), "bench-durable-"));
const system = await startSystem({
  folder,
  workerUrl: new URL("./durable-worker.js", import.meta.url),
  loadHost: () => program,
  config: { workers: Number(workers) },
  log: { write: (level, message) => process.stderr.write(`${level} ${message}\n`) },
});
const loads: Readonly<Record<string, (lane: number) => Promise<void>>> = { asks, ring, steps };
const times: number[] = [];
let isWarm = false;
let isOver = false;

await load();

/** One message after another to an actor of this lane, each acknowledged when it is flushed. */
async function asks(lane: number): Promise<void> {
  const to = actorAt("note", lane);
  while (!isOver) await timed(() => system.ask(to, { text }));
}

/** One text that goes round the ring for ever. */
async function ring(lane: number): Promise<void> {
  await system.ask(actorAt("ring", lane), { text, at: lane });
}

/** One run after another of small steps. */
async function steps(lane: number): Promise<void> {
  const to = actorAt("desk", lane);
  while (!isOver) {
    await timed(async () => {
      for await (const frames of system.stream(
        to,
        { type: "start", steps: STEPS, repeat },
        { endOnly: true },
      )) {
        for (const frame of frames) check(frame);
      }
    });
  }
}

/** The end comes last and tells of all steps. */
function check(frame: Frame): void {
  if (frame.type === "accepted") return;
  const sum = frame.type === "end" ? frame.reply : frame.type;
  if (sum !== (STEPS * (STEPS + 1)) / 2) throw new Error(`The sum is ${sum}.`);
}

async function timed(call: () => Promise<unknown>): Promise<void> {
  const beganMs = performance.now();
  await call();
  if (isWarm) times.push(performance.now() - beganMs);
}

async function load(): Promise<void> {
  const lane = loads[what];
  if (lane === undefined) throw new Error(`There is no load "${what}".`);
  const lanes = Array.from({ length: Number(atOnce) }, (_, at) => lane(at));
  await later(WARM_MS);
  isWarm = true;
  const before = await totals(system);
  await later(Number(seconds) * 1_000);
  const after = await totals(system);
  isOver = true;
  isWarm = false;
  if (what !== "ring") await Promise.all(lanes);
  console.log(JSON.stringify(figures(before, after)));
  // A ring never ends by itself: what is on disk stays there, the process goes.
  await Promise.race([system.stop(0), later(WARM_MS)]);
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
}

function figures(before: Totals, after: Totals): Record<string, number> {
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN;
  const done = what === "ring" ? after.turns - before.turns : times.length;
  const per = (name: keyof Totals): number => (after[name] - before[name]) / done;
  return {
    perSecond: (done * 1_000) / (after.atMs - before.atMs),
    p50: at(0.5),
    p99: at(0.99),
    rows: per("rows"),
    bytes: per("bytes"),
    pageBytes: per("pageBytes"),
    cpuUs: per("cpuUs"),
    rowsABatch: (after.rows - before.rows) / (after.commits - before.commits),
  };
}

async function totals(of: RunningSystem): Promise<Totals> {
  const { total } = (await of.inspect()) as { total: { counters: Record<string, number> } };
  const { counters } = total;
  const { user, system: kernel } = process.cpuUsage();
  const written = /^write_bytes: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"));
  return {
    turns: counters["turns"] ?? 0,
    runs: counters["runsEnded"] ?? 0,
    rows: counters["rows"] ?? 0,
    bytes: counters["bytes"] ?? 0,
    commits: counters["commits"] ?? 0,
    pageBytes: Number(written?.[1] ?? Number.NaN),
    cpuUs: user + kernel,
    atMs: performance.now(),
  };
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
