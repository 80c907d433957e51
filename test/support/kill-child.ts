// A process to be killed: the bare runtime with a program that writes, relays, reminds and runs, and
// a load on it. Everything the outside must know is a line of JSON, written at once: what was sent,
// what was acknowledged, which step was called. Its parent (kill-loop.ts) keeps those lines and
// judges by them. The first line of its input says what this life does.

import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { isMainThread } from "node:worker_threads";
import type { MessageKey } from "../../runtime/message.ts";
import { type RunningSystem, startSystem } from "../../runtime/pool.ts";
import type { RunList } from "../../runtime/system.ts";
import type { WorkerHost } from "../../runtime/threads/host.ts";
import { runWorker } from "../../runtime/threads/run-worker.ts";
import { of, print, program, REMIND_EVERY, type State, TENANT } from "./kill-program.ts";

const CLIENTS = 8;
const SETTLE_MS = 20_000;
const KINDS = ["ledger", "mirror", "desk"] as const;

/** What one life is told. */
export interface Life {
  /** Data folder. */
  readonly folder: string;
  /** File of the effects, a line each, in which `reconcile` looks. */
  readonly effects: string;
  readonly workers: number;
  /** Its number: names its actors. */
  readonly life: number;
  /** Work until killed, or bring everything to rest, print it and stop. */
  readonly mode: "work" | "settle";
  /** Keyed messages of earlier lives that were not acknowledged: sent again first. */
  readonly again: readonly { readonly life: number; readonly n: number }[];
  /** Lives whose actors are printed when this one is up. */
  readonly show: readonly number[];
}

/** What an actor of the program holds, printed. */
export interface Tally {
  readonly life: number;
  readonly kind: string;
  /** What its state says was applied, once for each time. */
  readonly count: number;
  readonly rang: number;
  readonly ended: number;
  /** Record keys: `n…` applied, `r…` reminder that rang, `e…` run that ended. */
  readonly records: readonly string[];
}

/** Everything printed. `life` of a message is the one that sent it first. */
export type Line =
  | ["up", number]
  | ["sent" | "ack", "keyed" | "plain" | "run", number, number]
  | ["step", "first" | "second", number]
  | ["tally", Tally]
  | ["rows", { readonly rows: number; readonly counter: number; readonly runs: number }]
  | ["settled"];

function keyOf(n: number): MessageKey {
  return { source: "kill", key: `k${n}`, bodyHash: `b${n}`, hours: 24 };
}

async function addKeyed(system: RunningSystem, life: number, n: number): Promise<void> {
  print(["sent", "keyed", life, n]);
  await system.ask(of("ledger", life), { type: "add", n }, { key: keyOf(n) });
  print(["ack", "keyed", life, n]);
}

/** One message after the other: keyed asks, plain durable sends, and runs. */
async function client(system: RunningSystem, life: number, index: number): Promise<never> {
  for (let at = index; ; at += CLIENTS) {
    const n = life * 1e6 + at;
    if (at % REMIND_EVERY === 1) {
      print(["sent", "run", life, n]);
      await system.ask(of("desk", life), { type: "start", n });
      print(["ack", "run", life, n]);
    } else if (at % REMIND_EVERY === 2) {
      print(["sent", "plain", life, n]);
      await system.send(of("ledger", life), { type: "add", n });
      print(["ack", "plain", life, n]);
    } else {
      await addKeyed(system, life, n);
    }
  }
}

async function tallyOf(system: RunningSystem, kind: string, life: number): Promise<Tally> {
  const to = of(kind, life);
  // The state before and after the records: what is applied between the two must not look torn.
  for (;;) {
    const state = (await system.ask(to, { type: "tally" })) as State;
    const records: string[] = [];
    for (let from = ""; ; ) {
      const page = await system.records(to, { from, limit: 1_000 });
      records.push(...page.map(({ key }) => key));
      if (page.length < 1_000) break;
      from = `${records.at(-1)}.`;
    }
    const after = (await system.ask(to, { type: "tally" })) as State;
    if (JSON.stringify(after) === JSON.stringify(state)) return { life, kind, ...state, records };
  }
}

async function show(system: RunningSystem, lives: readonly number[]): Promise<readonly Tally[]> {
  const tallies = lives.flatMap((life) => KINDS.map((kind) => tallyOf(system, kind, life)));
  return await Promise.all(tallies);
}

/** Whether nothing is under way any more. */
function isAtRest(tallies: readonly Tally[]): boolean {
  const count = (kind: string): number =>
    tallies.reduce((sum, one) => sum + (one.kind === kind ? one.count : 0), 0);
  const desks = tallies.every((one) => one.kind !== "desk" || one.ended >= one.count);
  const bells = tallies.every((one) => {
    const due = one.records.filter(
      (key) => key[0] === "n" && Number(key.slice(1)) % REMIND_EVERY === 0,
    );
    return one.kind !== "ledger" || one.rang >= due.length;
  });
  return desks && bells && count("mirror") >= count("ledger");
}

async function settle(system: RunningSystem, lives: readonly number[]): Promise<void> {
  const endMs = Date.now() + SETTLE_MS;
  let tallies = await show(system, lives);
  while (!isAtRest(tallies) && Date.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    tallies = await show(system, lives);
  }
  for (const tally of tallies) print(["tally", tally]);
  let rows = 0;
  for (let after: string | undefined; ; ) {
    const options = { limit: 200, ...(after === undefined ? {} : { after }) };
    const page = await system.tables.list(TENANT, "numbers", options);
    rows += page.length;
    after = page.at(-1)?.id;
    if (page.length < 200) break;
  }
  let runs = 0;
  for (let after: string | undefined; ; ) {
    const page: RunList = await system.runs(TENANT, {
      limit: 200,
      ...(after === undefined ? {} : { after }),
    });
    runs += page.rows.length;
    if (page.next === null) break;
    after = page.next;
  }
  print(["rows", { rows, counter: await system.tables.counter(TENANT, "numbers"), runs }]);
}

async function live(told: Life): Promise<void> {
  const { folder, effects, workers, life, mode, again } = told;
  const system = await startSystem({
    folder,
    workerUrl: new URL(import.meta.url),
    loadHost: () => program as WorkerHost,
    hostConfig: { effects },
    config: { workers },
    log: { write: (level, text) => writeSync(2, `${level} ${text}\n`) },
  });
  print(["up", life]);
  if (mode === "work") {
    for (const tally of await show(system, told.show)) print(["tally", tally]);
  }
  await Promise.all(again.map((one) => addKeyed(system, one.life, one.n)));
  if (mode === "work") {
    await Promise.all(Array.from({ length: CLIENTS }, (_, at) => client(system, life, at)));
  }
  await settle(system, told.show);
  await system.stop(1_000);
  print(["settled"]);
}

if (isMainThread) {
  createInterface({ input: process.stdin }).once("line", (line) => {
    live(JSON.parse(line) as Life).catch((error: unknown) => {
      writeSync(2, `${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    });
  });
} else {
  runWorker(program);
}
