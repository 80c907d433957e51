// A process that does one thing again and again and prints how many bytes of each time have come into
// the old generation, where only a major collection frees them. It is started with a small young
// generation and so much room for the old one that there is no major collection.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getHeapSpaceStatistics } from "node:v8";
import { defineActor, defineRun } from "../../runtime/actor.ts";
import { address } from "../../runtime/address.ts";
import { type RunningSystem, startSystem } from "../../runtime/pool.ts";
import { ChurnMap } from "../../runtime/shared/churn-map.ts";
import { FairQueue } from "../../runtime/shared/fair-queue.ts";
import type { WorkerHost } from "../../runtime/threads/host.ts";

const WARM = 0.3;
const AT_ONCE = 8;
const times = Number(process.argv[3] ?? 1_000);

/** Something of a few KB, as a turn makes it. */
const made = (): unknown => Array.from({ length: 100 }, (_, at) => ({ at, text: `x${at}` }));

function promotedBytes(): number {
  return getHeapSpaceStatistics()
    .filter(({ space_name }) => /^(old|large_object)_space$/.test(space_name))
    .reduce((sum, { space_used_size }) => sum + space_used_size, 0);
}

async function measured(once: (at: number) => unknown): Promise<number> {
  let before = 0;
  for (let at = 0; at < times * (1 + WARM); at += 1) {
    // A major collection makes old what lives now: from there on the young ones follow its links.
    if (at === Math.floor(times * WARM)) {
      globalThis.gc?.();
      before = promotedBytes();
    }
    const done = once(at);
    if (done instanceof Promise) await done;
  }
  return (promotedBytes() - before) / times;
}

function mapOf(map: { set(key: string, value: unknown): unknown; delete(key: string): unknown }) {
  return (at: number): void => {
    map.set(`k${at}`, made());
    map.delete(`k${at - AT_ONCE}`);
  };
}

function queued(): (at: number) => void {
  const queue = new FairQueue<unknown>({ max: 1_000, tenantMax: 1_000 });
  return () => {
    queue.push("tenant", "key", made());
    if (queue.size > AT_ONCE) queue.shift();
  };
}

interface Hop {
  readonly left: number;
}

/** A message that goes from one actor to the next, each time stored; others go at the same time. */
const ring = defineActor<{ readonly hops: number }, Hop>({
  kind: "ring",
  version: 1,
  initial: () => ({ hops: 0 }),
  receive({ hops }, { left }, turn) {
    const number = Number(turn.self.slice(turn.self.lastIndexOf("r") + 1));
    if (left > 0) turn.send(at("ring", (number + 1) % 100), { left: left - 1 });
    turn.reply(hops);
    return { hops: hops + 1 };
  },
});

const desk = defineActor({
  kind: "desk",
  version: 1,
  initial: () => null,
  receive(state, message: { readonly type: string }, turn) {
    if (message.type !== "start") turn.reply(null);
    else turn.reply(null, { follow: turn.startRun({ kind: "steps", input: null }) });
    return state;
  },
});

/** Its steps store a few KB each, and hold as much while they are performed. */
const steps = defineRun({
  kind: "steps",
  run: async (_, context) => {
    for (const key of ["a", "b", "c"]) {
      await context.step(key, () => made() as never, { repeat: "safe" });
    }
    return "done";
  },
});

const program: WorkerHost = { definitions: [ring, desk, steps], createPorts: () => null };

function at(kind: string, number: number) {
  return address({ kind, tenant: "tn_test", root: `r${number}` });
}

async function withSystem(use: (system: RunningSystem) => Promise<number>): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-retention-"));
  const system = await startSystem({
    folder,
    workerUrl: new URL("./threads-worker.js", import.meta.url),
    loadHost: () => program,
    config: { workers: 0 },
    log: { write: () => undefined },
  });
  const bytes = await use(system);
  await system.stop(0);
  rmSync(folder, { recursive: true, force: true });
  return bytes;
}

const HOPS = 50;
/** A message that is sent on and on, among others. */
const hops = (system: RunningSystem): Promise<number> =>
  measured(async (number) => {
    const all = Array.from({ length: AT_ONCE }, (_, lane) =>
      system.ask(at("ring", (number * AT_ONCE + lane) % 100), { left: HOPS }),
    );
    await Promise.all(all);
  });

/** Runs of three steps, one after another. */
const runs = (system: RunningSystem): Promise<number> =>
  measured(async (number) => {
    const frames = system.stream(at("desk", number % 10), { type: "start" }, { endOnly: true });
    for await (const frame of frames) void frame;
  });

const loads: Readonly<Record<string, () => Promise<number>>> = {
  map: () => measured(mapOf(new ChurnMap())),
  queue: () => measured(queued()),
  hops: () => withSystem(hops),
  runs: () => withSystem(runs),
};
console.log(JSON.stringify(await loads[process.argv[2] ?? ""]?.()));
process.exit(0);
