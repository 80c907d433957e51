// The actors and runs of a simulation. Each keeps evidence of what happened to it in its own durable
// state, written in the same turn: a log of everything it took, and what looked wrong to it.

import {
  type Definition,
  defineActor,
  defineRun,
  type RunContext,
  type RunEnded,
} from "../../../runtime/actor.ts";
import type { Address } from "../../../runtime/address.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { keeper, keeperOf } from "./keeper.ts";
import { ALWAYS, badId, type Job, MONEY, type NodeMessage, type PlanStep } from "./script.ts";
import type { Outside, World } from "./world.ts";

/** State of a node. */
export interface NodeState {
  readonly log: readonly string[];
  /** Last number got from each sender, and given to each receiver. */
  readonly got: Readonly<Record<string, number>>;
  readonly given: Readonly<Record<string, number>>;
  readonly wrong: readonly string[];
}

/** How a job ended, as its desk was told. */
export interface Ended {
  readonly run: string;
  readonly times: number;
  readonly status: string;
  readonly results: Readonly<Record<string, unknown>>;
  readonly code: string | null;
}

/** State of a desk: its jobs by name. */
export interface DeskState {
  readonly runs: Readonly<Record<string, string>>;
  readonly ended: Readonly<Record<string, Ended>>;
}

/** What a desk is told. */
export type DeskMessage =
  | { readonly type: "job"; readonly job: Job; readonly held?: boolean }
  | { readonly type: "release"; readonly run: string }
  | { readonly type: "cancel"; readonly run: string }
  | { readonly type: "steer"; readonly run: string; readonly value: string }
  | RunEnded;

const STEP_MS = 1_500;
const DECISION_MS = 8_000;
const ASK_MS = 30_000;
/** A year: whatever the clock does, a question is decided. */
const QUESTION_MS = 365 * 24 * 3_600_000;

const recordKey = (at: number): string => `p${String(at).padStart(5, "0")}`;

function nodeDefinition(world: World): Definition {
  return defineActor<NodeState, NodeMessage>({
    kind: "node",
    version: 1,
    idleMs: 1,
    initial: () => ({ log: [], got: {}, given: {}, wrong: [] }),
    reads: (message) =>
      message.type === "put"
        ? { newest: { type: "records", limit: 1, reverse: true } }
        : message.type === "pass"
          ? { money: { type: "counter", name: "money" } }
          : {},
    receive(state, message, turn) {
      if ("fails" in message && message.fails !== undefined) {
        world.trouble(message.id, message.fails);
      }
      const wrong = [...state.wrong];
      const given = { ...state.given };
      const got = { ...state.got };
      const { length } = state.log;
      const pass = (to: readonly Address[]): void => {
        for (const one of to) {
          const seq = (given[one] ?? 0) + 1;
          given[one] = seq;
          const id = passedId(message.id, turn.self, one, seq);
          turn.send(one, { type: "item", id, from: turn.self, seq });
        }
      };
      switch (message.type) {
        case "put": {
          const [newest] = turn.loaded["newest"] as readonly { key: string; value: unknown }[];
          if (newest?.value !== state.log.at(-1)) {
            wrong.push(`read ${newest?.value} where ${state.log.at(-1)} is the newest`);
          }
          break;
        }
        case "pass":
          if (message.bad !== undefined) {
            const bad = { type: "item", id: badId(message.id), from: turn.self, seq: 0 };
            turn.send(message.bad, { ...bad, fails: ALWAYS });
          }
          pass(message.to);
          break;
        case "item":
          if (message.seq !== (got[message.from] ?? 0) + 1) {
            wrong.push(`got ${message.seq} of ${message.from} after ${got[message.from] ?? 0}`);
          }
          got[message.from] = message.seq;
          break;
        case "later": {
          const atMs = turn.nowMs + message.inMs;
          const { id, name } = message;
          turn.remind(name, atMs, { type: "due", id: id.replace("later", "due"), name, atMs });
          break;
        }
        case "due":
          if (turn.nowMs < message.atMs) wrong.push(`${message.id} came too early`);
          break;
        case "forget":
          turn.forget(message.name);
          break;
        case "spend":
          turn.add("money", -message.amount, {
            min: -MONEY,
            otherwise: { code: "BALANCE_EXHAUSTED", message: "There is not enough money." },
          });
      }
      turn.put(recordKey(length), message.id);
      turn.add("applied", 1);
      turn.reply({ n: length + 1 });
      return { log: [...state.log, message.id], got, given, wrong };
    },
  });
}

