// What a refused commit batch costs: only the turn whose condition failed. Two workers race for the
// last of a balance while runs on both store steps in the same batches.

import { expect, test } from "vitest";
import { type Data, defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { type Address, address, addressParts, shardOfAddress } from "../../runtime/address.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import type { Frame } from "../../runtime/frame.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

const WORKERS = 2;
const STEPS = 6;
const SEEDS = 60;
/** Every steering message is taken once, in the order of sending. */
const ENDED = "completed [1,2,3,4,5,6]";

type PurseMessage = { readonly type: "give" | "spend"; readonly purse: string };

const purse = defineActor<{ spent: number }, PurseMessage>({
  kind: "purse",
  version: 1,
  initial: () => ({ spent: 0 }),
  receive(state, { type, purse: name }, turn) {
    if (type === "give") {
      turn.add(name, 1);
      return state;
    }
    const otherwise = { code: "BALANCE_EXHAUSTED", message: "Nothing is left." } as const;
    turn.add(name, -1, { min: 0, otherwise });
    turn.reply("spent");
    return { spent: state.spent + 1 };
  },
});

const desk = defineActor<{ ended: readonly string[] }, { type: "start" } | RunEnded>({
  kind: "desk",
  version: 1,
  initial: () => ({ ended: [] }),
  receive(state, message, turn) {
    if (message.type === "run-ended") {
      const { outcome } = message;
      turn.reply(outcome.status === "completed" ? outcome.result : null);
      return { ended: [...state.ended, message.run] };
    }
    const { root } = addressParts(turn.self);
    const run = turn.startRun({ kind: "work", input: { name: turn.self, root } });
    turn.reply({ run }, { follow: run });
    return state;
  },
});

/** Answers what a run asks. */
const oracle = defineActor<{ asked: number }, string>({
  kind: "oracle",
  version: 1,
  initial: () => ({ asked: 0 }),
  receive(state, message, turn) {
    turn.reply(`${message}!`);
    return { asked: state.asked + 1 };
  },
});

/** An actor of a kind that lives on this worker. */
function on(worker: number, kind: string, name: string): Address {
  for (let n = 0; ; n += 1) {
    const found = address({ kind, tenant: "tn_1", root: `${name}${n}` });
    if (shardOfAddress(found) % WORKERS === worker) return found;
  }
}

interface Story {
  readonly system: TestSystem;
  readonly calls: ReadonlyMap<string, number>;
  readonly spends: readonly string[];
  /** How each run ended, for its viewer. */
  readonly ends: readonly string[];
}

/** Runs on both workers; while each step is performed, both workers spend the last of a purse. */
async function race(seed: number, repeat: "safe" | "never"): Promise<Story> {
  const calls = new Map<string, number>();
  const spends: Promise<string>[] = [];
  const spend = (name: string): void => {
    for (const worker of [0, 1]) {
      const spent = system.ask(on(worker, "purse", name), { type: "spend", purse: name });
      spends.push(spent.then(String, (error: RuntimeError) => error.code));
    }
  };
  const work = defineRun<{ name: string; root: string }, Data, unknown>({
    kind: "work",
    async run({ name, root }, context) {
      for (let step = 1; step <= STEPS; step += 1) {
        const call = `${name}-${step}`;
        const perform = async (): Promise<number> => {
          calls.set(call, (calls.get(call) ?? 0) + 1);
          spend(name.includes("/d0") ? `a${step}` : `b${step}`);
          const run = { tenant: "tn_1", root, run: context.id };
          void system.control(run, { type: "steer", value: step });
          for (let wait = 0; wait < seed % 4; wait += 1) {
            await new Promise<void>((resolve) => system.schedule.defer("door", resolve));
          }
          return step;
        };
        await context.step(`step:${step}`, perform, { repeat });
        if (step === 2) await context.ask("ask", on(seed % WORKERS, "oracle", "o"), "who");
      }
      await context.sleep("until all is taken", 1_000);
      return await context.steered("all");
    },
  });
  const definitions = [purse, desk, oracle, work];
  const system = new TestSystem({ seed, definitions, workers: WORKERS });
  await system.start();
  for (let step = 1; step <= STEPS; step += 1) {
    for (const name of [`a${step}`, `b${step}`]) {
      void system.ask(on(0, "purse", name), { type: "give", purse: name });
    }
  }
  await system.schedule.advance(100);
  const ends = ["not ended", "not ended"];
  for (const worker of [0, 1]) {
    const stream = system.stream(on(worker, "desk", `d${worker}`), { type: "start" });
    stream.then(
      (frames) => {
        ends[worker] = endOf(frames);
      },
      (error: RuntimeError) => {
        ends[worker] = error.code;
      },
    );
  }
  await system.schedule.advance(10_000);
  return { system, calls, spends: await Promise.all(spends), ends };
}

function endOf(frames: readonly Frame[]): string {
  const end = frames.at(-1);
  if (end?.type !== "end") return "no end";
  const { outcome } = end;
  // A completed result lies in the parent's message: the desk replies with it.
  return `${outcome.status} ${JSON.stringify(end.reply)}`;
}

/** Writes, and tells everybody so. */
const herald = defineActor<{ said: number }, { name: string; ears: readonly Address[] }>({
  kind: "herald",
  version: 1,
  initial: () => ({ said: 0 }),
  receive({ said }, { name, ears }, turn) {
    for (const ear of ears) turn.tell(ear, `${name} says`);
    // What is told after a message that is sent goes another way.
    if (ears.length > 0) turn.send(turn.self, { name, ears: [] });
    for (const ear of ears) turn.tell(ear, `${name} repeats`);
    turn.reply("said");
    return { said: said + 1 };
  },
});

/** Two workers race for the last of a purse; a herald of each writes into the same batches. */
async function raceOfHeralds(seed: number): Promise<{ system: TestSystem; heard: string[] }> {
  const heard: string[] = [];
  const ear = defineActor<null, string>({
    kind: "ear",
    version: 1,
    initial: () => null,
    receive(state, message, turn) {
      heard.push(`${addressParts(turn.self).root} ${message}`);
      return state;
    },
  });
  const system = new TestSystem({ seed, definitions: [purse, herald, ear], workers: WORKERS });
  await system.start();
  await Promise.all([
    system.ask(on(0, "purse", "p"), { type: "give", purse: "p" }),
    system.schedule.advance(100),
  ]);
  const ears = [on(0, "ear", "e"), on(1, "ear", "e")];
  const asked = [0, 1].flatMap((worker) => [
    system.ask(on(worker, "herald", "h"), { name: `${worker}`, ears }),
    system.ask(on(worker, "purse", "p"), { type: "spend", purse: "p" }).catch(() => null),
  ]);
  await system.schedule.advance(1_000);
  await Promise.all(asked);
  return { system, heard };
}

test("what a turn told is not told again because another turn of its batch was refused", async () => {
  let refused = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { system, heard } = await raceOfHeralds(seed);
    refused += refusals(system);

    expect({ seed, heard: heard.length }).toEqual({ seed, heard: new Set(heard).size });
    expect(heard).toHaveLength(8);
  }
  expect(refused).toBeGreaterThan(SEEDS / 10);
});

