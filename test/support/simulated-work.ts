// A scripted workload for simulations: accounts that pass money on, desks that start runs with steps
// of every kind, children, asks, reminders and cancels, and a world outside that remembers what was
// done to it. A client repeats what was not acknowledged, under the same key.

import { type Definition, defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import { seeded } from "../../runtime/testkit/schedule.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

/** What lies outside and survives every crash. */
export interface World {
  /** Calls of each step, by run input and step. */
  readonly calls: Map<string, number>;
  /** Effects of `reconcile` steps, by run input: the other side knows them. */
  readonly parcels: Set<string>;
  /** Steps that were finished with a stored result, by run input and step. */
  readonly asked: Map<string, number>;
}

export interface Job {
  readonly name: string;
  readonly plan: "pure" | "parcel" | "payment" | "family" | "asking" | "failing";
}

type AccountMessage =
  | { type: "put"; amount: number }
  | { type: "pass"; to: Address; amount: number }
  | { type: "later"; amount: number; inMs: number }
  | { type: "balance" };

const account = defineActor<{ sum: number; seen: number[] }, AccountMessage>({
  kind: "account",
  version: 1,
  initial: () => ({ sum: 0, seen: [] }),
  receive(state, message, turn) {
    switch (message.type) {
      case "put":
        turn.reply(state.sum + message.amount);
        turn.put(`p${String(state.seen.length).padStart(5, "0")}`, message.amount);
        return { sum: state.sum + message.amount, seen: [...state.seen, message.amount] };
      case "pass":
        turn.send(message.to, { type: "put", amount: message.amount });
        turn.reply("passed");
        return { ...state, sum: state.sum - message.amount };
      case "later":
        turn.remind(`r${message.amount}`, turn.nowMs + message.inMs, {
          type: "put",
          amount: message.amount,
        });
        turn.reply("set");
        return state;
      case "balance":
        turn.reply(state.sum);
        return state;
    }
  },
});

type DeskMessage = { type: "job"; job: Job } | { type: "cancel"; run: string } | RunEnded;
type DeskState = { readonly ended: Readonly<Record<string, string>>; readonly count: number };

const desk = defineActor<DeskState, DeskMessage>({
  kind: "desk",
  version: 1,
  initial: () => ({ ended: {}, count: 0 }),
  receive(state, message, turn) {
    switch (message.type) {
      case "job": {
        turn.add("started", 1);
        const run = turn.startRun({ kind: "job", input: message.job });
        turn.reply({ run }, { follow: run });
        return state;
      }
      case "cancel":
        turn.cancelRun(message.run, "not wanted");
        return state;
      case "run-ended": {
        turn.add("ended", 1);
        const { outcome } = message;
        const how = outcome.status === "completed" ? String(outcome.result) : outcome.error.code;
        turn.reply({ how });
        return { ended: { ...state.ended, [message.run]: how }, count: state.count + 1 };
      }
    }
  },
});

/** The definitions, over one world. */
export function workDefinitions(world: World): readonly Definition[] {
  const call = (key: string): void => void world.calls.set(key, (world.calls.get(key) ?? 0) + 1);
  const part = defineRun<string, string, unknown>({
    kind: "part",
    run: (name, context) =>
      context.step(
        `model:${name}`,
        () => {
          call(`${name}/model`);
          return `part ${name}`;
        },
        { repeat: "safe" },
      ),
  });
  const job = defineRun<Job, string, unknown>({
    kind: "job",
    async run({ name, plan }, context) {
      context.emit("begun", { type: "begun", name });
      await context.step("first", () => call(`${name}/first`), { repeat: "safe" });
      switch (plan) {
        case "pure":
          await context.sleep("nap", 50);
          return "pure";
        case "parcel":
          return context.step(
            "send",
            () => {
              call(`${name}/send`);
              world.parcels.add(name);
              return "sent";
            },
            {
              repeat: "reconcile",
              reconcile: async () => {
                world.asked.set(name, (world.asked.get(name) ?? 0) + 1);
                return world.parcels.has(name) ? "sent" : undefined;
              },
            },
          );
        case "payment":
          return context.step("pay", () => {
            call(`${name}/pay`);
            return "paid";
          });
        case "family": {
          const outcomes = await Promise.all(
            ["a", "b"].map((child) =>
              context.child(child, { kind: "part", input: `${name}.${child}` }),
            ),
          );
          return outcomes.map((outcome) => outcome.status).join("+");
        }
        case "asking": {
          const to = address({ kind: "account", tenant: "tn_1", root: "bank" });
          await context.ask("put", to, { type: "put", amount: 1 });
          return "asked";
        }
        case "failing":
          return context.step(
            "fail",
            () => {
              throw new TypeError("on purpose");
            },
            { repeat: "safe" },
          );
      }
    },
  });
  return [account, desk, part, job];
}

/** What a simulated run left behind. */
export interface Result {
  readonly commits: number;
  readonly crashes: number;
  readonly balances: Readonly<Record<string, unknown>>;
  readonly ended: Readonly<Record<string, string>>;
  readonly counters: { readonly started: number; readonly ended: number };
  readonly acknowledged: number;
  readonly world: World;
  readonly deadLetters: number;
  readonly openRuns: number;
  readonly inboxRows: number;
}

const PLANS: readonly Job["plan"][] = ["pure", "parcel", "payment", "family", "asking", "failing"];
const ACCOUNTS = ["ann", "bob", "cy", "bank"];
const ROUNDS_MAX = 60;

/**
 * Runs the workload of a seed. `crashAt`: the process (or the power) fails right after that storage
 * write and the system starts again on what is left.
 */
export async function simulate(options: {
  readonly seed: number;
  readonly crashAt?: number;
  readonly power?: boolean;
  /** The disk is full from that write on, for some virtual seconds. */
  readonly fullAt?: number;
}): Promise<Result> {
  const { seed } = options;
  const world: World = { calls: new Map(), parcels: new Set(), asked: new Map() };
  const system = new TestSystem({ seed, definitions: workDefinitions(world), workers: 2 });
  if (options.crashAt !== undefined) system.disk.crashAfter(options.crashAt);
  if (options.fullAt !== undefined) system.disk.fullAfter(options.fullAt);
  await startUntilUp(system);
  const todo = requestsOf(seed);
  const jobs = new Map<string, string>();
  let acknowledged = 0;
  const say = async ({ to, message, key }: Request): Promise<void> => {
    const want = (message as { type: string }).type === "job" ? "stream" : "ask";
    try {
      const answer = await system[want](to, message, {
        source: "test",
        key,
        bodyHash: key,
        hours: 24,
      });
      acknowledged += 1;
      if (want === "stream") noteEnd(jobs, message as { job: Job }, answer);
    } catch (error) {
      if (["WORKER_LOST", "STORE_FULL"].includes((error as RuntimeError).code))
        todo.push({ to, message, key });
      else throw error;
    }
  };
  const pace = seeded(seed * 13 + 5);
  for (let round = 0; todo.length > 0 && round < ROUNDS_MAX; round += 1) {
    const crashes = system.crashes;
    const sent: Promise<void>[] = [];
    // Requests come one by one or together; after a crash the rest waits for the next round.
    for (const request of todo.splice(0)) {
      if (system.crashes > crashes) todo.push(request);
      else sent.push(say(request));
      if (pace() < 0.6) await system.schedule.advance(pace() * 40);
    }
    if (options.power && round === 0 && system.crashes === 0) system.crash("power");
    await system.schedule.advance(2_000);
    system.disk.makeRoom();
    if (system.crashes > crashes) await startUntilUp(system);
    const before = system.crashes;
    await system.schedule.advance(40_000);
    if (system.crashes > before) await startUntilUp(system);
    await Promise.all(sent);
  }
  await system.schedule.advance(120_000);
  return gather({ system, world, jobs, acknowledged });
}

function noteEnd(jobs: Map<string, string>, { job }: { job: Job }, frames: unknown): void {
  const end = (frames as { type: string; reply?: { how?: string } }[]).at(-1);
  jobs.set(job.name, String(end?.reply?.how));
}

async function startUntilUp(system: TestSystem): Promise<void> {
  for (let crashes = -1; crashes !== system.crashes; ) {
    crashes = system.crashes;
    await system.start();
  }
}

interface Request {
  readonly to: Address;
  readonly message: unknown;
  readonly key: string;
}

function requestsOf(seed: number): Request[] {
  const random = seeded(seed * 7 + 1);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const at = (root: string): Address => address({ kind: "account", tenant: "tn_1", root });
  return Array.from({ length: 24 }, (_, number) => {
    const key = `k${number}`;
    const amount = 1 + Math.floor(random() * 90);
    const dice = random();
    if (dice < 0.3) return { to: at(pick(ACCOUNTS)), message: { type: "put", amount }, key };
    if (dice < 0.5) {
      return {
        to: at(pick(ACCOUNTS)),
        message: { type: "pass", to: at(pick(ACCOUNTS)), amount },
        key,
      };
    }
    if (dice < 0.6) {
      return {
        to: at(pick(ACCOUNTS)),
        message: { type: "later", amount: 1_000 + number, inMs: 500 },
        key,
      };
    }
    const job: Job = { name: `j${number}`, plan: pick(PLANS) };
    const to = address({ kind: "desk", tenant: "tn_1", root: pick(["d1", "d2", "d3"]) });
    return { to, message: { type: "job", job }, key };
  });
}

async function gather(of: {
  system: TestSystem;
  world: World;
  jobs: Map<string, string>;
  acknowledged: number;
}): Promise<Result> {
  const { system, world, jobs, acknowledged } = of;
  const balances: Record<string, unknown> = {};
  for (const root of ACCOUNTS) {
    const asked = system.ask(address({ kind: "account", tenant: "tn_1", root }), {
      type: "balance",
    });
    await system.schedule.advance(100);
    balances[root] = await asked;
  }
  const { rows } = system.disk;
  const count = (prefix: string): number => rows.filter(({ key }) => key.startsWith(prefix)).length;
  const { decodeCounter } = await import("../../runtime/store/codec.ts");
  const counter = (name: string): number =>
    decodeCounter(rows.find(({ key }) => key === `c/tn_1/${name}`)?.value);
  return {
    commits: system.disk.commits,
    crashes: system.crashes,
    balances,
    ended: Object.fromEntries([...jobs].sort()),
    counters: { started: counter("started"), ended: counter("ended") },
    acknowledged,
    world,
    deadLetters: count("x/"),
    openRuns: count("o/"),
    inboxRows: count("i/"),
  };
}
