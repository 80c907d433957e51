// A turn is stored whole or not at all, also when what it wishes for turns out to be nothing that can
// be stored after its handler has returned.

import { afterEach, expect, test } from "vitest";
import { defineActor, defineRun, type RunContext, type Turn } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";
import { collect, at as rootAt, startTestSystem, stopAll } from "../support/threads-system.ts";

afterEach(stopAll);

const at = (root: string): Address => address({ kind: "careless", tenant: "tn_1", root });
const call = (): number => 1;

/** What a turn wishes for at last, and the state it gives. */
const ways: Readonly<Record<string, (turn: Turn, count: number) => unknown>> = {
  "a state that is no data": () => call,
  "a promise as its state": () => Promise.reject(new Error("nobody waits for it")),
  "a message that is no data": (turn, count) => {
    turn.send(at("other"), { call });
    return count + 1;
  },
  "a run of a kind that nobody has defined": (turn, count) => {
    turn.startRun({ kind: "nobody", input: null });
    return count + 1;
  },
  "a run with an input that is no data": (turn, count) => {
    turn.startRun({ kind: "idle", input: call });
    return count + 1;
  },
  "a run without an end": (turn, count) => {
    turn.startRun({ kind: "idle", input: null, timeoutMs: Number.NaN });
    return count + 1;
  },
  "a reason that is no data": (turn, count) => {
    turn.cancelRun("rn_1", call as unknown as string);
    return count + 1;
  },
  "a reminder without a time": (turn, count) => {
    turn.remind("later", Number.NaN, null);
    return count + 1;
  },
};

const careless = defineActor<unknown, { readonly way?: string; readonly add?: number }>({
  kind: "careless",
  version: 1,
  initial: () => 0,
  reads: () => ({
    records: { type: "records", limit: 10 },
    left: { type: "counter", name: "left" },
  }),
  receive(count, { way, add }, turn) {
    if (add !== undefined) return (count as number) + add;
    if (way === undefined) {
      turn.reply([count, turn.loaded["records"], turn.loaded["left"]]);
      return count;
    }
    turn.put("left", way);
    turn.add("left", 1);
    turn.send(at("other"), { add: 1 });
    turn.reply("done");
    return ways[way]?.(turn, count as number);
  },
});

const idle = defineRun<unknown, null, unknown>({ kind: "idle", run: async () => null });

test.each(
  Object.keys(ways).flatMap((way) =>
    ["asked", "sent", "keyed", "told"].map((how) => ({ way, how })),
  ),
)("a turn that wishes for $way leaves nothing ($how)", async ({ way, how }) => {
  const system = new TestSystem({ seed: 1, definitions: [careless, idle] });
  await system.start();
  const key = { source: "test", key: "k", bodyHash: "-", hours: 1 };
  const to = at("one");
  const answer =
    how === "told"
      ? Promise.resolve(system.tell(to, { way }))
      : how === "sent"
        ? system.send(to, { way })
        : system.ask(to, { way }, ...(how === "keyed" ? [key] : []));
  const told = answer.then(
    () => "taken",
    (error: { code: string }) => error.code,
  );
  await system.schedule.advance(10_000);

  expect(await told).toBe(how === "asked" || how === "keyed" ? "DEAD_LETTER" : "taken");
  const asked = Promise.all([system.ask(to, {}), system.ask(at("other"), {})]);
  await system.schedule.advance(100);
  expect(await asked).toEqual([
    [0, [], 0],
    [0, [], 0],
  ]);
});

