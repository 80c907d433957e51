// The machine's clock is set while the system runs or is down: messages stay in order, reminders
// come at their time and once, and who waits is answered in time.

import { afterAll, expect, onTestFinished, test, vi } from "vitest";
import { defineActor } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";
import { at, startTestSystem, stopAll } from "../support/threads-system.ts";

const HOUR_MS = 3_600_000;

afterAll(stopAll);

/** What the actors of one test share with it. */
interface World {
  isBlocked: boolean;
  readonly taken: number[];
  readonly rang: number[];
}

function definitions(world: World) {
  const relay = defineActor<null, { to: Address; n: number }>({
    kind: "relay",
    version: 1,
    initial: () => null,
    receive(state, { to, n }, turn) {
      turn.send(to, { type: "take", n });
      turn.reply("sent");
      return state;
    },
  });
  const taker = defineActor<null, { type: "take" | "remind" | "rang"; n: number }>({
    kind: "taker",
    version: 1,
    initial: () => null,
    receive(state, message, turn) {
      if (message.type === "remind") turn.remind("bell", message.n, { type: "rang", n: message.n });
      else if (message.type === "rang") world.rang.push(turn.nowMs);
      else if (world.isBlocked) throw new Error("not yet");
      else world.taken.push(message.n);
      turn.reply("done");
      return state;
    },
  });
  return [relay, taker];
}

const newWorld = (): World => ({ isBlocked: false, taken: [], rang: [] });
const one = (kind: string, root: string): Address => address({ kind, tenant: "tn_1", root });

for (const where of ["r1", "r2", "r3"]) {
  test(`messages stay in order when the clock goes back across a restart (${where})`, async () => {
    const world = newWorld();
    const system = new TestSystem({ seed: 7, definitions: definitions(world), workers: 2 });
    const [from, to] = [one("relay", where), one("taker", "t1")];
    const sendTo = async (first: number): Promise<void> => {
      for (let n = first; n < first + 5; n += 1) {
        const sent = system.ask(from, { to, n });
        await system.schedule.advance(1);
        await sent;
      }
    };
    await system.start();

    world.isBlocked = true;
    await sendTo(1);
    system.crash("process");
    system.schedule.jump(-HOUR_MS);
    await system.start();
    await sendTo(6);
    system.crash("process");
    world.isBlocked = false;
    await system.start();
    await system.schedule.advance(60_000);

    expect(world.taken).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
}

async function withReminder(
  world: World,
  inMs: number,
): Promise<{ system: TestSystem; atMs: number }> {
  const system = new TestSystem({ seed: 3, definitions: definitions(world), workers: 2 });
  await system.start();
  const atMs = system.schedule.nowMs + inMs;
  const asked = system.ask(one("taker", "t1"), { type: "remind", n: atMs });
  await system.schedule.advance(10);
  await asked;
  return { system, atMs };
}

test("a reminder is not early when the clock goes back an hour, and comes once", async () => {
  const world = newWorld();
  const { system, atMs } = await withReminder(world, 60_000);

  system.schedule.jump(-HOUR_MS);
  await system.schedule.advance(HOUR_MS);
  const early = [...world.rang];
  await system.schedule.advance(HOUR_MS);

  expect(early).toEqual([]);
  expect(world.rang.length).toBe(1);
  expect(world.rang[0]).toBeGreaterThanOrEqual(atMs);
});

for (const inMs of [5 * 60_000, 20 * HOUR_MS]) {
  test(`a reminder due in ${inMs} ms comes soon after the clock went forward a day, and once`, async () => {
    const world = newWorld();
    const { system } = await withReminder(world, inMs);

    system.schedule.jump(24 * HOUR_MS);
    await system.schedule.advance(61_000);
    const soon = world.rang.length;
    await system.schedule.advance(HOUR_MS);

    expect([soon, world.rang.length]).toEqual([1, 1]);
  });
}

test("a step of the network's time moves a reminder by no more than the step", async () => {
  const world = newWorld();
  const { system, atMs } = await withReminder(world, 60_000);

  for (const byMs of [400, -300, 200]) {
    system.schedule.jump(byMs);
    await system.schedule.advance(5_000);
  }
  await system.schedule.advance(60_000);

  expect(world.rang.length).toBe(1);
  expect(Math.abs((world.rang[0] ?? 0) - atMs)).toBeLessThanOrEqual(1_000);
});

test("a message that waits for its turn is handled though the clock goes forward an hour", async () => {
  const world = newWorld();
  const system = new TestSystem({ seed: 5, definitions: definitions(world), workers: 2 });
  await system.start();
  const taker = one("taker", "t1");

  world.isBlocked = true;
  const first = system.ask(taker, { type: "take", n: 1 });
  await system.schedule.advance(5);
  const second = system.ask(taker, { type: "take", n: 2 });
  await system.schedule.advance(5);
  world.isBlocked = false;
  system.schedule.jump(HOUR_MS);
  await system.schedule.advance(10_000);

  expect(await Promise.all([first, second])).toEqual(["done", "done"]);
  expect(world.taken).toEqual([1, 2]);
});

test("an actor hibernates in its time though the clock goes back an hour", async () => {
  const world = newWorld();
  const system = new TestSystem({ seed: 5, definitions: definitions(world), workers: 1 });
  await system.start();
  const asked = system.ask(one("taker", "t1"), { type: "take", n: 1 });
  await system.schedule.advance(10);
  await asked;

  system.schedule.jump(-HOUR_MS);
  await system.schedule.advance(10 * 60_000);

  expect(system.kernelOf(one("taker", "t1"))?.inspect().cells).toBe(0);
});

test("who waits at the door is told in time when the clock goes back an hour", async () => {
  const { system } = await startTestSystem({ workers: 1, watchdogMs: 5_000 });
  const busy = at("counter", "r1");
  await system.ask(busy, { type: "all" });
  system.tell(busy, { type: "spin" });
  const beganMs = performance.now();
  const asked = system.ask(busy, { type: "all" }, { timeoutMs: 500 });

  const real = Date.now();
  const clock = vi.spyOn(Date, "now").mockImplementation(() => real - HOUR_MS);
  onTestFinished(() => clock.mockRestore());

  await expect(asked).rejects.toMatchObject({ code: "DEADLINE" });
  expect(performance.now() - beganMs).toBeLessThan(20_000);
});
