// What one turn may store: a turn at a limit is stored whole, one over it leaves nothing, whoever waits
// is told what, where and which limit, and the actor goes on.

import { expect, test } from "vitest";
import { defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { listLetters } from "../../runtime/door/letter-list.ts";
import type { KernelLimits } from "../../runtime/kernel/kernel-port.ts";
import { makeRow } from "../../runtime/kernel/post.ts";
import { encode } from "../../runtime/store/codec.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";
import { startOneKernel } from "../support/one-kernel.ts";

const TENANT = "tn_1";
const LIMIT = 100_000;
const MIB = 1024 * 1024;
/** What a message counts as beside its row. */
const SEND_BYTES = 128;

type Message =
  | { readonly type: "keep"; readonly chars: number }
  | { readonly type: "send"; readonly times: number; readonly chars: number }
  | { readonly type: "start"; readonly chars: number }
  | { readonly type: "answer"; readonly chars: number }
  | { readonly type: "look" }
  | RunEnded
  | string;

interface Kept {
  readonly text: string;
  readonly got: number;
}

const text = (chars: number): string => "x".repeat(chars);

const keeper = defineActor<Kept, Message>({
  kind: "keeper",
  version: 1,
  initial: () => ({ text: "", got: 0 }),
  receive(state, message, turn) {
    if (typeof message === "string") return { ...state, got: state.got + 1 };
    switch (message.type) {
      case "keep":
        turn.send(at("other"), "told");
        return { ...state, text: text(message.chars) };
      case "send":
        turn.put("sent", message.times);
        for (let time = 0; time < message.times; time += 1) {
          turn.send(at("other"), text(message.chars));
        }
        return state;
      case "start":
        turn.send(at("other"), "told");
        turn.startRun({ kind: "rest", input: text(message.chars) });
        return state;
      case "answer":
        turn.send(at("other"), "told");
        turn.reply(text(message.chars));
        return state;
      case "look":
        turn.reply({ chars: state.text.length, got: state.got });
        return state;
      case "run-ended":
        return state;
    }
  },
});

const rest = defineRun<string, unknown, unknown>({ kind: "rest", run: async () => null });

const at = (root: string): Address => address({ kind: "keeper", tenant: TENANT, root });
const key = { source: "test", key: "k", bodyHash: "h", hours: 1 };

async function begin(limits: Partial<KernelLimits>): Promise<TestSystem> {
  const system = new TestSystem({ seed: 1, definitions: [keeper, rest], limits });
  await system.start();
  return system;
}

async function told(system: TestSystem, promise: Promise<unknown>): Promise<unknown> {
  const end = promise.catch(({ code, message }) => ({ code, message }));
  await system.schedule.advance(5_000);
  return end;
}

const look = (system: TestSystem, root: string) =>
  told(system, system.ask(at(root), { type: "look" }));

const stateBytes = (chars: number): number =>
  encode({ version: 1, state: { text: text(chars), got: 0 } }).byteLength;
const rowBytes = (chars: number): number =>
  makeRow({ to: at("other"), from: at("a"), message: text(chars), deadlineMs: 0 }).value.byteLength;

/** Characters that make something of `size` bytes. */
function charsFor(size: number, of: (chars: number) => number): number {
  const chars = size - (of(size) - size);
  expect(of(chars)).toBe(size);
  return chars;
}

/** Two messages are as large as the limit. */
const half = charsFor(LIMIT / 2 - SEND_BYTES, rowBytes);

test.each<[string, Partial<KernelLimits>, Message, Message, RegExp]>([
  [
    "a state",
    { stateBytes: LIMIT },
    { type: "keep", chars: charsFor(LIMIT, stateBytes) },
    { type: "keep", chars: charsFor(LIMIT, stateBytes) + 1 },
    /The state of keeper:tn_1\/a would have 100001 bytes; the limit is 100000\./,
  ],
  [
    "the number of messages",
    { turnSends: 20 },
    { type: "send", times: 20, chars: 1 },
    { type: "send", times: 21, chars: 1 },
    /A turn of keeper:tn_1\/a sent or started more than 20 messages and runs\./,
  ],
])("%s is stored at its limit, and refused with the whole turn one over it", async (...of) => {
  const [, limits, most, over, message] = of;
  const system = await begin(limits);

  const first = await told(system, system.ask(at("a"), most));
  const before = [await look(system, "a"), await look(system, "other")];
  const refused = await told(system, system.ask(at("a"), over));

  expect(first).toBeUndefined();
  expect(refused).toMatchObject({
    code: "DEAD_LETTER",
    message: expect.stringMatching(message),
  });
  expect([await look(system, "a"), await look(system, "other")]).toEqual(before);
  const [letter] = await listLetters(system.disk.connect(), TENANT, { limit: 10 });
  expect(letter).toMatchObject({ failures: 1, error: { code: "TURN_TOO_LARGE" } });
});

test("what a turn sends is stored up to the limit of all, and refused with the turn's rows over it", async () => {
  // The record that it puts is counted too.
  const record = 64;
  const system = await begin({ turnTotalBytes: LIMIT + record });

  await told(system, system.ask(at("a"), { type: "send", times: 2, chars: half }));
  const first = await look(system, "other");
  const rows = system.disk.rows.length;
  const chars = half + record;
  const refused = await told(system, system.ask(at("a"), { type: "send", times: 2, chars }));

  expect(first).toEqual({ chars: 0, got: 2 });
  expect(refused).toMatchObject({ code: "DEAD_LETTER" });
  expect(refused).toMatchObject({
    message: expect.stringContaining(
      `A turn of ${at("a")} would store more than ${LIMIT + record} bytes`,
    ),
  });
  expect(await look(system, "other")).toEqual(first);
  // One more: the letter.
  expect(system.disk.rows.length).toBe(rows + 1);
});

test.each<[string, Message]>([
  ["the input of a run", { type: "start", chars: LIMIT }],
  ["an answer under a key", { type: "answer", chars: LIMIT }],
  ["a state", { type: "keep", chars: LIMIT }],
])("%s counts to all that a turn stores", async (_, message) => {
  const system = await begin({ turnTotalBytes: LIMIT });
  const small = { ...(message as { type: "keep" }), chars: LIMIT / 2 };

  const first = await told(system, system.ask(at("a"), small, key));
  const refused = await told(system, system.ask(at("a"), message, { ...key, key: "other" }));

  expect(first).not.toMatchObject({ code: expect.anything() });
  expect(refused).toMatchObject({ code: "DEAD_LETTER" });
  expect(await look(system, "other")).toEqual({ chars: 0, got: 1 });
});

test("characters of more than one byte are counted by their bytes", async () => {
  const wide = defineActor<null, string | RunEnded>({
    kind: "keeper",
    version: 1,
    initial: () => null,
    receive(state, message, turn) {
      if (typeof message === "string") turn.startRun({ kind: "rest", input: message });
      return state;
    },
  });
  const limits = { turnTotalBytes: LIMIT };
  const system = new TestSystem({ seed: 1, definitions: [wide, rest], limits });
  await system.start();

  const narrow = await told(system, system.ask(at("a"), "x".repeat(LIMIT / 2)));
  const refused = await told(system, system.ask(at("a"), "語".repeat(LIMIT / 2)));

  expect(narrow).toBeUndefined();
  expect(refused).toMatchObject({ code: "DEAD_LETTER" });
});

test("what no batch could take harms neither its actor nor the others, on a real disk", async () => {
  const one = await startOneKernel({ definitions: [keeper, rest] });
  try {
    const code = (message: Message): Promise<unknown> =>
      one.ask(at("a"), message).then(
        () => "done",
        (error: { code: string }) => error.code,
      );
    const codes = Promise.all([
      code({ type: "keep", chars: MIB }),
      code({ type: "keep", chars: 50 * MIB }),
      code({ type: "send", times: 100, chars: MIB }),
      code({ type: "send", times: 3, chars: MIB }),
    ]);
    const other = await one.ask(at("b"), { type: "keep", chars: 10 });

    expect(other).toBeUndefined();
    expect(await codes).toEqual(["done", "DEAD_LETTER", "DEAD_LETTER", "done"]);
    expect(await one.ask(at("a"), { type: "look" })).toEqual({ chars: MIB, got: 0 });
    const got = (): Promise<unknown> => one.ask(at("other"), { type: "look" });
    await expect.poll(got, { timeout: 10_000 }).toEqual({ chars: 0, got: 5 });
  } finally {
    await one.stop();
  }
});