/** Reads before its turn, and passes on what it is told to. */
const reader = defineActor<number, { readonly to: Address | null }>({
  kind: "reader",
  version: 1,
  initial: () => 0,
  reads: () => ({ newest: { type: "records", limit: 1, reverse: true } }),
  receive(state, { to }, turn) {
    if (to === turn.self) {
      turn.reply(state);
      return state;
    }
    if (to !== null) turn.send(to, { to: null });
    turn.reply(state + 1);
    return state + 1;
  },
});

test("a message is not handled whose sender's turn was refused while its receiver was reading", async () => {
  const [sender, receiver] = [on(0, "reader", "s"), on(0, "reader", "r")];
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const system = new TestSystem({ seed, definitions: [reader], workers: WORKERS });
    await system.start();
    const told = async (to: Address, message: { to: Address | null }): Promise<unknown> => {
      const answer = system.ask(to, message).catch(({ code }: RuntimeError) => code);
      await system.schedule.advance(1_000);
      return answer;
    };
    // In memory, they need not be read themselves.
    for (const one of [sender, receiver]) expect(await told(one, { to: one })).toBe(0);

    system.disk.isFull = true;
    expect(await told(sender, { to: receiver })).toBe("STORE_FULL");
    system.disk.isFull = false;

    expect(await told(receiver, { to: receiver }), `seed ${seed}`).toBe(0);
  }
});

function refusals(system: TestSystem): number {
  const kernels = [0, 1].map((worker) => system.kernelOf(on(worker, "purse", "p")));
  return kernels.reduce(
    (sum, kernel) => sum + (kernel?.inspect().counters["refusedBatches"] ?? 0),
    0,
  );
}

test.each(["safe", "never"] as const)(
  "a %s step known in memory is not called again because another turn of its batch was refused",
  async (repeat) => {
    let refused = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { system, calls, spends, ends } = await race(seed, repeat);
      refused += refusals(system);
      const spent = spends.filter((one) => one === "spent").length;
      const again = [...calls].filter(([, count]) => count !== 1);

      expect({ seed, spent, again, steps: calls.size, ends }).toEqual({
        seed,
        spent: 2 * STEPS,
        again: [],
        steps: 2 * STEPS,
        ends: [ENDED, ENDED],
      });
    }
    expect(refused).toBeGreaterThan(SEEDS / 10);
  },
);
