// Asks from main to workers while shards move between them all the time, and while none does, in
// turns. Arguments: "durable" or "memory", seconds of each turn, worker threads. Prints one line of
// JSON; "durable" checks by what the actors count that nothing was lost, done twice or re-ordered.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Address, shardOfAddress } from "../../runtime/address.ts";
import { startSystem } from "../../runtime/pool.ts";
import { actorAt, program, TEXT_BYTES } from "./durable-program.ts";

const [level = "durable", seconds = "2", workers = "2"] = process.argv.slice(2);
const WARM_MS = 1_000;
const TURNS = 2;
const ACTORS = 32;
/** Asks under way to one actor: what order they are handled in can be seen. */
const AT_ONCE = 4;
/** One move takes so many of the actors' shards. */
const SHARDS_A_MOVE = 8;
const text = "x".repeat(TEXT_BYTES);

interface Ask {
  readonly actor: number;
  readonly beganMs: number;
  readonly endedMs: number;
}

interface Move {
  readonly actors: readonly number[];
  readonly beganMs: number;
  readonly endedMs: number;
}

/** What a turn with or without moves came to. */
interface Turn {
  readonly perSecond: number;
  readonly asks: readonly Ask[];
}

const folder = mkdtempSync(join(tmpdir(), "bench-moves-"));
let words = 0;
const system = await startSystem({
  folder,
  workerUrl: new URL("./durable-worker.js", import.meta.url),
  loadHost: () => program,
  config: { workers: Number(workers) },
  log: {
    write(logLevel, message) {
      words += 1;
      process.stderr.write(`${logLevel} ${message}\n`);
    },
  },
});
const actors: readonly Address[] = Array.from({ length: ACTORS }, (_, at) =>
  actorAt(level === "durable" ? "note" : "echo", at),
);
const sent = actors.map(() => 0);
const moves: Move[] = [];
let asks: Ask[] = [];
let wrong = 0;
let moved = 0;
let rounds = 0;
let isOver = false;

const lanes = actors.flatMap((_, actor) => Array.from({ length: AT_ONCE }, () => lane(actor)));
await later(WARM_MS);
const still: Turn[] = [];
const moving: Turn[] = [];
for (let at = 0; at < TURNS; at += 1) {
  still.push(await turn(async () => undefined));
  moving.push(await turn(move));
}
isOver = true;
await Promise.all(lanes);
if (level === "durable") await count();
const letters = await system.deadLetters("tn_bench", { limit: 10 });
console.log(JSON.stringify(figures(letters.length)));
await system.stop(0);
rmSync(folder, { recursive: true, force: true });

/** One ask after the other; the actor's answer is the number of the ask. */
async function lane(actor: number): Promise<void> {
  const to = actors[actor] ?? "";
  while (!isOver) {
    const at = sent[actor] ?? 0;
    sent[actor] = at + 1;
    const beganMs = performance.now();
    const answer =
      level === "durable"
        ? await system.ask(to, { text })
        : await system.ask(to, { at }, { level: "memory" });
    if (answer !== at + 1) wrong += 1;
    asks.push({ actor, beganMs, endedMs: performance.now() });
  }
}

async function turn(beside: (untilMs: number) => Promise<void>): Promise<Turn> {
  asks = [];
  const beganMs = performance.now();
  const untilMs = beganMs + Number(seconds) * 1_000;
  await Promise.all([beside(untilMs), later(Number(seconds) * 1_000)]);
  const all = asks;
  return { perSecond: (all.length * 1_000) / (performance.now() - beganMs), asks: all };
}

/** One move after the other, as fast as they go: a part of the actors' shards to the next worker. */
async function move(untilMs: number): Promise<void> {
  const parts = ACTORS / SHARDS_A_MOVE;
  while (performance.now() < untilMs) {
    const part = rounds % parts;
    const some = Array.from({ length: SHARDS_A_MOVE }, (_, at) => part + at * parts);
    const shards = some.map((actor) => shardOfAddress(actors[actor] ?? ""));
    const to = (part + Math.floor(rounds / parts)) % Number(workers);
    rounds += 1;
    const beganMs = performance.now();
    const went = await system.moveShards(shards, to);
    if (went > 0) moves.push({ actors: some, beganMs, endedMs: performance.now() });
    moved += went;
    // One that has nothing to move is over at once, and must not keep this thread.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Everybody must have counted as many as were sent. */
async function count(): Promise<void> {
  for (const [at, to] of actors.entries()) {
    const answer = await system.ask(to, { text });
    if (answer !== (sent[at] ?? 0) + 1) wrong += 1;
  }
}

function figures(letters: number): Record<string, number> {
  const pauses = moves.flatMap(pausesOf);
  const times = (turns: readonly Turn[]): number[] =>
    turns.flatMap((one) => one.asks.map(({ beganMs, endedMs }) => endedMs - beganMs));
  const rate = (turns: readonly Turn[]): number =>
    turns.reduce((sum, { perSecond }) => sum + perSecond, 0) / turns.length;
  return {
    perSecond: rate(moving),
    stillPerSecond: rate(still),
    p99: quantileOf(times(moving), 0.99),
    stillP99: quantileOf(times(still), 0.99),
    pauseP50: quantileOf(pauses, 0.5),
    pauseP99: quantileOf(pauses, 0.99),
    movesPerSecond: moved / (TURNS * Number(seconds)),
    asks: sent.reduce((sum, one) => sum + one, 0),
    wrong: wrong + letters + words,
  };
}

/** For each actor of a move the longest ask that was under way meanwhile. */
function pausesOf(one: Move): number[] {
  const longest = new Map<number, number>();
  const all = moving.flatMap((turned) => turned.asks);
  for (const { actor, beganMs, endedMs } of all) {
    if (!one.actors.includes(actor) || endedMs < one.beganMs || beganMs > one.endedMs) continue;
    longest.set(actor, Math.max(longest.get(actor) ?? 0, endedMs - beganMs));
  }
  return [...longest.values()];
}

function quantileOf(values: number[], share: number): number {
  values.sort((a, b) => a - b);
  return values[Math.floor(values.length * share)] ?? Number.NaN;
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
