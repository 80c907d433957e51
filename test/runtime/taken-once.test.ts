// A stored message can come to its receiver by more than one way: by its wake-up, by a look into the
// inbox, and again from its sender when the batch that held it was refused. It is taken once.

import { expect, test } from "vitest";
import {
  type Data,
  type Definition,
  defineActor,
  defineRun,
  type RunEnded,
} from "../../runtime/actor.ts";
import { type Address, address, shardOfAddress } from "../../runtime/address.ts";
import { TestSystem, type TestSystemOptions } from "../../runtime/testkit/test-system.ts";

const FULL_MS = 700;
const REST_MS = 5_000;
const RUNS = 5;

const at = (kind: "desk" | "reader", root = "r1"): Address =>
  address({ kind, tenant: "tn_1", root });

const READERS = ["r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"].map((root) => at("reader", root));

interface Log {
  readonly taken: readonly Data[];
}

type DeskMessage =
  | { readonly type: "start" | "all" }
  | { readonly type: "steer"; readonly run: string }
  | RunEnded;

/** Starts runs, and keeps how they ended. */
const desk = defineActor<Log, DeskMessage>({
  kind: "desk",
  version: 1,
  initial: () => ({ taken: [] }),
  receive(state, message, turn) {
    switch (message.type) {
      case "start": {
        const run = turn.startRun({ kind: "work", input: null });
        turn.reply({ run });
        return state;
      }
      case "steer":
        turn.steerRun(message.run, "left");
        turn.reply("steered");
        return state;
      case "all":
        turn.reply(state.taken);
        return state;
      case "run-ended": {
        const { outcome } = message;
        return { taken: [...state.taken, outcome.status === "completed" ? outcome.result : null] };
      }
    }
  },
});

/** Reads a record before each turn, so that its messages wait for their reads. */
const reader = defineActor<Log, string>({
  kind: "reader",
  version: 1,
  initial: () => ({ taken: [] }),
  reads: () => ({ newest: { type: "records", limit: 1, reverse: true } }),
  receive(state, message, turn) {
    const { taken } = state;
    turn.reply(message === "all" ? taken : "taken");
    if (message === "all") return state;
    turn.put(String(taken.length), message);
    return { taken: [...taken, message] };
  },
});

const asking = defineRun<null, unknown, unknown>({
  kind: "work",
  async run(_, context) {
    await context.ask("ask", at("reader"), "question");
    return context.id;
  },
});

/** Tells readers in a batch of its own; they are loaded while it is on its way. */
const telling = defineRun<null, unknown, unknown>({
  kind: "work",
  async run(_, context) {
    await context.sleep("rest", 100);
    const tell = (to: Address): Promise<void> => context.send(to, to, "told");
    await Promise.all(READERS.map(tell));
  },
});

const steered = defineRun<null, unknown, unknown>({
  kind: "work",
  async run(_, context) {
    await context.sleep("rest", 1_000);
    return await context.steered("all");
  },
});

async function done<T>(system: TestSystem, promise: Promise<T>, ms = 500): Promise<T> {
  await system.schedule.advance(ms);
  return promise;
}

async function begin(
  work: Definition,
  options: Omit<TestSystemOptions, "definitions">,
): Promise<TestSystem> {
  const system = new TestSystem({ definitions: [desk, reader, work], ...options });
  await system.start();
  return system;
}

function fill(system: TestSystem): void {
  system.disk.isFull = true;
  system.schedule.after("faults", FULL_MS, () => system.disk.makeRoom());
}

test("a message that waits for its reads when its row is refused is taken once", async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    let hasStruck = false;
    const system = await begin(telling, {
      ...{ seed, workers: 1 },
      onWrite: (write, stage) => {
        if (hasStruck || write !== 3 || stage !== "writing") return;
        hasStruck = true;
        fill(system);
      },
    });
    await done(system, system.ask(at("desk"), { type: "start" }));
    await system.schedule.advance(REST_MS);

    const taken = READERS.map((reader) => system.ask(reader, "all"));

    expect(await done(system, Promise.all(taken)), `seed ${seed}`).toEqual(
      READERS.map(() => ["told"]),
    );
  }
});

test("the end of a run that is refused while its shard is taken up is taken once", async () => {
  for (let crash = 3; crash <= 10; crash += 1) {
    for (let seed = 1; seed <= 10; seed += 1) {
      const system = await begin(asking, { seed, workers: 1, delayMs: (seed % 2) * 5 });
      const start = (): unknown => system.ask(at("desk"), { type: "start" }).catch(() => null);
      for (let run = 0; run < RUNS; run += 1) start();
      await system.schedule.until(() => system.disk.commits >= crash, 200);
      system.crash("process");
      fill(system);
      await system.start();
      await system.schedule.advance(REST_MS);

      const asked = system.ask(at("desk"), { type: "all" });

      const taken = (await done(system, asked)) as readonly Data[];
      expect(new Set(taken).size, `seed ${seed}, write ${crash}`).toBe(taken.length);
    }
  }
});

test("what a run was told while its shard moves is taken once", async () => {
  for (let ms = 0; ms < 120; ms += 4) {
    const system = await begin(steered, { seed: ms, delayMs: 60 });
    const { run } = (await done(system, system.ask(at("desk"), { type: "start" }))) as {
      run: string;
    };
    const told = system.ask(at("desk"), { type: "steer", run });
    await system.schedule.advance(ms);
    const shard = shardOfAddress(at("desk"));
    const moved = system.move([shard], 1 - (system.workerOf(shard) ?? 0), 0);
    await done(system, Promise.all([told, moved]), REST_MS);

    const taken = await done(system, system.ask(at("desk"), { type: "all" }));

    expect(taken, `moved after ${ms} ms`).toEqual([["left"]]);
  }
});
