// The engine of one thread, over a real LMDB folder: turns, runs, streams, controls, crashes.

import { afterEach, expect, test } from "vitest";
import { defineActor, defineRun, type RunEnded } from "../../../runtime/actor.ts";
import { address } from "../../../runtime/address.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Frame } from "../../../runtime/frame.ts";
import { type OneKernel, startOneKernel } from "../../support/one-kernel.ts";

type CounterMessage =
  | { type: "add"; by: number }
  | { type: "get" }
  | { type: "throw" }
  | { type: "forward"; to: string; by: number }
  | { type: "remind"; inMs: number; by: number };

const counter = defineActor<{ sum: number }, CounterMessage>({
  kind: "counter",
  version: 1,
  initial: () => ({ sum: 0 }),
  receive(state, message, turn) {
    switch (message.type) {
      case "add": {
        const next = { sum: state.sum + message.by };
        turn.reply(next.sum);
        return next;
      }
      case "get":
        turn.reply(state.sum);
        return state;
      case "throw":
        throw new Error("on purpose");
      case "forward":
        turn.send(message.to, { type: "add", by: message.by });
        turn.reply("sent");
        return state;
      case "remind":
        turn.remind("later", turn.nowMs + message.inMs, { type: "add", by: message.by });
        turn.reply("set");
        return state;
    }
  },
});

type DeskMessage =
  | { type: "start"; kind: string; input?: unknown; charge?: number }
  | RunEnded
  | { type: "cancel"; run: string };

const desk = defineActor<{ ended: string[] }, DeskMessage>({
  kind: "desk",
  version: 1,
  initial: () => ({ ended: [] }),
  receive(state, message, turn) {
    switch (message.type) {
      case "start": {
        if (message.charge) {
          turn.add("balance", -message.charge, {
            min: 0,
            otherwise: { code: "BALANCE_EXHAUSTED", message: "The balance is gone." },
          });
        }
        const run = turn.startRun({ kind: message.kind, input: message.input ?? null });
        turn.reply({ run }, { follow: run });
        return state;
      }
      case "cancel":
        turn.cancelRun(message.run, "the user left");
        turn.reply("ok");
        return state;
      case "run-ended":
        turn.add("ends", 1);
        turn.reply({ status: message.outcome.status, seen: state.ended.length + 1 });
        return { ended: [...state.ended, message.run] };
    }
  },
});

const open: OneKernel[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.stop();
});

async function start(options: Parameters<typeof startOneKernel>[0]): Promise<OneKernel> {
  const one = await startOneKernel(options);
  open.push(one);
  return one;
}

const counterAt = (root: string) => address({ kind: "counter", tenant: "tn_1", root });
const deskAt = address({ kind: "desk", tenant: "tn_1", root: "d" });
const textOf = (frames: readonly Frame[]): string =>
  frames.map((frame) => (frame.type === "text" ? frame.text : "")).join("");

test("a turn's state is there after a crash", async () => {
  const first = await start({ definitions: [counter] });
  expect(await first.ask(counterAt("a"), { type: "add", by: 2 })).toBe(2);
  await first.crash();
  open.length = 0;

  const second = await start({ definitions: [counter], path: first.path });

  expect(await second.ask(counterAt("a"), { type: "add", by: 3 })).toBe(5);
});

test("messages between actors are applied once and in order of sending", async () => {
  const one = await start({ definitions: [counter] });
  for (let by = 1; by <= 20; by += 1) {
    await one.ask(counterAt("a"), { type: "forward", to: counterAt("b"), by });
  }

  expect(await one.ask(counterAt("b"), { type: "get" })).toBe(210);
});

test("a message that fails five times becomes a dead letter and the next one goes on", async () => {
  const one = await start({ definitions: [counter] });
  const failing = one.ask(counterAt("a"), { type: "throw" });
  const next = one.ask(counterAt("a"), { type: "add", by: 1 });

  await expect(failing).rejects.toMatchObject({ code: "DEAD_LETTER" });
  expect(await next).toBe(1);
  expect(one.kernel.inspect().counters["deadLetters"]).toBe(1);
});

test("a reminder fires once, after a restart too", async () => {
  const first = await start({ definitions: [counter] });
  await first.ask(counterAt("a"), { type: "remind", inMs: 300, by: 7 });
  await first.crash();
  open.length = 0;

  const second = await start({ definitions: [counter], path: first.path });
  await expect.poll(() => second.ask(counterAt("a"), { type: "get" }), { timeout: 5_000 }).toBe(7);
});

