// A state that cannot be read stops one actor and nothing else, across restarts, until it is repaired
// and released; what was stored for it is kept and handled then.

import { expect, test } from "vitest";
import { type Definition, defineActor } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { listQuarantined } from "../../runtime/door/quarantine-list.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import { encode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";
import { askingDesk } from "../support/asking-desk.ts";

type Message = { readonly word: string };

/** Told by tests to fail: an operator's repair is to make it false. */
const world = { isBroken: true };

const note = defineActor<readonly string[], Message>({
  kind: "note",
  version: 2,
  initial: () => [],
  migrate(state) {
    if (world.isBroken) throw new Error("migration out of order");
    return state as readonly string[];
  },
  receive(state, { word }, turn) {
    const words = [...state, word];
    turn.reply(words.join(" "));
    return words;
  },
});

const noteAt = (root: string): Address => address({ kind: "note", tenant: "tn_1", root });

async function begin(definitions: readonly Definition[] = [note]): Promise<TestSystem> {
  world.isBroken = true;
  const system = new TestSystem({ seed: 1, definitions });
  await system.start();
  return system;
}

async function done<T>(system: TestSystem, promise: Promise<T>, ms = 5_000): Promise<T> {
  await system.schedule.advance(ms);
  return promise;
}

const errorOf = (promise: Promise<unknown>): Promise<RuntimeError | null> =>
  promise.then(
    () => null,
    (error: RuntimeError) => error,
  );

async function put(system: TestSystem, key: string, value: Uint8Array): Promise<void> {
  system.disk.connect().commit({ ops: [{ op: "put", key, value }] });
  await system.schedule.settle();
}

const listed = (system: TestSystem) =>
  listQuarantined(system.disk.connect(), "tn_1", { limit: 10 });

const poisons = [
  ["bytes that are none of ours", new Uint8Array([1, 2, 3]), "FOREIGN_DATA", /format 1/],
  ["an unknown newer version", encode({ version: 9, state: [] }), "STATE_TOO_NEW", /version 9/],
  ["a migration that throws", encode({ version: 1, state: ["old"] }), "INTERNAL", /out of order/],
] as const;

test.each(poisons)(
  "%s: one actor stops, and goes on once repaired and released",
  async (...poison) => {
    const [, bytes, code, message] = poison;
    const system = await begin();
    await put(system, keys.state(noteAt("bad")), bytes);

    const error = await done(system, errorOf(system.ask(noteAt("bad"), { word: "x" })));
    const refused = await done(system, errorOf(system.send(noteAt("bad"), { word: "x" })));
    const other = await done(system, system.ask(noteAt("good"), { word: "one" }));

    // What a programmer's error says is for the operator alone.
    const told = code === "INTERNAL" ? /^"note:tn_1\/bad" is quarantined\.$/ : message;
    expect(error).toMatchObject({ code: "QUARANTINED", message: expect.stringMatching(told) });
    expect(refused).toMatchObject({ code: "QUARANTINED" });
    expect(other).toBe("one");
    const row = { address: noteAt("bad"), why: "state", error: { code } };
    expect(await listed(system)).toMatchObject([row]);
    expect((await listed(system))[0]?.error.message).toMatch(message);

    // Messages of other actors are stored rows; a restart finds them, and the actor still stopped.
    system.crash("process");
    await put(system, keys.inbox(noteAt("bad"), "0000000000100"), inboxRow("kept1"));
    await put(system, keys.inbox(noteAt("bad"), "0000000000200"), inboxRow("kept2"));
    await system.start();
    expect(await done(system, system.ask(noteAt("good"), { word: "two" }))).toBe("one two");
    expect(await listed(system)).toMatchObject([row]);
    const early = await done(system, errorOf(system.operate(noteAt("bad"), { type: "release" })));
    expect(early).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(system.kernelOf(noteAt("bad"))?.inspect().quarantined).toBe(1);

    world.isBroken = false;
    if (code !== "INTERNAL") {
      await put(system, keys.state(noteAt("bad")), encode({ version: 2, state: ["new"] }));
    }
    await done(system, system.operate(noteAt("bad"), { type: "release" }));

    const words = await done(system, system.ask(noteAt("bad"), { word: "end" }));
    expect(words).toBe(`${code === "INTERNAL" ? "old" : "new"} kept1 kept2 end`);
    expect(await listed(system)).toEqual([]);
    const twice = await done(system, errorOf(system.operate(noteAt("bad"), { type: "release" })));
    expect(twice).toMatchObject({ code: "NOT_FOUND" });
    system.crash("process");
    await system.start();
    expect(await done(system, system.ask(noteAt("bad"), { word: "more" }))).toMatch(/end more$/);
  },
);

const inboxRow = (word: string): Uint8Array =>
  encode({ message: { word }, from: noteAt("good"), deadlineMs: 0 });

test("a stored message that cannot be read stops its actor, not the start", async () => {
  const system = await begin();
  await done(system, system.ask(noteAt("a"), { word: "one" }));
  system.crash("process");
  await put(system, keys.inbox(noteAt("a"), "0000000000100"), new Uint8Array([7, 7]));
  await system.start();

  expect(await done(system, system.ask(noteAt("b"), { word: "fine" }))).toBe("fine");
  const error = await done(system, errorOf(system.ask(noteAt("a"), { word: "two" })));
  expect(error).toMatchObject({ code: "QUARANTINED" });
  expect(await listed(system)).toMatchObject([{ address: noteAt("a"), why: "message" }]);
});

test("an actor that escalates is stopped after its last failure, and released as it was", async () => {
  const strict = defineActor<number, { readonly bad?: boolean }>({
    kind: "strict",
    version: 1,
    initial: () => 0,
    strategy: "escalate",
    receive(state, { bad }, turn) {
      if (bad) throw new Error("refused by the world");
      turn.reply(state + 1);
      return state + 1;
    },
  });
  const at = address({ kind: "strict", tenant: "tn_1", root: "s" });
  const system = await begin([strict]);
  await done(system, system.ask(at, {}));

  const failing = errorOf(system.ask(at, { bad: true }));
  const behind = errorOf(system.ask(at, {}));
  expect(await done(system, failing, 30_000)).toMatchObject({ code: "DEAD_LETTER" });
  expect(await behind).toMatchObject({ code: "QUARANTINED" });
  system.crash("process");
  await system.start();
  expect(await done(system, errorOf(system.ask(at, {})))).toMatchObject({ code: "QUARANTINED" });

  await done(system, system.operate(at, { type: "release" }));
  expect(await done(system, system.ask(at, {}))).toBe(2);
});

test("a run that asks a stopped actor hears so at once, not at its deadline", async () => {
  const system = await begin([note, ...askingDesk("x")]);
  await put(system, keys.state(noteAt("bad")), encode({ version: 9, state: [] }));

  const deskAt = address({ kind: "desk", tenant: "tn_1", root: "d" });
  const frames = await done(system, system.stream(deskAt, { start: noteAt("bad") }), 1_000);

  expect(frames.at(-1)).toMatchObject({
    outcome: { status: "failed", error: { code: "QUARANTINED" } },
  });
});
