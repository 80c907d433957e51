// One test for each promise of the runtime that a newcomer would doubt, on virtual time.

import { expect, test } from "vitest";
import { type Definition, defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import type { Frame } from "../../runtime/frame.ts";
import { encode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import { TestSystem, type TestSystemOptions } from "../../runtime/testkit/test-system.ts";

type DeskMessage =
  | { type: "start"; kind: string; input?: unknown; held?: boolean; timeoutMs?: number }
  | { type: "release"; run: string; input?: unknown }
  | { type: "steer"; run: string; value: unknown }
  | { type: "cancel"; run: string }
  | RunEnded;

const desk = defineActor<{ ended: readonly string[] }, DeskMessage>({
  kind: "desk",
  version: 1,
  initial: () => ({ ended: [] }),
  receive(state, message, turn) {
    switch (message.type) {
      case "start": {
        const { kind, input = null, held = false, timeoutMs } = message;
        const run = turn.startRun({ kind, input, held, ...(timeoutMs ? { timeoutMs } : {}) });
        turn.reply({ run }, { follow: run });
        return state;
      }
      case "release":
        turn.releaseRun(message.run, message.input);
        turn.reply("ok");
        return state;
      case "steer":
        turn.steerRun(message.run, message.value);
        turn.reply("ok");
        return state;
      case "cancel":
        turn.cancelRun(message.run, "not wanted");
        turn.reply("ok");
        return state;
      case "run-ended":
        turn.reply({ count: state.ended.length + 1 });
        return { ended: [...state.ended, message.run] };
    }
  },
});

const deskAt = (root = "d"): Address => address({ kind: "desk", tenant: "tn_1", root });
const noteAt = (root: string, tenant = "tn_1"): Address => address({ kind: "note", tenant, root });

async function begin(
  definitions: readonly Definition[],
  options: Partial<TestSystemOptions> = {},
): Promise<TestSystem> {
  const system = new TestSystem({ seed: 1, definitions, ...options });
  await system.start();
  return system;
}

async function done<T>(system: TestSystem, promise: Promise<T>, ms = 100): Promise<T> {
  await system.schedule.advance(ms);
  return promise;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "no error",
    (error: RuntimeError) => error.code,
  );
}

const last = (frames: Frame[]): Frame | undefined => frames.at(-1);

/** An actor that keeps what it was told and can be told to fail. */
function noteDefinition(
  options: { version?: number; mailboxMax?: number; fail?: () => boolean } = {},
) {
  return defineActor<{ words: readonly string[] }, { word: string }>({
    kind: "note",
    version: options.version ?? 1,
    initial: () => ({ words: [] }),
    ...(options.mailboxMax ? { mailboxMax: options.mailboxMax } : {}),
    ...(options.version
      ? {
          migrate: (state) => ({
            words: (state as { words: string[] }).words.map((word) => `${word}!`),
          }),
        }
      : {}),
    receive(state, { word }, turn) {
      if (options.fail?.()) throw new Error("on purpose");
      const words = [...state.words, word];
      turn.put(`w${words.length}`, word);
      turn.reply(words.join(" "));
      return { words };
    },
  });
}

test("a turn that throws leaves nothing, and is done when it no longer throws", async () => {
  let failures = 3;
  const system = await begin([noteDefinition({ fail: () => failures-- > 0 })]);

  const answer = await done(system, system.ask(noteAt("a"), { word: "one" }), 20_000);

  expect(answer).toBe("one");
  expect(system.disk.rows.filter(({ key }) => key.includes("/r/"))).toHaveLength(1);
});

test("a full mailbox refuses at the door and says its limit; what it took is done", async () => {
  const system = await begin([noteDefinition({ mailboxMax: 3 })]);

  const asked = Array.from({ length: 6 }, (_, at) => system.ask(noteAt("a"), { word: `w${at}` }));
  const codes = await done(system, Promise.all(asked.map(codeOf)));

  expect(codes.filter((code) => code === "MAILBOX_FULL").length).toBeGreaterThan(0);
  const words = (await done(system, system.ask(noteAt("a"), { word: "end" }))) as string;
  expect(words.split(" ")).toHaveLength(codes.filter((code) => code === "no error").length + 1);
});

test("an older state is migrated; a newer one is refused, untouched, and stops one actor only", async () => {
  const old = await begin([noteDefinition()]);
  await done(old, old.ask(noteAt("a"), { word: "one" }));
  const store = old.disk.connect();
  const newer = encode({ version: 9, state: { words: ["future"] } });
  store.commit({ ops: [{ op: "put", key: keys.state(noteAt("b")), value: newer }] });
  await old.schedule.settle();

  old.crash("process");
  const definitions = [noteDefinition({ version: 2 })];
  const next = new TestSystem({ seed: 2, definitions, after: old });
  await next.start();

  expect(await done(next, next.ask(noteAt("a"), { word: "two" }))).toBe("one! two");
  expect(await done(next, codeOf(next.ask(noteAt("b"), { word: "x" })))).toBe("QUARANTINED");
  const stored = next.disk.rows.find(({ key }) => key === keys.state(noteAt("b")));
  expect(stored?.value).toEqual(newer);
});

test("an idle actor leaves memory and is found as it was", async () => {
  const system = await begin([noteDefinition()]);
  await done(system, system.ask(noteAt("a"), { word: "one" }));

  await system.schedule.advance(120_000);
  const asleep = system.kernelOf(noteAt("a"))?.inspect().cells;

  expect(asleep).toBe(0);
  expect(await done(system, system.ask(noteAt("a"), { word: "two" }))).toBe("one two");
});

test("a run past its deadline ends expired, with the text it had shown", async () => {
  const slow = defineRun<null, string, unknown>({
    kind: "slow",
    run: (_, context) =>
      context.step(
        "model:1",
        (attempt) => {
          attempt.write("half");
          return new Promise<string>(() => undefined);
        },
        { repeat: "safe", timeoutMs: 600_000 },
      ),
  });
  const system = await begin([desk, slow]);

  const frames = await done(
    system,
    system.stream(deskAt(), { type: "start", kind: "slow", timeoutMs: 5_000 }),
    10_000,
  );

  expect(last(frames)).toMatchObject({
    outcome: { status: "expired", error: { code: "DEADLINE" }, shown: "half" },
  });
});

test("a stuck step is cut at its own timeout and the run goes on", async () => {
  const stuck = defineRun<null, string, unknown>({
    kind: "stuck",
    async run(_, context) {
      const cut = await context
        .step("wait", () => new Promise(() => undefined), {
          repeat: "safe",
          timeoutMs: 1_000,
          retry: { times: 0, minMs: 1, maxMs: 1 },
        })
        .catch((error: RuntimeError) => error.code);
      return String(cut);
    },
  });
  const system = await begin([desk, stuck]);

  const frames = await done(
    system,
    system.stream(deskAt(), { type: "start", kind: "stuck" }),
    5_000,
  );

  expect(last(frames)).toMatchObject({ outcome: { status: "completed" } });
});

test("a held run can be followed before it starts, starts once, with the input it is given", async () => {
  const echo = defineRun<unknown, unknown, unknown>({
    kind: "echo",
    async run(input, context) {
      context.emit("in", { input });
      return input;
    },
  });
  const system = await begin([desk, echo]);
  const frames = system.stream(deskAt(), { type: "start", kind: "echo", input: 1, held: true });
  await system.schedule.advance(100);
  const row = system.disk.rows.find(({ key }) => key.startsWith("n/tn_1/"));
  const run = row?.key.split("/")[2] ?? "";
  await done(system, system.ask(deskAt(), { type: "release", run, input: 2 }));

  const seen = await frames;

  expect(seen.map((frame) => frame.type)).toEqual(["accepted", "event", "end"]);
  expect(seen[1]).toMatchObject({ event: { input: 2 } });
});

test("a held run that is released after a restart starts then", async () => {
  const echo = defineRun<unknown, unknown, unknown>({ kind: "echo", run: async (input) => input });
  const system = await begin([desk, echo]);
  const lost = system.stream(deskAt(), { type: "start", kind: "echo", input: 1, held: true });
  await system.schedule.advance(100);
  const run =
    system.disk.rows.find(({ key }) => key.startsWith("n/tn_1/"))?.key.split("/")[2] ?? "";
  system.crash("power");
  expect(await codeOf(lost)).toBe("WORKER_LOST");
  await system.start();

  await done(system, system.ask(deskAt(), { type: "release", run }));
  const frames = await done(system, system.follow({ tenant: "tn_1", root: "d", run }));

  expect(last(frames)).toMatchObject({ type: "end", outcome: { status: "completed" } });
});

test("steering is taken at the next step boundary, once, after a crash too", async () => {
  const seen: unknown[][] = [];
  const steered = defineRun<null, unknown, unknown>({
    kind: "steered",
    async run(_, context) {
      await context.sleep("first", 1_000);
      const values = await context.steered("a");
      seen.push([...values]);
      await context.sleep("second", 1_000);
      return [...values, ...(await context.steered("b"))];
    },
  });
  const system = await begin([desk, steered]);
  system.stream(deskAt(), { type: "start", kind: "steered" }).catch(() => undefined);
  await system.schedule.advance(100);
  const run =
    system.disk.rows.find(({ key }) => key.startsWith("n/tn_1/"))?.key.split("/")[2] ?? "";
  await done(system, system.ask(deskAt(), { type: "steer", run, value: "left" }));
  await system.schedule.advance(1_200);
  system.crash("process");
  await system.start();

  const frames = await done(system, system.follow({ tenant: "tn_1", root: "d", run }), 5_000);

  expect(seen).toEqual([["left"], ["left"]]);
  expect(last(frames)).toMatchObject({ outcome: { status: "completed" } });
});

test("a decision counts once and survives the crash of who waits for it", async () => {
  const waits = defineRun<null, unknown, unknown>({
    kind: "waits",
    run: (_, context) => context.decision("approve", { timeoutMs: 400_000 }),
  });
  const system = await begin([desk, waits]);
  system.stream(deskAt(), { type: "start", kind: "waits" }).catch(() => undefined);
  await system.schedule.advance(100);
  const run =
    system.disk.rows.find(({ key }) => key.startsWith("n/tn_1/"))?.key.split("/")[2] ?? "";
  const at = { tenant: "tn_1", root: "d", run };
  system.crash("process");
  await system.start();

  const both = [1, 2].map((value) =>
    codeOf(system.control(at, { type: "decide", key: "approve", value })),
  );
  const codes = await done(system, Promise.all(both));

  expect(codes[0]).toBe("no error");
  expect(["CONFLICT", "RUN_ENDED"]).toContain(codes[1]);
});

test("steps, depth and children of a run have their limits, and it ends exhausted", async () => {
  const many = defineRun<string, unknown, unknown>({
    kind: "many",
    async run(what, context) {
      if (what === "steps") {
        for (let at = 0; at < 50; at += 1) {
          await context.step(`s${at}`, () => at, { local: true, repeat: "safe" });
        }
      }
      const outcome = await context.child("below", { kind: "many", input: what });
      if (outcome.status !== "completed") throw Object.assign(new Error(), outcome.error);
      return outcome;
    },
  });
  const system = await begin([desk, many], { limits: { stepsMax: 20, depthMax: 3 } });

  const steps = await done(
    system,
    system.stream(deskAt("a"), { type: "start", kind: "many", input: "steps" }),
  );
  const depth = await done(
    system,
    system.stream(deskAt("b"), { type: "start", kind: "many", input: "depth" }),
  );

  expect(last(steps)).toMatchObject({
    outcome: { status: "exhausted", error: { code: "STEPS_EXHAUSTED" } },
  });
  expect(JSON.stringify(last(depth))).toMatch(/failed|exhausted/);
});

test("a stored step with another input ends the run with STEP_CHANGED", async () => {
  let input = "a";
  const changing = defineRun<null, unknown, unknown>({
    kind: "changing",
    async run(_, context) {
      await context.step("model:1", () => 1, { repeat: "safe", input });
      await context.sleep("nap", 1_000);
      return "end";
    },
  });
  const system = await begin([desk, changing]);
  system.stream(deskAt(), { type: "start", kind: "changing" }).catch(() => undefined);
  await system.schedule.advance(100);
  const run =
    system.disk.rows.find(({ key }) => key.startsWith("n/tn_1/"))?.key.split("/")[2] ?? "";
  system.crash("process");
  input = "b";
  await system.start();

  const frames = await done(system, system.follow({ tenant: "tn_1", root: "d", run }), 3_000);

  expect(last(frames)).toMatchObject({ outcome: { error: { code: "STEP_CHANGED" } } });
});

test("one key sent to two actors on two workers at once starts one run", async () => {
  const echo = defineRun<unknown, unknown, unknown>({ kind: "echo", run: async (input) => input });
  for (let seed = 1; seed <= 20; seed += 1) {
    const system = await begin([desk, echo], { seed });
    const key = { source: "http", key: "k", bodyHash: "b", hours: 24 };
    const both = ["r1", "r2", "r3", "r4"].map((root) =>
      system.stream(deskAt(root), { type: "start", kind: "echo", input: root }, key),
    );
    const frames = await done(system, Promise.all(both), 2_000);

    const runs = new Set(frames.map((one) => (one[0] as { run: string }).run));
    expect(runs.size, `seed ${seed}`).toBe(1);
    const rows = system.disk.rows.filter(({ key: at }) => at.startsWith("n/"));
    expect(rows, `seed ${seed}`).toHaveLength(1);
  }
});

test("a key is remembered for its hours and then forgotten, rows and all", async () => {
  const system = await begin([noteDefinition()]);
  const key = { source: "http", key: "k", bodyHash: "b", hours: 24 };
  await done(system, system.ask(noteAt("a"), { word: "one" }, key));
  await system.schedule.advance(23 * 3_600_000);
  const again = await done(system, system.ask(noteAt("a"), { word: "one" }, key));

  await system.schedule.advance(4 * 3_600_000);
  const anew = await done(system, system.ask(noteAt("a"), { word: "two" }, key));

  expect(again).toBe("one");
  expect(anew).toBe("one two");
  expect(system.disk.rows.filter(({ key: at }) => /^[ky]\//.test(at))).toHaveLength(2);
});

test("a run cancelled before it was released ends cancelled without being called", async () => {
  let calls = 0;
  const echo = defineRun<unknown, unknown, unknown>({
    kind: "echo",
    run: async () => {
      calls += 1;
    },
  });
  const system = await begin([desk, echo]);
  const frames = system.stream(deskAt(), { type: "start", kind: "echo", held: true });
  await system.schedule.advance(100);
  const run =
    system.disk.rows.find(({ key }) => key.startsWith("n/tn_1/"))?.key.split("/")[2] ?? "";
  await done(system, system.ask(deskAt(), { type: "cancel", run }));

  expect(last(await frames)).toMatchObject({ outcome: { status: "cancelled" } });
  expect(calls).toBe(0);
});
