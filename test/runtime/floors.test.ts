// A turn that would let a counter fall below its floor: whoever waits is told so at once, nothing is
// spent twice, and nothing is tried for ever, also when the message and its turn share a batch.

import { afterEach, expect, test } from "vitest";
import { type Data, defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { type Address, address, shardOfAddress } from "../../runtime/address.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import type { RunningSystem } from "../../runtime/pool.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { SystemFigures } from "../../runtime/system.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";
import { collect, startTestSystem, stopAll } from "../support/threads-system.ts";

afterEach(stopAll);

const TENANT = "tn_1";
const WORKERS = 2;
const SEEDS = 20;
/** Every answer is there long before a message's deadline. */
const SOON_MS = 500;
const ERROR = { code: "BALANCE_EXHAUSTED", message: "Nothing is left." } as const;

interface Spend {
  readonly type: "spend" | "spend at once" | "wake";
}

/** Spends what all purses share; another spends by way of a reminder that is due already. */
const purse = defineActor<number, Spend>({
  kind: "purse",
  version: 1,
  initial: () => 0,
  receive(state, { type }, turn) {
    if (type === "wake") return state;
    if (type === "spend at once") {
      turn.remind("now", turn.nowMs, { type: "spend" });
      return state;
    }
    turn.add("money", -1, { min: 0, otherwise: ERROR });
    turn.reply("spent");
    return state + 1;
  },
});

const bank = defineActor<null, number>({
  kind: "bank",
  version: 1,
  initial: () => null,
  receive(state, amount, turn) {
    turn.add("money", amount);
    return state;
  },
});

/** Sends a purse what it is told to, and does not wait. */
const payer = defineActor<number, { readonly to: Address; readonly message: Spend }>({
  kind: "payer",
  version: 1,
  initial: () => 0,
  receive(state, { to, message }, turn) {
    turn.send(to, message);
    turn.reply(state + 1);
    return state + 1;
  },
});

type DeskMessage =
  | { readonly type: "start"; readonly ask: Address }
  | { readonly type: "said" }
  | RunEnded;

/** Starts runs that ask; keeps how they ended. */
const desk = defineActor<readonly Data[], DeskMessage>({
  kind: "desk",
  version: 1,
  initial: () => [],
  receive(state, message, turn) {
    if (message.type === "start") turn.startRun({ kind: "asking", input: message.ask });
    else if (message.type === "said") turn.reply(state);
    else if (message.outcome.status === "completed") return [...state, message.outcome.result];
    return state;
  },
});

const asking = defineRun<Address, Data, unknown>({
  kind: "asking",
  async run(to, context) {
    const answer = context.ask("ask", to, { type: "spend" });
    return answer.catch((error: RuntimeError) => error.code);
  },
});

/** The end of its run costs something. */
const shop = defineActor<Data, { readonly type: "start" | "said" } | RunEnded>({
  kind: "shop",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if (message.type === "said") {
      turn.reply(state);
      return state;
    }
    if (message.type === "start") {
      const run = turn.startRun({ kind: "selling", input: null });
      turn.reply({ run }, { follow: run });
      return state;
    }
    turn.add("money", -1, { min: 0, otherwise: ERROR });
    turn.reply("sold");
    return "sold";
  },
});

const selling = defineRun<null, Data, unknown>({ kind: "selling", run: async () => "sold" });

const definitions = [purse, bank, payer, desk, asking, shop, selling];

/** An actor of a kind that lives on this worker. */
function on(worker: number, kind: string, name = "a"): Address {
  for (let n = 0; ; n += 1) {
    const found = address({ kind, tenant: TENANT, root: `${name}${n}` });
    if (shardOfAddress(found) % WORKERS === worker) return found;
  }
}

type Reads = "at once" | "soon" | "later";

/** A system with so much money, and these purses in memory: a message's turn follows at once. */
async function begin(
  of: { readonly seed: number; readonly reads: Reads; readonly money: number },
  purses: readonly Address[],
): Promise<TestSystem> {
  const { seed, reads, money } = of;
  const system = new TestSystem({ seed, definitions, workers: WORKERS, delayMs: 2, reads });
  await system.start();
  if (money > 0) system.tell(on(0, "bank"), money);
  for (const one of purses) system.tell(one, { type: "wake" });
  await system.schedule.advance(100);
  return system;
}

async function said(system: TestSystem, to: Address): Promise<Data> {
  const answer = system.ask(to, { type: "said" });
  await system.schedule.advance(100);
  return answer;
}

/** Batches that were sent, refused ones too. */
function batches(system: TestSystem): number {
  const kernels = [0, 1].map((worker) => system.kernelOf(on(worker, "purse")));
  return kernels.reduce((sum, one) => sum + (one?.inspect().counters["commits"] ?? 0), 0);
}

/** Goes on for a while, or until more than `most` batches have been sent: then something has no end. */
async function settle(system: TestSystem, most: number): Promise<void> {
  const before = batches(system);
  await system.schedule.until(() => batches(system) - before > most, SOON_MS);
  expect(batches(system) - before).toBeLessThanOrEqual(most);
}

