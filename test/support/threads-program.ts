// A small program for tests of a system over threads: actors that count, relay, start runs and
// misbehave, and runs that write, hang and wait. The same on main and on every worker.

import { threadId } from "node:worker_threads";
import { type Attempt, defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import type { Address } from "../../runtime/address.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import { decode, encode } from "../../runtime/store/codec.ts";
import type { WorkerHost } from "../../runtime/threads/host.ts";
import { parties } from "./parties.ts";

type CounterMessage =
  | { type: "add"; n: number }
  | { type: "all" }
  /** Busy for ever: only the watchdog ends it. */
  | { type: "spin" }
  /** Throws where nobody catches: the thread dies, not in a turn. */
  | { type: "die" }
  /** A promise that nobody waits for is rejected. */
  | { type: "reject" }
  /** Ends its thread, in the turn or after it. */
  | { type: "exit" }
  | { type: "exit-later" }
  /** Answers with what is no data. */
  | { type: "give-call" }
  /** Takes memory until there is none. */
  | { type: "eat" };

const counter = defineActor<{ applied: readonly number[] }, CounterMessage>({
  kind: "counter",
  version: 1,
  initial: () => ({ applied: [] }),
  receive(state, message, turn) {
    switch (message.type) {
      case "add":
        turn.put(`n${message.n}`, message.n);
        turn.reply(message.n);
        return { applied: [...state.applied, message.n] };
      case "all":
        turn.reply(state.applied);
        return state;
      case "spin":
        for (;;);
      case "die":
        setImmediate(() => {
          throw new Error("an error nobody catches");
        });
        turn.reply("soon");
        return state;
      case "reject":
        void Promise.reject(new Error("a rejection nobody handles"));
        turn.reply("soon");
        return state;
      case "exit":
        process.exit(3);
        break;
      case "exit-later":
        setImmediate(() => process.exit(3));
        turn.reply("soon");
        return state;
      case "give-call":
        turn.reply(() => state);
        return state;
      case "eat": {
        const held: unknown[] = [];
        for (;;) held.push(new Array(100_000).fill(held.length));
      }
    }
  },
});

type RelayMessage = { type: "relay"; to: string; message: unknown };

const relay = defineActor<null, RelayMessage>({
  kind: "relay",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    turn.send(message.to, message.message);
    turn.reply("sent");
    return state;
  },
});

type DeskMessage = { type: "start"; kind: string; input?: unknown } | RunEnded;

const desk = defineActor<null, DeskMessage>({
  kind: "desk",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if (message.type === "run-ended") {
      turn.add("ends", 1);
      const { outcome } = message;
      turn.reply({
        status: outcome.status,
        ...(outcome.status === "completed" ? { result: outcome.result } : {}),
      });
      return state;
    }
    const run = turn.startRun({ kind: message.kind, input: message.input ?? null });
    turn.reply({ run }, { follow: run });
    return state;
  },
});

/** Writes its pieces in one step. */
const writer = defineRun<
  { readonly pieces: readonly string[]; readonly waits?: boolean },
  { text: string },
  unknown
>({
  kind: "writer",
  async run({ pieces, waits }, context) {
    if (waits === true) await context.decision("go", { timeoutMs: 60_000 });
    return await context.step(
      "model",
      async (attempt) => {
        for (const piece of pieces) {
          attempt.write(piece);
          await new Promise((resolve) => setImmediate(resolve));
        }
        return { text: pieces.join("") };
      },
      { repeat: "safe" },
    );
  },
});

/** Writes a part, waits for a decision, writes the rest: two steps. */
const parts = defineRun<null, { text: string }, unknown>({
  kind: "parts",
  async run(_input, context) {
    await context.step("one", (attempt) => {
      attempt.write("first ");
      return { text: "first " };
    });
    await context.decision("go", { timeoutMs: 60_000 });
    return await context.step("two", (attempt) => {
      attempt.write("second");
      return { text: "second" };
    });
  },
});

/** Writes and hangs at its first attempt, writes all of it at the next one. */
const hanging = defineRun<null, { text: string }, unknown>({
  kind: "hanging",
  async run(_input, context) {
    return await context.step(
      "model",
      async (attempt) => {
        attempt.write("abc");
        if (attempt.number === 1) await new Promise(() => undefined);
        attempt.write("def");
        return { text: "abcdef" };
      },
      { repeat: "safe" },
    );
  },
});

/** Writes its pieces, each in a step of its own that takes a moment. */
const stepper = defineRun<{ pieces: readonly string[] }, { text: string }, unknown>({
  kind: "stepper",
  async run({ pieces }, context) {
    for (const [at, piece] of pieces.entries()) {
      const perform = async (attempt: Attempt): Promise<{ text: string }> => {
        attempt.write(piece.slice(0, 1));
        await new Promise((resolve) => setTimeout(resolve, 2));
        attempt.write(piece.slice(1));
        return { text: piece };
      };
      await context.step(`piece:${at}`, perform);
      context.emit(`piece:${at}`, { at });
    }
    return { text: pieces.join("") };
  },
});

