// The program of processes that tests kill or starve: a ledger that applies numbers with records,
// rows, a counter, messages and reminders, its mirror, and a desk that starts runs with a step of each
// kind. Everything it holds can be counted from outside.

import { appendFileSync, readFileSync, writeSync } from "node:fs";
import { defineActor, defineRun, type RunEnded, type Turn } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import type { WorkerHost } from "../../runtime/threads/host.ts";

/** State of each actor. */
export type State = { readonly count: number; readonly rang: number; readonly ended: number };
type Message =
  | { type: "add" | "rang"; n: number }
  /** `napMs`: the run sleeps so long after its first step. */
  | { type: "start"; n: number; napMs?: number }
  | { type: "mirrored"; n: number }
  | { type: "tally" }
  | RunEnded;

/** Tenant of everything here. */
export const TENANT = "tn_kill";
/** Every so many messages has a reminder, and one in as many starts a run. */
export const REMIND_EVERY = 4;
const LONGEST_REMINDER_MS = 300;

/** Says something to the outside, at once. */
export function print(line: readonly unknown[]): void {
  let rest = Buffer.from(`${JSON.stringify(line)}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      // The pipe is full and does not wait: whoever reads it is slow.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}

/** The actor of a kind for one life. */
export function of(kind: string, life: number): Address {
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
    turn.startRun({ kind: "job", id: `rn_${n}`, input: { n, napMs: message.napMs ?? 0 } });
    turn.reply(n);
    return { ...state, count: state.count + 1 };
  },
});

/** Three steps, one of each kind; the third one's effect is a line in a file outside. */
const job = defineRun<{ n: number; napMs: number }, number, { effects: string }>({
  kind: "job",
  async run({ n, napMs }, context) {
    await context.step("first", () => print(["step", "first", n]), { repeat: "safe" });
    if (napMs > 0) await context.sleep("nap", napMs);
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

/** The program. */
export const program: WorkerHost<{ effects: string }> = {
  definitions: [ledger, mirror, desk, job],
  createPorts: ({ config }) => config,
};