/** Waiting messages, reminders and dead letters: what should not be left. */
function left(system: TestSystem): readonly string[] {
  const letters = keys.deadLettersOf(TENANT);
  return system.disk.rows
    .map(({ key }) => key)
    .filter((key) => /^[idm]\//.test(key) || key.startsWith(letters));
}

const ways = [
  { reads: "soon", asked: "its own worker", to: 0 },
  { reads: "soon", asked: "another worker", to: 1 },
  { reads: "later", asked: "its own worker", to: 0 },
  { reads: "later", asked: "another worker", to: 1 },
  { reads: "at once", asked: "its own worker", to: 0 },
  { reads: "at once", asked: "another worker", to: 1 },
] as const;

test.each(ways)(
  "a run that asks an actor on $asked is told that a floor does not hold (reads: $reads)",
  async ({ reads, to }) => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const system = await begin({ seed, reads, money: 0 }, [on(to, "purse")]);
      system.tell(on(0, "desk"), { type: "start", ask: on(to, "purse") });
      await settle(system, 20);

      expect(await said(system, on(0, "desk")), `seed ${seed}`).toEqual([ERROR.code]);
      expect(left(system), `seed ${seed}`).toEqual([]);
    }
  },
);

test.each(ways)(
  "of runs that race for the last of a balance on $asked one has it, the others are told (reads: $reads)",
  async ({ reads, to }) => {
    const racing = 4;
    const each = Array.from({ length: racing }, (_, n) => n);
    const desks = each.map((n) => on(0, "desk", `d${n}-`));
    const purses = each.map((n) => on(n % 2 === 0 ? 0 : to, "purse", `p${n}-`));
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const system = await begin({ seed, reads, money: 1 }, purses);
      for (const [n, one] of desks.entries()) {
        system.tell(one, { type: "start", ask: purses[n] ?? "" });
      }
      await settle(system, 20 * racing);

      const told: Data[] = [];
      for (const one of desks) told.push(await said(system, one));
      const lost = Array.from({ length: racing - 1 }, () => ERROR.code);
      expect(told.flat().sort(), `seed ${seed}`).toEqual([...lost, "spent"]);
      expect(left(system), `seed ${seed}`).toEqual([]);
    }
  },
);

test.each(ways)(
  "a message that a turn sent to $asked and whose floor does not hold is taken once (reads: $reads)",
  async ({ reads, to }) => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const system = await begin({ seed, reads, money: 0 }, [on(to, "purse")]);
      const sent = system.ask(on(0, "payer"), { to: on(to, "purse"), message: { type: "spend" } });
      await settle(system, 20);

      expect(await sent, `seed ${seed}`).toBe(1);
      expect(left(system), `seed ${seed}`).toEqual([]);
    }
  },
);

test.each(["at once", "soon", "later"] as const)(
  "who asks from outside is told that a floor does not hold (reads: %s)",
  async (reads) => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const system = await begin({ seed, reads, money: 1 }, []);
      const asked = [0, 1, 0, 1].map((worker, n) =>
        system
          .ask(on(worker, "purse", `p${n}-`), { type: "spend" })
          .catch((error: RuntimeError) => error.code),
      );
      await settle(system, 40);

      const told = (await Promise.all(asked)).sort();
      expect(told, `seed ${seed}`).toEqual([ERROR.code, ERROR.code, ERROR.code, "spent"]);
    }
  },
);

test.each(["at once", "soon", "later"] as const)(
  "a reminder that is due at once and whose floor does not hold is gone (reads: %s)",
  async (reads) => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const system = await begin({ seed, reads, money: 0 }, [on(0, "purse")]);
      system.tell(on(0, "purse"), { type: "spend at once" });
      await settle(system, 20);

      expect(left(system), `seed ${seed}`).toEqual([]);
    }
  },
);

test.each(["at once", "soon", "later"] as const)(
  "a run ends for its viewer though its parent's turn lets a floor not hold (reads: %s)",
  async (reads) => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const system = await begin({ seed, reads, money: 0 }, []);
      const frames = system.stream(on(0, "shop"), { type: "start" });
      let end: unknown = "none";
      void frames.then((all) => {
        end = all.at(-1)?.type;
      });
      await settle(system, 20);

      expect(end, `seed ${seed}`).toBe("end");
      expect(await said(system, on(0, "shop")), `seed ${seed}`).toBe(null);
      expect(left(system), `seed ${seed}`).toEqual([]);
    }
  },
);

test.each([0, 2])(
  "runs that race for the last of a balance in a folder of LMDB have it once, %i workers",
  { timeout: 30_000 },
  async (workers) => {
    const { system } = await startTestSystem({ workers });
    const [rounds, each, held] = [20, 8, 3];
    for (let round = 0; round < rounds; round += 1) {
      await system.tables.write(TENANT, [{ type: "add", counter: "purses", delta: held }]);
      const before = await commitsOf(system);
      const purses = Array.from({ length: each }, (_, n) => on(n % 2, "purse", `p${n}-`));
      const spending = [0, 1].map((worker) => {
        const message = { type: "start", kind: "spender", input: { purses } };
        return collect(system.stream(on(worker, "desk"), message));
      });
      const told = (await Promise.all(spending)).flatMap((frames) => {
        const end = frames.at(-1);
        return end?.type === "end" ? (end.reply as { result: readonly string[] }).result : [];
      });

      expect(told).toHaveLength(2 * each);
      expect(told.filter((one) => one === "spent")).toHaveLength(held);
      expect(told.filter((one) => one === ERROR.code)).toHaveLength(2 * each - held);
      expect(await system.tables.counter(TENANT, "purses")).toBe(0);
      expect((await commitsOf(system)) - before).toBeLessThan(16 * each);
    }
    expect(await system.deadLetters(TENANT, { limit: 10 })).toEqual([]);
  },
);

async function commitsOf(system: RunningSystem): Promise<number> {
  const { total } = (await system.inspect()) as unknown as SystemFigures;
  return total.counters["commits"] ?? 0;
}
