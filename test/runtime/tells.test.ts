// Messages told in memory: their turns share one draft, are timed by samples, and keep every promise
// of a turn.

import { afterEach, expect, test } from "vitest";
import { type ActorDefinition, defineActor, type Turn } from "../../runtime/actor.ts";
import { type Address, address, shardOfAddress } from "../../runtime/address.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";
import { type OneKernel, startOneKernel } from "../support/one-kernel.ts";

const at = (kind: string, root = "a"): Address => address({ kind, tenant: "tn_1", root });
const open: OneKernel[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.stop();
});

async function start(definitions: readonly unknown[]): Promise<OneKernel> {
  const one = await startOneKernel({ definitions: definitions as readonly ActorDefinition[] });
  open.push(one);
  return one;
}

/** Tells its messages on, one by one, and answers. */
const teller = defineActor<null, { to: Address; messages: readonly unknown[]; fails?: boolean }>({
  kind: "teller",
  version: 1,
  initial: () => null,
  receive(state, { to, messages, fails }, turn) {
    for (const message of messages) turn.tell(to, message);
    if (fails) throw new Error("on purpose");
    turn.reply("told");
    return state;
  },
});

/** Keeps what it is told outside of its state: nothing of its turns is written. */
function listener(heard: unknown[], onMessage?: (turn: Turn, message: unknown) => void) {
  return defineActor<null, unknown>({
    kind: "listener",
    version: 1,
    initial: () => null,
    receive(state, message, turn) {
      onMessage?.(turn, message);
      heard.push(message);
      return state;
    },
  });
}

test("tells arrive in their order, nothing is committed for them, and each turn is counted", async () => {
  const heard: unknown[] = [];
  const one = await start([teller, listener(heard)]);
  const before = one.kernel.inspect();
  const messages = Array.from({ length: 1_000 }, (_, n) => n);

  await one.ask(at("teller"), { to: at("listener"), messages });
  await expect.poll(() => heard.length).toBe(1_000);

  const after = one.kernel.inspect();
  expect(heard).toEqual(messages);
  expect(after.counters["rows"]).toBe(before.counters["rows"]);
  expect(after.counters["turns"]).toBe(1_001);
  const timed = after.kinds["listener"]?.turnMs.counts.reduce((sum, count) => sum + count, 0) ?? 0;
  // The last sample stands for at most 64 turns that are still to come.
  expect(Math.abs(timed - 1_000)).toBeLessThanOrEqual(64);
});

test("each of many turns in a row tells what it was asked to, and nothing of the one before", async () => {
  const heard: unknown[] = [];
  const relay = listener([], (turn, message) => {
    if (Number(message) % 3 === 0) turn.tell(at("listener"), message);
  });
  const one = await start([teller, { ...relay, kind: "relay" }, listener(heard)]);
  const messages = Array.from({ length: 60 }, (_, n) => n);

  await one.ask(at("teller"), { to: at("relay"), messages });
  await expect.poll(() => one.kernel.inspect().waiting).toBe(0);
  await expect.poll(() => heard.length).toBeGreaterThanOrEqual(20);

  expect(heard).toEqual(messages.filter((n) => n % 3 === 0));
});

test("a turn that its handler kept can do nothing once it is over", async () => {
  const heard: unknown[] = [];
  let kept: Turn | undefined;
  const keeper = listener(heard, (turn) => {
    kept = turn;
  });
  const one = await start([teller, keeper]);
  await one.ask(at("teller"), { to: at("listener"), messages: ["first"] });
  await expect.poll(() => heard.length).toBe(1);

  expect(() => kept?.tell(at("listener"), "late")).toThrow("This turn is over");
  expect(() => kept?.send(at("listener"), "late")).toThrow("This turn is over");
  expect(() => kept?.put("key", 1)).toThrow("This turn is over");
  expect(() => kept?.reply("late")).toThrow("This turn is over");
  await one.ask(at("teller"), { to: at("listener"), messages: ["second"] });
  await expect.poll(() => heard.length).toBe(2);
  expect(heard).toEqual(["first", "second"]);
});