const writer = defineRun<unknown, { text: string }, unknown>({
  kind: "writer",
  async run(_input, context) {
    context.emit("routed", { type: "routing", to: "writer" });
    const answer = await context.step(
      "model:1",
      async (attempt) => {
        for (const piece of ["Hel", "lo ", "wörld"]) attempt.write(piece);
        return { text: "Hello wörld" };
      },
      { repeat: "safe" },
    );
    return answer;
  },
});

test("a stream shows accept, event, text, its truth and the end, in this order", async () => {
  const one = await start({ definitions: [desk, writer] });

  const frames = await one.stream(deskAt, { type: "start", kind: "writer" });

  expect(frames.map((frame) => frame.type)).toEqual([
    "accepted",
    "event",
    "text",
    "text-end",
    "end",
  ]);
  expect(textOf(frames)).toBe("Hello wörld");
  expect(frames.at(-1)).toMatchObject({
    outcome: { status: "completed" },
    reply: { status: "completed", seen: 1 },
    counters: { ends: 1 },
  });
});

test("a viewer with a cursor gets exactly the rest of a recorded run", async () => {
  const one = await start({ definitions: [desk, writer] });
  const frames = await one.stream(deskAt, { type: "start", kind: "writer" });
  const text = frames.find((frame) => frame.type === "text");
  const run = frames.at(-1) as Frame & { type: "end" };
  const at = { tenant: "tn_1", root: "d", run: run.run };
  const cut = (text as { id: string }).id.replace(/:\d+$/, ":4");

  const rest = await one.follow({ ...at, after: cut });
  const whole = await one.follow(at);
  const none = await one.follow({ ...at, after: run.id });

  expect(textOf(rest)).toBe("o wörld");
  expect(rest.map((frame) => frame.type)).toEqual(["text", "text-end", "end"]);
  expect(textOf(whole)).toBe("Hello wörld");
  expect(none.map((frame) => frame.type)).toEqual(["end"]);
});

test("a run is taken up after a crash: stored steps are not called again, the text starts anew", async () => {
  const calls: string[] = [];
  let hang = true;
  const careful = defineRun<unknown, string, unknown>({
    kind: "careful",
    async run(_input, context) {
      await context.step("first", () => void calls.push("first"), { repeat: "safe" });
      const result = await context.step(
        "second",
        async (attempt) => {
          calls.push("second");
          attempt.write("abc");
          if (hang) await new Promise(() => undefined);
          return { text: "abcdef" };
        },
        { repeat: "safe" },
      );
      return result.text;
    },
  });
  const first = await start({ definitions: [desk, careful] });
  let lastId = "";
  let run = "";
  const shown = new Promise<void>((resolve) => {
    first
      .stream(deskAt, { type: "start", kind: "careful" }, (frame) => {
        if (frame.type === "accepted") run = String(frame.run);
        if (frame.type === "text") {
          lastId = frame.id;
          resolve();
        }
      })
      .catch(() => undefined);
  });
  await shown;
  await first.crash();
  open.length = 0;
  hang = false;

  const second = await start({ definitions: [desk, careful], path: first.path });
  const frames = await second.follow({ tenant: "tn_1", root: "d", run, after: lastId });

  expect(calls).toEqual(["first", "second", "second"]);
  expect(frames[0]?.type).toBe("reset");
  expect(textOf(frames)).toBe("abcdef");
  expect(frames.slice(-2).map((frame) => frame.type)).toEqual(["text-end", "end"]);
});

test("a step that may have happened is reported unknown, never called again", async () => {
  const calls: string[] = [];
  const once = defineRun<unknown, string, unknown>({
    kind: "once",
    async run(_input, context) {
      return context.step("pay", async () => {
        calls.push("pay");
        if (calls.length === 1) await new Promise(() => undefined);
        return "paid";
      });
    },
  });
  const first = await start({ definitions: [desk, once] });
  let run = "";
  first
    .stream(deskAt, { type: "start", kind: "once" }, (frame) => {
      if (frame.type === "accepted") run = String(frame.run);
    })
    .catch(() => undefined);
  await expect.poll(() => calls.length > 0 && run !== "").toBe(true);
  await first.crash();
  open.length = 0;

  const second = await start({ definitions: [desk, once], path: first.path });
  const frames = await second.follow({ tenant: "tn_1", root: "d", run });

  expect(calls).toEqual(["pay"]);
  expect(frames.at(-1)).toMatchObject({
    outcome: { status: "failed", error: { code: "STEP_UNKNOWN" } },
  });
});