test.each([0, 2])(
  "what is no plain data is refused at the door, and an answer that is none is said to be (%i workers)",
  async (workers) => {
    const { system, exits } = await startTestSystem({ workers });
    const counter = rootAt("counter", "a");
    const no = { code: "INVALID", message: expect.stringContaining("plain data") };

    const asked = system.ask(counter, { type: "add", n: call });
    const sent = system.send(counter, { type: "add", n: call });
    // Threads can copy these, the disk cannot keep them.
    const mapped = expect(
      system.send(counter, { type: "add", n: new Map() }),
    ).rejects.toMatchObject({
      code: "INVALID",
    });
    const streamed = (async () => {
      for await (const frames of system.stream(counter, { call })) void frames;
    })();
    system.tell(counter, { call });
    const added = system.ask(counter, { type: "add", n: 1 });
    const answered = system.ask(rootAt("counter", "b"), { type: "give-call" });

    await Promise.all(
      [asked, sent, streamed, answered].map((refused) => expect(refused).rejects.toMatchObject(no)),
    );
    await mapped;
    expect(await added).toBe(1);
    expect(await system.ask(counter, { type: "all" })).toEqual([1]);
    expect((await system.inspect()).deaths).toBe(0);
    expect(exits).toEqual([]);
  },
);

test("a run whose result is no data ends failed, and its parent is told", async () => {
  const given = defineRun<unknown, unknown, unknown>({ kind: "given", run: async () => call });
  const parent = defineActor<unknown, { readonly type: string; readonly outcome?: unknown }>({
    kind: "parent",
    version: 1,
    initial: () => null,
    receive(state, { type, outcome }, turn) {
      if (type === "start") turn.startRun({ kind: "given", input: null });
      turn.reply(state);
      return outcome ?? state;
    },
  });
  const system = new TestSystem({ seed: 1, definitions: [parent, given] });
  await system.start();
  const to = address({ kind: "parent", tenant: "tn_1", root: "a" });

  const asked = [system.ask(to, { type: "start" })];
  await system.schedule.advance(1_000);
  asked.push(system.ask(to, { type: "look" }));
  await system.schedule.advance(1_000);

  expect(await Promise.all(asked)).toMatchObject([
    null,
    { status: "failed", error: { code: "INVALID" } },
  ]);
});

/** What nobody can look at without an error. */
const unreadable: Readonly<Record<string, () => unknown>> = {
  "a proxy": () => {
    const no = (): never => {
      throw new Error("no looking");
    };
    return new Proxy({}, { get: no, getPrototypeOf: no, has: no });
  },
  "an error whose text and stack throw": () =>
    Object.defineProperties(new Error(), {
      message: {
        get() {
          throw new Error("no text");
        },
      },
      stack: {
        get() {
          throw new Error("no stack");
        },
      },
    }),
  "an error with details that are no data": () =>
    new RuntimeError("INVALID", "It is so.", { call, big: 1n, at: new Map() }),
};

test.each(Object.keys(unreadable))(
  "%s that is thrown counts like any error, in a turn, a step and a run",
  async (what) => {
    const thrown = (): never => {
      throw unreadable[what]?.();
    };
    let turns = 0;
    const parent = defineActor<unknown, { readonly type: string; readonly outcome?: unknown }>({
      kind: "parent",
      version: 1,
      initial: () => [],
      receive(state, { type, outcome }, turn) {
        turn.reply(state);
        if (type === "throw") {
          turns += 1;
          return thrown();
        }
        if (type === "start") {
          turn.startRun({ kind: "thrower", input: null });
          turn.startRun({ kind: "stepper", input: null });
        }
        return outcome === undefined ? state : [...(state as unknown[]), outcome];
      },
    });
    const thrower = defineRun<unknown, unknown, unknown>({ kind: "thrower", run: thrown });
    const stepper = defineRun<unknown, unknown, unknown>({
      kind: "stepper",
      run: (_input, context) => context.step("it", thrown, { repeat: "safe" }),
    });
    const system = new TestSystem({ seed: 1, definitions: [parent, thrower, stepper] });
    await system.start();
    const to = address({ kind: "parent", tenant: "tn_1", root: "a" });

    const asked = system.ask(to, { type: "throw" }).catch((error: { code: string }) => error.code);
    await system.schedule.advance(10_000);
    void system.ask(to, { type: "start" });
    await system.schedule.advance(1_000);
    const looked = system.ask(to, { type: "look" });
    await system.schedule.advance(1_000);

    expect(await asked).toBe("DEAD_LETTER");
    expect(turns).toBe(5);
    const failed = { status: "failed", error: { message: expect.any(String) } };
    expect(await looked).toMatchObject([failed, failed]);
  },
);

