// A process to be killed: the bare runtime with a program that writes, relays, reminds and runs, and
// a load on it. Everything the outside must know is a line of JSON, written at once: what was sent,
// what was acknowledged, which step was called. Its parent (kill-loop.ts) keeps those lines and
// judges by them. The first line of its input says what this life does.

import { appendFileSync, readFileSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { isMainThread } from "node:worker_threads";
import { defineActor, defineRun, type RunEnded, type Turn } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import type { WorkerHost } from "../../runtime/host.ts";
import { type RunningSystem, startSystem } from "../../runtime/pool.ts";
import { runWorker } from "../../runtime/run-worker.ts";
import type { MessageKey, RunRow } from "../../runtime/system.ts";

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

type State = { readonly count: number; readonly rang: number; readonly ended: number };
type Message =
  | { type: "add" | "start" | "rang"; n: number }
  | { type: "mirrored"; n: number }
  | { type: "tally" }
  | RunEnded;

const TENANT = "tn_kill";
const CLIENTS = 8;
/** Every so many messages has a reminder, and one in as many starts a run. */
const REMIND_EVERY = 4;
const LONGEST_REMINDER_MS = 300;
const SETTLE_MS = 20_000;
const KINDS = ["ledger", "mirror", "desk"] as const;

function print(line: Line): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

function of(kind: string, life: number): Address {
  return address({ kind, tenant: TENANT, root: `${kind}-${life}` });
}

const zero: State = { count: 0, rang: 0, ended: 0 };

function reply(state: State, turn: Turn): State {
  turn.reply(state);
  return state;
}

/** Applies numbers: a record, a row, a counter, a message to its mirror and a reminder, all or none. */
const ledger = defineActor<State, Message>({
  kind: "ledger",
  version: 1,
  initial: () => zero,
  receive(state, message, turn) {
    if (message.type === "tally") return reply(state, turn);
    if (message.type === "rang") {
      turn.put(`r${message.n}`, turn.nowMs);
      return { ...state, rang: state.rang + 1 };
    }
    if (message.type !== "add") throw new Error(`A ledger takes no ${message.type}.`);
    const { n } = message;
    turn.put(`n${n}`, n);
    turn.putRow("numbers", `n${n}`, n);
    turn.add("numbers", 1);
    turn.send(of("mirror", Math.floor(n / 1e6)), { type: "mirrored", n });
    if (n % REMIND_EVERY === 0) {
      const atMs = turn.nowMs + ((n * 37) % LONGEST_REMINDER_MS);
      turn.remind(`r${n}`, atMs, { type: "rang", n });
    }
    turn.reply(n);
    return { ...state, count: state.count + 1 };
  },
});

const mirror = defineActor<State, Message>({
  kind: "mirror",
  version: 1,
  initial: () => zero,
  receive(state, message, turn) {
    if (message.type === "tally") return reply(state, turn);
    if (message.type !== "mirrored") throw new Error(`A mirror takes no ${message.type}.`);
    turn.put(`n${message.n}`, message.n);
    return { ...state, count: state.count + 1 };
  },
});

const desk = defineActor<State, Message>({
  kind: "desk",
  version: 1,
  initial: () => zero,
  receive(state, message, turn) {
    if (message.type === "tally") return reply(state, turn);
    if (message.type === "run-ended") {
      const { outcome } = message;
      const n = message.run.slice("rn_".length);
      turn.put(`e${n}`, outcome.status === "completed" ? "completed" : outcome.error.code);
      return { ...state, ended: state.ended + 1 };
    }
    if (message.type !== "start") throw new Error(`A desk takes no ${message.type}.`);
    const { n } = message;
    turn.put(`n${n}`, n);
    turn.startRun({ kind: "job", id: `rn_${n}`, input: { n } });
    turn.reply(n);
    return { ...state, count: state.count + 1 };
  },
});

/** Three steps, one of each kind; the third one's effect is a line in a file outside. */
const job = defineRun<{ n: number }, number, { effects: string }>({
  kind: "job",
  async run({ n }, context) {
    await context.step("first", () => print(["step", "first", n]), { repeat: "safe" });
    await context.step("second", () => print(["step", "second", n]), { repeat: "never" });
    const { effects } = context.ports;
    const write = (): number => {
      // One write: there or not there, whenever the process dies.
      appendFileSync(effects, `${n}\n`);
      return n;
    };
    const look = async (): Promise<number | undefined> =>
      readFileSync(effects, "utf8").split("\n").includes(String(n)) ? n : undefined;
    return await context.step("third", write, { repeat: "reconcile", reconcile: look });
  },
});

const program: WorkerHost<{ effects: string }> = {
  definitions: [ledger, mirror, desk, job],
  createPorts: ({ config }) => config,
};

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
    const page: readonly RunRow[] = await system.runs(TENANT, {
      limit: 200,
      ...(after === undefined ? {} : { after }),
    });
    runs += page.length;
    after = page.at(-1)?.id;
    if (page.length < 200) break;
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
