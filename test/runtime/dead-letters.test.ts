// Dead letters: kept with their error, replayed once whatever happens, bounded for each tenant.

import { expect, test } from "vitest";
import { defineActor } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { listLetters } from "../../runtime/door/letter-list.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import { keys } from "../../runtime/store/keys.ts";
import { TestSystem, type TestSystemOptions } from "../../runtime/testkit/test-system.ts";
import { askingDesk } from "../support/asking-desk.ts";

type Message = { readonly word: string } | { readonly to: Address; readonly word: string };

/** Whether the message "bad" fails: changed by tests as an operator repairs a cause. */
const world = { isBroken: true };

const note = defineActor<readonly string[], Message>({
  kind: "note",
  version: 1,
  initial: () => [],
  receive(state, message, turn) {
    if ("to" in message) {
      turn.send(message.to, { word: message.word });
      turn.reply("sent");
      return state;
    }
    if (message.word.startsWith("bad") && world.isBroken) throw new TypeError("out of order");
    const words = [...state, message.word];
    turn.reply(words.join(" "));
    return words;
  },
});

const noteAt = (root: string): Address => address({ kind: "note", tenant: "tn_1", root });

async function begin(options: Partial<TestSystemOptions> = {}): Promise<TestSystem> {
  world.isBroken = true;
  const system = new TestSystem({ seed: 1, definitions: [note], ...options });
  await system.start();
  return system;
}

async function done<T>(system: TestSystem, promise: Promise<T>, ms = 20_000): Promise<T> {
  await system.schedule.advance(ms);
  return promise;
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "done",
    (error: RuntimeError) => error.code,
  );

const lettersOf = (system: TestSystem, limit = 100) =>
  listLetters(system.disk.connect(), "tn_1", { limit });

const counted = (system: TestSystem, name: string): number =>
  system.kernelOf(noteAt("a"))?.inspect().counters[name] ?? 0;

test("a letter says what failed, where, how often, who sent it and on whose trace", async () => {
  const system = await begin();
  const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

  const asked = system.ask(noteAt("b"), { to: noteAt("a"), word: "bad" }, undefined, trace);
  await done(system, asked);

  expect(await lettersOf(system)).toMatchObject([
    {
      ...{ tenant: "tn_1", kind: "note", to: noteAt("a"), from: noteAt("b"), trace },
      ...{ message: { word: "bad" }, failures: 5, replays: 0, history: [] },
      error: { code: "INTERNAL", message: "out of order" },
    },
  ]);
  const [letter] = await lettersOf(system);
  expect(letter?.stack?.[0]).toMatch(/receive.*dead-letters\.test\.[jt]s:\d+/);
  expect(letter?.stack?.join(" ")).not.toContain("/");
});

test("a replayed letter is applied once, although the operator says so three times", async () => {
  const system = await begin();
  await done(system, system.send(noteAt("a"), { word: "bad" }));
  const [letter] = await lettersOf(system);
  const replay = { type: "replay", letter: letter?.id ?? "" } as const;
  world.isBroken = false;

  const both = [system.operate(noteAt("a"), replay), system.operate(noteAt("a"), replay)];
  const codes = await done(system, Promise.all(both.map(codeOf)));
  const late = await done(system, codeOf(system.operate(noteAt("a"), replay)));

  expect(codes.sort()).toEqual(["NOT_FOUND", "done"]);
  expect(late).toBe("NOT_FOUND");
  expect(await done(system, system.ask(noteAt("a"), { word: "end" }))).toBe("bad end");
  expect(await lettersOf(system)).toEqual([]);
});

test("a crash at any write of a replay leaves the letter or its message, and applies it once", async () => {
  const reached = new Set<boolean>();
  for (let commit = 1; commit <= 8; commit += 1) {
    const system = await begin({ seed: commit });
    await done(system, system.send(noteAt("a"), { word: "bad" }));
    const [letter] = await lettersOf(system);
    const replay = { type: "replay", letter: letter?.id ?? "" } as const;
    world.isBroken = false;
    system.disk.crashAfter(system.disk.commits + commit);

    system.operate(noteAt("a"), replay).catch(() => undefined);
    await system.schedule.advance(20_000);
    reached.add(system.crashes > 0);
    system.disk.crashAfter(Number.POSITIVE_INFINITY);
    if (system.crashes > 0) {
      await system.start();
      await done(system, codeOf(system.operate(noteAt("a"), replay)));
    }

    expect(await done(system, system.ask(noteAt("a"), { word: "end" }))).toBe("bad end");
    expect(await lettersOf(system)).toEqual([]);
  }
  expect(reached).toEqual(new Set([true, false]));
});

test("a letter that comes back goes on counting, and cannot be replayed for ever", async () => {
  const system = await begin({ limits: { letterReplaysMax: 2 } });
  await done(system, system.send(noteAt("a"), { word: "bad" }));

  const codes: string[] = [];
  for (let time = 0; time < 3; time += 1) {
    const [letter] = await lettersOf(system);
    const replay = { type: "replay", letter: letter?.id ?? "" } as const;
    codes.push(await done(system, codeOf(system.operate(noteAt("a"), replay))));
  }

  expect(codes).toEqual(["done", "done", "CONFLICT"]);
  const error = { code: "INTERNAL", message: "out of order" };
  expect(await lettersOf(system)).toMatchObject([
    {
      ...{ failures: 15, replays: 2 },
      history: [
        { failures: 5, error },
        { failures: 5, error },
      ],
    },
  ]);
});

