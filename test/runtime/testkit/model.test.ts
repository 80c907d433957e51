// Scripts made by fast-check instead of a seed: any mix of tells, asks, sends, retries, jobs with
// children, cancels and deadlines, at any times, in any order of tasks, under any faults. What fails
// is shrunk to the few requests, steps and faults that it takes.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Address, address } from "../../../runtime/address.ts";
import type { Fault } from "./faults.ts";
import { lasting, violations } from "./oracle.ts";
import { ALWAYS, type Job, type NodeMessage, type PlanStep, type Request } from "./script.ts";
import { simulate } from "./simulate.ts";

/** Scripts tried; `TROUPE_MODEL_RUNS` tries more, `TROUPE_MODEL_SEED` others. */
const RUNS = Number(process.env["TROUPE_MODEL_RUNS"] ?? 150);
const SEED = Number(process.env["TROUPE_MODEL_SEED"] ?? 20_261_121);

const NODES = 3;
const DESKS = 2;
const WRITES_MAX = 60;
const TIME_MS_MAX = 3_000;

const nodeAt = (at: number): Address => address({ kind: "node", tenant: "tn_1", root: `n${at}` });
const deskAt = (at: number): Address => address({ kind: "desk", tenant: "tn_1", root: `d${at}` });

/** A step without its key, its ids and the names of its children: they are given in order. */
type StepPlan =
  | Pick<PlanStep & { do: "call" }, "do" | "repeat" | "how" | "ms">
  | { readonly do: "ask" | "send"; readonly node: number }
  | { readonly do: "sleep" | "text"; readonly ms: number }
  | { readonly do: "children"; readonly jobs: readonly (readonly StepPlan[])[] }
  | { readonly do: "ask-desk"; readonly desk: number; readonly steps: readonly StepPlan[] };

type Plan =
  | {
      readonly type: "ask";
      readonly node: number;
      readonly what: "put" | "pass" | "later" | "spend";
      readonly to: readonly number[];
      readonly ms: number;
      readonly fails: number;
      readonly retries: boolean;
    }
  | { readonly type: "send" | "tell"; readonly node: number }
  | {
      readonly type: "job";
      readonly desk: number;
      readonly steps: readonly StepPlan[];
      readonly timeoutMs: number | undefined;
      readonly cancelAfterMs: number | undefined;
    };

const node = fc.nat(NODES - 1);
const desk = fc.nat(DESKS - 1);

const leaf: fc.Arbitrary<StepPlan> = fc.oneof(
  fc.record({
    do: fc.constant("call" as const),
    repeat: fc.constantFrom("safe" as const, "reconcile" as const, "never" as const),
    how: fc.constantFrom("ok", "flaky", "fatal", "hang", "lost" as const),
    ms: fc.nat(200),
  }) as fc.Arbitrary<StepPlan>,
  fc.record({ do: fc.constantFrom("ask" as const, "send" as const), node }),
  fc.record({ do: fc.constantFrom("sleep" as const, "text" as const), ms: fc.nat(500) }),
);
const leaves = fc.array(leaf, { minLength: 1, maxLength: 3 });
const step: fc.Arbitrary<StepPlan> = fc.oneof(
  { weight: 4, arbitrary: leaf },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("children" as const),
      jobs: fc.array(leaves, { minLength: 1, maxLength: 2 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("ask-desk" as const), desk, steps: leaves }),
  },
);

const plan: fc.Arbitrary<Plan> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("ask" as const),
      node,
      what: fc.constantFrom("put" as const, "pass" as const, "later" as const, "spend" as const),
      to: fc.array(node, { minLength: 1, maxLength: 3 }),
      ms: fc.nat(2_000),
      fails: fc.constantFrom(0, 0, 0, 2, ALWAYS),
      retries: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constantFrom("send" as const, "tell" as const), node }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("job" as const),
      desk,
      steps: fc.array(step, { minLength: 1, maxLength: 3 }),
      timeoutMs: fc.option(fc.integer({ min: 50, max: 3_000 }), { nil: undefined, freq: 4 }),
      cancelAfterMs: fc.option(fc.nat(1_500), { nil: undefined, freq: 4 }),
    }),
  },
);