test("a cancel reaches a waiting step and keeps the text it had shown", async () => {
  let aborted = false;
  const slow = defineRun<unknown, string, unknown>({
    kind: "slow",
    async run(_input, context) {
      const outcome = await context.child("part", { kind: "slow-part", input: null });
      return outcome.status;
    },
  });
  const part = defineRun<unknown, string, unknown>({
    kind: "slow-part",
    async run(_input, context) {
      return context.step(
        "model:1",
        (attempt) =>
          new Promise((_, reject) => {
            attempt.write("half an ans");
            attempt.signal.addEventListener("abort", () => {
              aborted = true;
              reject(attempt.signal.reason);
            });
          }),
        { repeat: "safe" },
      );
    },
  });
  const one = await start({ definitions: [desk, slow, part] });

  const frames = await one.stream(deskAt, { type: "start", kind: "slow" }, (frame) => {
    if (frame.type !== "text") return;
    const at = { tenant: "tn_1", root: "d", run: frame.run.split(".")[0] ?? "" };
    one.control(at, { type: "cancel", reason: "enough" }).catch(() => undefined);
  });

  expect(aborted).toBe(true);
  expect(frames.at(-1)).toMatchObject({
    outcome: { status: "cancelled", error: { code: "CANCELLED" }, shown: "half an ans" },
  });
});

test("the same key gives the same run; another body under it is refused", async () => {
  const one = await start({ definitions: [desk, writer] });
  const key = { source: "http", key: "k1", bodyHash: "b1", hours: 24 };

  const [a, b] = await Promise.all([
    one.ask(deskAt, { type: "start", kind: "writer" }, key),
    one.ask(deskAt, { type: "start", kind: "writer" }, key),
  ]);
  const other = one.ask(deskAt, { type: "start", kind: "writer" }, { ...key, bodyHash: "b2" });

  expect(b).toEqual(a);
  await expect(other).rejects.toMatchObject({ code: "KEY_REUSED" });
  expect(one.kernel.inspect().counters["runsStarted"]).toBe(1);
});

test("a floor under a counter is never passed, however many come at once", async () => {
  const one = await start({ definitions: [desk, writer] });
  const { keys } = await import("../../../runtime/store/keys.ts");
  const commit = one.store.commit({
    ops: [{ op: "add", key: keys.counter("tn_1", "balance"), delta: 5 }],
  });
  await commit.committed;

  const asked = Array.from({ length: 12 }, () =>
    one.ask(deskAt, { type: "start", kind: "writer", charge: 1 }).then(
      () => "ok",
      (error: RuntimeError) => error.code,
    ),
  );
  const answers = await Promise.all(asked);

  expect(answers.filter((answer) => answer === "ok")).toHaveLength(5);
  expect(answers.filter((answer) => answer === "BALANCE_EXHAUSTED")).toHaveLength(7);
});

test("an ask that would wait for itself fails at once and shows the circle", async () => {
  const asking = defineRun<string, unknown, unknown>({
    kind: "asking",
    run: (to, context) =>
      context.ask("q", to, { type: "start", kind: "writer" }, { timeoutMs: 5_000 }),
  });
  const one = await start({ definitions: [desk, asking, writer, counter] });

  const circle = await one.stream(deskAt, { type: "start", kind: "asking", input: deskAt });
  const other = address({ kind: "desk", tenant: "tn_1", root: "e" });
  const fine = await one.stream(deskAt, { type: "start", kind: "asking", input: other });

  expect(circle.at(-1)).toMatchObject({ outcome: { status: "failed", error: { code: "CYCLE" } } });
  expect(fine.at(-1)).toMatchObject({ outcome: { status: "completed" } });
});

test("a retryable failure inside a step is tried again, a final one ends the run with its code", async () => {
  let tries = 0;
  const flaky = defineRun<boolean, string, unknown>({
    kind: "flaky",
    run: (isFinal, context) =>
      context.step(
        "call",
        () => {
          tries += 1;
          if (isFinal) throw new RuntimeError("PROVIDER_FAILED", "No.");
          if (tries === 1) throw new RuntimeError("PROVIDER_UNAVAILABLE", "Later.");
          return "done";
        },
        { repeat: "safe", retry: { times: 2, minMs: 1, maxMs: 5 } },
      ),
  });
  const one = await start({ definitions: [desk, flaky] });

  const good = await one.stream(deskAt, { type: "start", kind: "flaky", input: false });
  const bad = await one.stream(deskAt, { type: "start", kind: "flaky", input: true });

  expect(good.at(-1)).toMatchObject({ outcome: { status: "completed" } });
  expect(bad.at(-1)).toMatchObject({
    outcome: { status: "failed", error: { code: "PROVIDER_FAILED" } },
  });
});