test("a turn that throws tells nobody", async () => {
  const heard: unknown[] = [];
  const one = await start([teller, listener(heard)]);

  const failing = one.ask(at("teller"), { to: at("listener"), messages: ["lost"], fails: true });
  await expect(failing).rejects.toMatchObject({ code: "DEAD_LETTER" });
  await one.ask(at("teller"), { to: at("listener"), messages: ["kept"] });
  await expect.poll(() => heard.length).toBeGreaterThan(0);

  expect(heard).toEqual(["kept"]);
});

test("a tell whose turn throws is tried again, and what its turn wrote is there once", async () => {
  let calls = 0;
  const heard: unknown[] = [];
  const writer = listener(heard, (turn, message) => {
    calls += 1;
    turn.add("seen", 1);
    turn.tell(at("listener", "b"), `heard ${message}`);
    if (calls === 1) throw new Error("on purpose");
  });
  const quiet = { ...writer, kind: "writer" };
  const one = await start([teller, quiet, listener(heard)]);

  await one.ask(at("teller"), { to: at("writer"), messages: ["hello"] });
  await expect.poll(() => heard.length).toBe(2);

  expect(heard.toSorted()).toEqual(["heard hello", "hello"]);
  expect(calls).toBe(2);
  expect(one.kernel.inspect().counters["turnFailures"]).toBe(1);
});

test("a turn's tells to actors of another worker arrive in their order", async () => {
  const heard: unknown[] = [];
  const system = new TestSystem({
    seed: 1,
    definitions: [teller, listener(heard)] as unknown as ActorDefinition[],
  });
  await system.start();
  const [from, to] = [0, 1].map((worker) =>
    ["a", "b", "c", "d", "e", "f", "g", "h"].find(
      (root) => shardOfAddress(at("listener", root)) % 2 === worker,
    ),
  );
  const messages = Array.from({ length: 100 }, (_, n) => n);

  const answer = system.ask(at("teller", from), { to: at("listener", to), messages });
  await system.schedule.settle();

  expect(await answer).toBe("told");
  expect(heard).toEqual(messages);
});

test("in whatever order actors are told, and after one has left memory, each hears what is its own", async () => {
  const heard = new Map<Address, unknown[]>();
  const herald = defineActor<null, readonly (readonly [Address, number])[]>({
    kind: "herald",
    version: 1,
    initial: () => null,
    receive(state, pairs, turn) {
      for (const [to, message] of pairs) turn.tell(to, message);
      turn.reply("told");
      return state;
    },
  });
  const hearer = { ...listener([]), idleMs: 1_000 };
  hearer.receive = (state, message, { self }) => {
    heard.set(self, [...(heard.get(self) ?? []), message]);
    return state;
  };
  const system = new TestSystem({
    seed: 1,
    workers: 1,
    definitions: [herald, hearer] as unknown as ActorDefinition[],
  });
  await system.start();
  const roots = ["a", "b", "c", "d", "e"].map((root) => at("listener", root));
  const expected = new Map<Address, unknown[]>();
  let said = 0;
  const tellAll = async (order: readonly number[]): Promise<void> => {
    const pairs = order.map((n, place) => [roots[n] ?? "", said + place] as const);
    said += order.length;
    for (const [to, message] of pairs) expected.set(to, [...(expected.get(to) ?? []), message]);
    const answer = system.ask(at("herald"), pairs);
    await system.schedule.settle();
    expect(await answer).toBe("told");
  };

  await tellAll([0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
  await tellAll([4, 4, 2, 0, 1, 3, 1]);
  await tellAll([0, 1, 2, 3, 4]);
  // Only the fourth stays in memory: the door speaks with it, and nobody is told anything.
  for (let round = 0; round < 20; round += 1) {
    const to = roots[3] ?? "";
    system.tell(to, `round ${round}`);
    expected.get(to)?.push(`round ${round}`);
    await system.schedule.advance(600);
  }
  await tellAll([3, 4]);
  await system.schedule.advance(60_000);
  await tellAll([3, 4, 0]);

  expect(heard).toEqual(expected);
});