/** Never lets go of its thread: in its step, or after a step that is stored. */
const spinner = defineRun<{ in: "step" | "function" | "child" }, null, unknown>({
  kind: "spinner",
  async run(input, context) {
    if (input.in === "child") {
      const outcome = await context.child("it", { kind: "spinner", input: { in: "step" } });
      throw new Error(`my child: ${JSON.stringify(outcome)}`);
    }
    await context.step("first", () => "stored", { repeat: "safe" });
    if (input.in === "function") for (;;);
    await context.step(
      "spin",
      () => {
        for (;;);
      },
      { repeat: "safe" },
    );
    return null;
  },
});

/** Waits in a step until it is cancelled. */
const patient = defineRun<null, string, unknown>({
  kind: "patient",
  async run(_input, context) {
    return await context.step(
      "wait",
      (attempt) => {
        attempt.write("waiting");
        return new Promise<string>((_resolve, reject) => {
          attempt.signal.addEventListener("abort", () => reject(attempt.signal.reason));
        });
      },
      { repeat: "safe" },
    );
  },
});

/** Tells what the ports of its worker say, and computes in the pool. */
const asking = defineRun<{ n: number }, unknown, TestPorts>({
  kind: "asking",
  async run({ n }, context) {
    return await context.step("compute", () => context.ports.double(n), { repeat: "safe" });
  },
});

/** Writes a row of `bulk` from its worker, a second time in vain, and reads it there. */
const archivist = defineRun<{ key: string }, unknown, TestPorts>({
  kind: "archivist",
  run: ({ key }, context) =>
    context.step("write", async () => await context.ports.archive(key), { repeat: "safe" }),
});

/** Told once, it gives itself another message with every turn. */
const flood = defineActor<null, { readonly isDurable: boolean }>({
  kind: "flood",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if (message.isDurable) turn.send(turn.self, message);
    else turn.tell(turn.self, message);
    turn.reply(null);
    return state;
  },
});

/** Keeps its thread busy for `ms` with every number it is given, and tells which thread it was. */
const heavy = defineActor<
  { readonly applied: readonly number[] },
  { readonly n: number; readonly ms: number }
>({
  kind: "heavy",
  version: 1,
  initial: () => ({ applied: [] }),
  receive({ applied }, { n, ms }, turn) {
    const untilMs = performance.now() + ms;
    while (performance.now() < untilMs);
    turn.reply({ before: applied, thread: threadId });
    return { applied: [...applied, n] };
  },
});

/** Takes one of what is left in a counter of its tenant; tells how often. */
const purse = defineActor<number, { readonly type: "spend" | "spent" }>({
  kind: "purse",
  version: 1,
  initial: () => 0,
  receive(state, { type }, turn) {
    turn.reply(state);
    if (type === "spent") return state;
    const otherwise = { code: "BALANCE_EXHAUSTED", message: "Nothing is left." } as const;
    turn.add("purses", -1, { min: 0, otherwise });
    return state + 1;
  },
});

/** Asks purses to spend, all at once, and tells what came of each. */
const spender = defineRun<{ readonly purses: readonly Address[] }, readonly string[], unknown>({
  kind: "spender",
  run: ({ purses }, context) =>
    Promise.all(
      purses.map((purse, at) =>
        context.ask(`ask:${at}`, purse, { type: "spend" }).then(
          () => "spent",
          (error: RuntimeError) => error.code,
        ),
      ),
    ),
});

interface TestPorts {
  archive(key: string): Promise<unknown>;
  double(n: number): Promise<unknown>;
}

/** The program. */
export const program: WorkerHost = {
  definitions: [
    ...[counter, relay, desk, writer, parts, hanging, stepper, spinner, patient, asking, flood],
    ...[heavy, archivist, purse, spender, ...parties],
  ],
  createPorts: ({ compute, bulk }): TestPorts => ({
    archive: async (key) => {
      const row = { op: "insert", key, value: encode("kept") } as const;
      await bulk.commit([row]);
      const again = bulk.commit([row]).then(
        () => "",
        (error: { code?: string }) => error.code,
      );
      const other = bulk.commit([{ ...row, key: `${key}2` }]);
      const [refusal] = await Promise.all([again, other]);
      const stored = await bulk.get(`${key}2`);
      return [refusal, stored && decode(stored)];
    },
    double: (n) => compute.run("double", n, { tenant: "tn_1", timeoutMs: 5_000 }),
  }),
};