const desk = defineActor<DeskState, DeskMessage>({
  kind: "desk",
  version: 1,
  idleMs: 1,
  initial: () => ({ runs: {}, ended: {} }),
  receive(state, message, turn) {
    switch (message.type) {
      case "job": {
        const { job, held = false } = message;
        const { timeoutMs } = job;
        const limit = timeoutMs === undefined ? {} : { timeoutMs };
        const run = turn.startRun({ kind: "job", input: job, held, ...limit });
        turn.reply({ run }, { follow: run });
        return { ...state, runs: { ...state.runs, [run]: job.name } };
      }
      case "release":
        turn.releaseRun(message.run);
        turn.reply("released");
        return state;
      case "cancel":
        turn.cancelRun(message.run, "not wanted");
        turn.reply("cancelled");
        return state;
      case "steer":
        turn.steerRun(message.run, message.value);
        turn.reply("steered");
        return state;
      case "run-ended": {
        const { run, outcome } = message;
        const name = state.runs[run] ?? `unknown ${run}`;
        const isDone = outcome.status === "completed";
        const ended: Ended = {
          run,
          times: (state.ended[name]?.times ?? 0) + 1,
          status: outcome.status,
          results: isDone ? (outcome.result as Record<string, unknown>) : {},
          code: isDone ? null : outcome.error.code,
        };
        turn.reply({ name, status: outcome.status });
        return { ...state, ended: { ...state.ended, [name]: ended } };
      }
    }
  },
});

const job = defineRun<Job, Record<string, unknown>, Outside>({
  kind: "job",
  async run(input, context) {
    context.atEnd((write) => write.add(`end.${input.name}`, 1));
    const results: Record<string, unknown> = {};
    for (const step of input.steps) {
      context.emit(step.key, { job: input.name, key: step.key });
      try {
        results[step.key] = await perform(input, step, context);
      } catch (error) {
        if (context.signal.aborted) await context.ports.linger(input.lingersMs ?? 0);
        if (context.signal.aborted || !(error instanceof RuntimeError)) throw error;
        results[step.key] = error.code;
      }
    }
    if (input.fails) throw new RuntimeError("PROVIDER_FAILED", "The job fails at its end.");
    return results;
  },
});

async function perform(of: Job, step: PlanStep, context: RunContext<Outside>): Promise<unknown> {
  const outside = context.ports;
  const { key } = step;
  outside.mark(of.name, key, context);
  switch (step.do) {
    case "call":
      return context.step(key, (attempt) => outside.call({ job: of.name, ...step }, attempt), {
        repeat: step.repeat,
        timeoutMs: STEP_MS,
        input: { key },
        retry: { times: 2, minMs: 20, maxMs: 100 },
        ...(step.repeat === "reconcile"
          ? { reconcile: (attempt) => outside.query(of.name, key, attempt) }
          : {}),
      });
    case "text":
      return context.step(
        key,
        async (attempt) => {
          const text = `${of.name} ${key} attempt ${attempt.number}`;
          for (const piece of text.split(" ")) {
            attempt.write(`${piece} `);
            await outside.pause(step.ms / 4, attempt.signal);
          }
          return { text: `${text} ` };
        },
        { repeat: "safe" },
      );
    case "children": {
      const outcomes = await Promise.all(
        step.jobs.map((child) =>
          context.child(child.name, {
            kind: "job",
            input: child,
            ...(child.timeoutMs === undefined ? {} : { timeoutMs: child.timeoutMs }),
          }),
        ),
      );
      return outcomes.map((one) => (one.status === "completed" ? one.result : one.status));
    }
    case "ask":
      return context.ask(key, step.to, { type: "put", id: step.id }, { timeoutMs: ASK_MS });
    case "ask-desk":
      return context.ask(key, step.to, { type: "job", job: step.job }, { timeoutMs: ASK_MS });
    case "send": {
      const { id, seq, to } = step;
      await context.send(key, to, { type: "item", id, from: of.name, seq });
      return "sent";
    }
    case "sleep": {
      const from = await context.now(`${key}.from`);
      await context.sleep(key, step.ms);
      const slept = (await context.now(`${key}.to`)) - from;
      return slept >= step.ms ? "slept" : `slept ${slept} of ${step.ms} ms`;
    }
    case "decision":
      return context.decision(key, { timeoutMs: DECISION_MS });
    case "steered":
      return context.steered(key);
    case "question": {
      const { id, inMs } = step;
      const to = keeperOf(context.self);
      context.sendAtEnd(`${key}.over`, to, { type: "over", id }, { unless: key });
      await context.send(`${key}.asked`, to, { type: "question", id, run: context.id, key, inMs });
      return context.decision(key, { timeoutMs: QUESTION_MS, pausing: true });
    }
  }
}

/** The definitions of a simulation over its world. */
export function castOf(world: World): readonly Definition[] {
  return [nodeDefinition(world), desk, keeper, job as Definition];
}

/** Id of an item that a node passes on. */
function passedId(id: string, from: Address, to: Address, seq: number): string {
  return `${id} ${seq} ${from}>${to}`;
}
