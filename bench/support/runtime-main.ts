// Our side of the runtime's questions on one thread: a whole system with its engine on main, over a
// data folder of its own, with everything on. Only the messages in memory write nothing.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ActorDefinition, defineActor, type Turn } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { type RunningSystem, startSystem } from "../../runtime/pool.ts";
import { check, type Figures, heapBytes, latencies, measure, rate } from "./workload.ts";

const WINDOW = 512;
const RECEIVERS = 10_000;
/** Actors made by one turn: a turn is short. */
const SPAWNS_A_TURN = 500;
const CELLS_MAX = 1_000_000;

let roots = 0;
function fresh(kind: string): Address {
  roots += 1;
  return address({ kind, tenant: "bench", root: `a${roots}` });
}

/** What the handlers count, and who waits for the last message. */
let handled = 0;
let expected = 0;
let startedMs = 0;
let ended: (figures: Figures) => void = () => undefined;

function count(): void {
  handled += 1;
  if (handled === expected) ended(rate(expected, startedMs));
}

function actor<M>(
  kind: string,
  receive: (message: M, turn: Turn) => void,
): ActorDefinition<unknown, M> {
  return defineActor<unknown, M>({
    kind,
    version: 1,
    initial: () => ({ seen: 0 }),
    receive(state, message, turn) {
      receive(message, turn);
      return state;
    },
  });
}

const definitions = [
  actor<{ left: number; other: Address }>("player", ({ left, other }, turn) => {
    count();
    if (left > 0) turn.tell(other, { left: left - 1, other: turn.self });
  }),
  actor<{ left: number; consumer: Address }>("producer", ({ left, consumer }, turn) => {
    for (let at = Math.min(left, WINDOW); at > 0; at -= 1) turn.tell(consumer, { at });
  }),
  actor<{ at: number }>("consumer", (_message, turn) => {
    count();
    if (handled === expected || handled % WINDOW !== 0 || turn.from === null) return;
    turn.tell(turn.from, { left: expected - handled, consumer: turn.self });
  }),
  actor<{ round: number }>("sender", ({ round }, turn) => {
    const news = { round };
    for (const receiver of receivers) turn.tell(receiver, news);
    if ((round + 1) * RECEIVERS < expected) turn.tell(turn.self, { round: round + 1 });
  }),
  actor("receiver", count),
  actor<{ left: number }>("spawner", ({ left }, turn) => {
    const now = Math.min(left, SPAWNS_A_TURN);
    for (let first = 0; first < now; first += 1) turn.tell(fresh("idle"), { first });
    if (left > now) turn.tell(turn.self, { left: left - now });
  }),
  actor("idle", count),
  actor<number>("answerer", (value, turn) => turn.reply(value + 1)),
] as const;
const receivers = Array.from({ length: RECEIVERS }, () => fresh("receiver"));

function run(system: RunningSystem, total: number, to: Address, first: unknown): Promise<Figures> {
  handled = 0;
  expected = total;
  return new Promise((resolve) => {
    ended = resolve;
    startedMs = performance.now();
    system.tell(to, first);
  });
}

const folder = mkdtempSync(join(tmpdir(), "bench-runtime-"));
const system = await startSystem({
  folder,
  workerUrl: new URL("./runtime-worker.js", import.meta.url),
  loadHost: () => ({
    definitions: definitions as unknown as ActorDefinition[],
    createPorts: () => ({}),
  }),
  config: { workers: 0 },
  limits: { cellsMax: CELLS_MAX },
  log: { write: (_level, message) => process.stderr.write(`${message}\n`) },
});
await measure({
  "ping-pong": (total) => {
    const other = fresh("player");
    return run(system, total, fresh("player"), { left: total - 1, other });
  },
  "one-to-one": (total) =>
    run(system, total, fresh("producer"), { left: total, consumer: fresh("consumer") }),
  "fan-out": (total) => run(system, total, fresh("sender"), { round: 0 }),
  spawn: async (total) => {
    const before = heapBytes();
    const figures = await run(system, total, fresh("spawner"), { left: total });
    return { ...figures, bytes: (heapBytes() - before) / total };
  },
  ask: (total) => {
    const to = fresh("answerer");
    return latencies(total, async (value) => {
      check(await system.ask(to, value, { level: "memory" }), value + 1);
    });
  },
});
await system.stop(0);
rmSync(folder, { recursive: true, force: true });