const circle: unknown[] = [];
circle.push(circle);

/** What a run gives to be stored, and how the error names it. */
const gifts: Readonly<
  Record<string, readonly [string, (context: RunContext<unknown>) => unknown]>
> = {
  "a function as the result of a step": [
    'result of step "it"',
    (context) => context.step("it", () => call, { repeat: "safe", local: true }),
  ],
  "a Map as the result of a step with effects": [
    'result of step "it"',
    (context) => context.step("it", async () => ({ found: new Map() })),
  ],
  "a circle as the result of a step": [
    'result of step "it"',
    (context) => context.step("it", () => circle, { repeat: "safe" }),
  ],
  "a bigint in an event": ['event "it"', (context) => context.emit("it", { at: 1n })],
  "a function as the input of a child": [
    'input of child "it"',
    (context) => context.child("it", { kind: "idle", input: { call } }),
  ],
  "a message to send": ['message of "it"', (context) => context.send("it", at("other"), { call })],
  "a message to ask": ['message of "it"', (context) => context.ask("it", at("other"), { call })],
  "a row for its end": [
    "function",
    (context) => context.atEnd((end) => end.putRow("t", "1", call)),
  ],
  "a result of a step that it changes afterwards": [
    'step entry "it"',
    async (context) => {
      const held: unknown[] = await context.step("it", () => [], { repeat: "safe" });
      held.push(call);
      await context.sleep("a while", 100);
    },
  ],
};

test.each(Object.keys(gifts))(
  "a run that gives %s fails with an error that names it, and its thread lives",
  async (gift) => {
    const [name, give] = gifts[gift] ?? ["", () => undefined];
    const parent = defineActor<unknown, { readonly type: string; readonly outcome?: unknown }>({
      kind: "parent",
      version: 1,
      initial: () => null,
      receive(state, { type, outcome }, turn) {
        if (type === "start") turn.startRun({ kind: "giver", input: null });
        turn.reply(state);
        return outcome ?? state;
      },
    });
    const giver = defineRun<unknown, unknown, unknown>({
      kind: "giver",
      async run(_input, context) {
        await give(context);
        return "done";
      },
    });
    const system = new TestSystem({ seed: 1, definitions: [parent, giver, idle, careless] });
    await system.start();
    const to = address({ kind: "parent", tenant: "tn_1", root: "a" });

    void system.ask(to, { type: "start" });
    await system.schedule.advance(1_000);
    const looked = system.ask(to, { type: "look" });
    await system.schedule.advance(1_000);

    const message = expect.stringContaining(name);
    expect(await looked).toMatchObject({ status: "failed", error: { code: "INVALID", message } });
  },
);

test("what is told to a run and is no plain data is refused at the door", async () => {
  const { system } = await startTestSystem({ workers: 1 });
  const frames = collect(system.stream(rootAt("desk", "a"), { type: "start", kind: "parts" }));
  const running = async () => (await system.runs("tn_1", { limit: 1 })).rows[0];
  await expect.poll(running, { timeout: 10_000 }).toMatchObject({ status: "running" });
  const run = (await running())?.id ?? "";

  const told = system.decide("tn_1", run, "go", new Map());
  await expect(told).rejects.toMatchObject({ code: "INVALID" });
  await system.decide("tn_1", run, "go", "yes");
  expect((await frames).at(-1)).toMatchObject({ outcome: { status: "completed" } });
  expect((await system.inspect()).deaths).toBe(0);
});

test.each([0, 1])("who sends and who handles share no data (%i workers)", async (workers) => {
  const { system } = await startTestSystem({ workers });
  const counter = rootAt("counter", "a");
  const sent = [1];

  const answer = (await system.ask(counter, { type: "add", n: sent })) as number[];
  sent.push(2);
  answer.push(3);
  const all = (await system.ask(counter, { type: "all" })) as unknown[];
  all.push(4);

  expect(await system.ask(counter, { type: "all" })).toEqual([[1]]);
});
