// Our side of the runtime's questions that need worker threads: a whole system with its door on main.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Address, address, shardOfAddress } from "../../runtime/address.ts";
import { type RunningSystem, startSystem } from "../../runtime/pool.ts";
import { BACKLOG_MAX, program, WINDOW, WINDOWS } from "./runtime-program.ts";
import { check, type Figures, latencies, measure, throughput } from "./workload.ts";

const IN_FLIGHT = 64;
const POLL_MS = 5;
const FLOOD = 1_000_000;

let roots = 0;
/** A new actor on one of the workers. */
function fresh(kind: string, worker: number, workers: number): Address {
  for (;;) {
    roots += 1;
    const found = address({ kind, tenant: "bench", root: `a${roots}` });
    if (shardOfAddress(found) % workers === worker) return found;
  }
}

const workers = Number(/\d+$/.exec(process.argv[2] ?? "")?.[0] ?? "2");
const folder = mkdtempSync(join(tmpdir(), "bench-runtime-"));
const system = await startSystem({
  folder,
  workerUrl: new URL("./runtime-worker.js", import.meta.url),
  loadHost: () => program,
  config: { workers },
  log: { write: (_level, message) => process.stderr.write(`${message}\n`) },
});

async function oneWay(total: number): Promise<Figures> {
  const count = Math.ceil(total / WINDOW) * WINDOW;
  const source = fresh("source", 0, workers);
  const sink = fresh("sink", 1, workers);
  for (let at = 0; at < WINDOWS; at += 1) system.tell(source, { left: count - at * WINDOW, sink });
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const asked = await system.ask(sink, { type: "count" }, { level: "memory" });
    const now = asked as { count: number; ms: number };
    if (now.count < count) continue;
    check(now.count, count);
    return { perSecond: (count * 1_000) / now.ms };
  }
}

function ask(total: number): Promise<Figures> {
  const actors = Array.from({ length: IN_FLIGHT }, (_, at) =>
    fresh("answerer", at % workers, workers),
  );
  return throughput(total, IN_FLIGHT, (at) => {
    const to = actors[at % IN_FLIGHT] ?? "";
    return system.ask(to, at, { level: "memory" });
  });
}

/** Asks of an actor whose neighbour has a million messages waiting, and then of one without. */
async function quiet(total: number): Promise<Figures> {
  const one = fresh("answerer", 0, workers);
  const flooded = fresh("flooded", 0, workers);
  const flood = Math.min(BACKLOG_MAX, FLOOD);
  const call = (at: number): Promise<unknown> => system.ask(one, at, { level: "memory" });
  const alone = await latencies(total, call);
  system.tell(fresh("flooder", 0, workers), { left: flood * 1.2, to: flooded });
  while ((await waiting(system)) < flood) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const beside = await latencies(total, call);
  const left = await waiting(system);
  if (left === 0) throw new Error("The backlog was gone before the last ask.");
  while ((await waiting(system)) > 0) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return { p50: beside.p50, p99: beside.p99, aloneP99: alone.p99, left };
}

async function waiting(of: RunningSystem): Promise<number> {
  const { total } = (await of.inspect()) as { total: { waiting: number } };
  return total.waiting;
}

await measure({ "one-way": oneWay, [`ask-${workers}`]: ask, "quiet-1": quiet });
await system.stop(0);
rmSync(folder, { recursive: true, force: true });