const stage = fc.constantFrom(
  "writing" as const,
  "committed" as const,
  "flushing" as const,
  "flushed" as const,
);
const write = fc.integer({ min: 2, max: WRITES_MAX });
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ type: fc.constantFrom("process" as const, "power" as const), write, stage }),
  fc.record({
    type: fc.constant("worker" as const),
    ...{ write, stage, worker: fc.nat(1), heir: fc.nat(1) },
  }),
  fc.record({
    type: fc.constant("move" as const),
    ...{ write, part: fc.nat(3), to: fc.nat(1), graceMs: fc.constantFrom(0, 400) },
  }),
  fc.record({
    type: fc.constant("full" as const),
    write,
    forMs: fc.integer({ min: 1, max: 1_500 }),
  }),
);

const scripts = fc.record({
  seed: fc.nat(100_000),
  plans: fc.array(fc.record({ atMs: fc.nat(TIME_MS_MAX), plan }), { minLength: 1, maxLength: 8 }),
  faults: fc.array(fault, { maxLength: 2 }),
});

/** Gives everything in a script its id, in order, so that a shrunk script is a script too. */
class Namer {
  #ids = 0;

  request(atMs: number, of: Plan): Request {
    const id = this.#id("q");
    switch (of.type) {
      case "ask": {
        const message = this.#message(id, of);
        const to = nodeAt(of.node);
        return { type: "ask", id: message.id, atMs, to, message, again: of.retries };
      }
      case "job": {
        const { timeoutMs, cancelAfterMs } = of;
        const job = { ...this.#job(of.steps), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
        const cancel = cancelAfterMs === undefined ? {} : { cancelAfterMs };
        return {
          type: "job",
          id,
          atMs,
          to: deskAt(of.desk),
          job,
          held: false,
          steers: [],
          ...cancel,
        };
      }
      default:
        return { type: of.type, id, atMs, to: nodeAt(of.node), message: { type: "put", id } };
    }
  }

  #message(id: string, of: Plan & { type: "ask" }): NodeMessage {
    switch (of.what) {
      case "put":
        return { type: "put", id, ...(of.fails === 0 ? {} : { fails: of.fails }) };
      case "pass":
        return { type: "pass", id, to: of.to.map(nodeAt) };
      case "later":
        return { type: "later", id: `later~r~${id}`, name: "r", inMs: of.ms };
      case "spend":
        return { type: "spend", id, amount: 1 + (of.ms % 40) };
    }
  }

  #job(steps: readonly StepPlan[]): Job {
    const name = this.#id("job");
    const sent = new Map<number, number>();
    const named = steps.map((one, at) => this.#step(one, `s${at}`, sent));
    return { name, steps: named };
  }

  #step(of: StepPlan, key: string, sent: Map<number, number>): PlanStep {
    switch (of.do) {
      case "ask":
        return { do: "ask", key, to: nodeAt(of.node), id: this.#id("ask") };
      case "send": {
        const seq = (sent.get(of.node) ?? 0) + 1;
        sent.set(of.node, seq);
        return { do: "send", key, to: nodeAt(of.node), id: this.#id("sent"), seq };
      }
      case "children":
        return { do: "children", key, jobs: of.jobs.map((steps) => this.#job(steps)) };
      case "ask-desk":
        return { do: "ask-desk", key, to: deskAt(of.desk), job: this.#job(of.steps) };
      default:
        return { ...of, key };
    }
  }

  #id(prefix: string): string {
    this.#ids += 1;
    return `${prefix}${this.#ids}`;
  }
}

const actors = [
  ...Array.from({ length: NODES }, (_, at) => nodeAt(at)),
  ...Array.from({ length: DESKS }, (_, at) => deskAt(at)),
];

test("any script under any faults keeps every promise and ends as it does without them", async () => {
  const property = fc.asyncProperty(scripts, async ({ seed, plans, faults }) => {
    const namer = new Namer();
    const requests = plans.map(({ atMs, plan: of }) => namer.request(atMs, of));
    const script = { requests, actors };

    const course = await simulate(seed, faults, script);

    expect(violations(course)).toEqual([]);
    if (course.struck.length === 0) return;
    const calm = await simulate(seed, [], script);
    expect(lasting(course)).toEqual(lasting(calm));
  });

  await fc.assert(property, { numRuns: RUNS, seed: SEED });
}, 120_000);