test("who waits is told that a message is given up, and nothing of what a programmer's error says", async () => {
  const system = await begin();

  const told = system.ask(noteAt("a"), { word: "bad" }).catch((error: RuntimeError) => error);

  expect(await done(system, told)).toMatchObject({
    code: "DEAD_LETTER",
    message: "The message failed 5 times and was set aside.",
  });
});

/** A keyed question that came too late: its letter, and what its client and an operator may do then. */
async function lateQuestion() {
  const system = await begin();
  const ahead = Array.from({ length: 280 }, (_, at) =>
    system.send(noteAt("a"), { word: `bad${at}` }),
  );
  await system.schedule.advance(1); // They are on disk, and first.
  const key = { source: "http", key: "k1", bodyHash: "h", hours: 24 };
  const say = () => codeOf(system.ask(noteAt("a"), { word: "late" }, key));
  const first = say();
  await done(system, Promise.all(ahead), 3_600_000);
  expect(await first).toBe("DEADLINE");
  const letters = await lettersOf(system);
  const letter = letters.find(({ message }) => (message as { word: string }).word === "late");
  const replay = { type: "replay", letter: letter?.id ?? "" } as const;
  return {
    say: () => done(system, say()),
    replay: () => done(system, codeOf(system.operate(noteAt("a"), replay))),
    words: () => done(system, system.ask(noteAt("a"), { word: "end" })),
  };
}

test("a late message that its client has sent again is not applied once more by a replay", async () => {
  const { say, replay, words } = await lateQuestion();

  expect(await say()).toBe("done");

  expect(await replay()).toBe("CONFLICT");
  expect(await words()).toBe("late end");
});

test("a late message that was replayed is not applied once more when its client sends it again", async () => {
  const { say, replay, words } = await lateQuestion();

  expect(await replay()).toBe("done");

  expect(await say()).toBe("CONFLICT");
  expect(await say()).toBe("CONFLICT");
  expect(await words()).toBe("late end");
});

test("a discarded letter is gone and its message is not applied", async () => {
  const system = await begin();
  await done(system, system.send(noteAt("a"), { word: "bad" }));
  const [letter] = await lettersOf(system);
  world.isBroken = false;

  await done(system, system.operate(noteAt("a"), { type: "discard", letter: letter?.id ?? "" }));

  expect(await lettersOf(system)).toEqual([]);
  expect(await done(system, system.ask(noteAt("a"), { word: "end" }))).toBe("end");
});

test("a tenant's letters are bounded: the oldest are dropped and counted", async () => {
  const system = await begin({ limits: { deadLettersMax: 3, failuresMax: 1 }, workers: 1 });

  for (let n = 0; n < 7; n += 1) {
    await done(system, system.send(noteAt("a"), { word: `bad${n}` }), 100);
  }

  const words = (await lettersOf(system)).map((letter) => letter.message);
  expect(words).toEqual([{ word: "bad6" }, { word: "bad5" }, { word: "bad4" }]);
  expect(counted(system, "deadLettersDropped")).toBe(4);
});

test("a letter whose batch is refused for another's fault is written again, once", async () => {
  const cash = defineActor<null, unknown>({
    kind: "cash",
    version: 1,
    initial: () => null,
    receive(state, _message, turn) {
      turn.add("coins", -1, { min: 0, otherwise: { code: "CONFLICT", message: "No coins." } });
      return state;
    },
  });
  const cashAt = address({ kind: "cash", tenant: "tn_1", root: "c" });
  let refused = 0;
  for (let seed = 1; seed <= 20; seed += 1) {
    const limits = { failuresMax: 1 };
    const system = await begin({ seed, definitions: [note, cash], workers: 1, limits });
    const other = system.disk.connect();
    const key = keys.counter("tn_1", "coins");
    const put = other.commit({ ops: [{ op: "add", key, delta: 1 }] });
    await done(system, put.committed, 10);

    const sent = system.send(noteAt("a"), { word: "bad" });
    const asked = codeOf(system.ask(cashAt, "take"));
    // Whether this comes between the turn's look at the counter and its commit is the seed's.
    other.commit({ ops: [{ op: "add", key, delta: -1 }] });
    await done(system, sent);
    await asked;

    refused += counted(system, "refusedBatches");
    expect(await lettersOf(system)).toHaveLength(1);
    expect(system.disk.rows.filter((row) => row.key.startsWith("i/"))).toEqual([]);
  }
  expect(refused).toBeGreaterThan(0);
});

test("an ask that nobody can handle ends at once with an error, and its letter names the run", async () => {
  const system = await begin({ definitions: [note, ...askingDesk("bad")] });

  const frames = await done(
    system,
    system.stream(address({ kind: "desk", tenant: "tn_1", root: "d" }), { start: noteAt("a") }),
  );

  expect(frames.at(-1)).toMatchObject({
    outcome: { status: "failed", error: { code: "DEAD_LETTER" } },
  });
  expect(await lettersOf(system)).toMatchObject([{ ask: { step: "question" }, to: noteAt("a") }]);
});
