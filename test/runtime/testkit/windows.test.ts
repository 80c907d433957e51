// Windows that random faults seldom hit, tried on purpose under many interleavings: the moment after
// an acknowledgement, batches of the dead that arrive late, two workers at one counter, and a mailbox
// that is held while its shard moves.

import { expect, test } from "vitest";
import { defineActor, defineRun } from "../../../runtime/actor.ts";
import { type Address, address, shardOfAddress } from "../../../runtime/address.ts";
import { TestSystem } from "../../../runtime/testkit/test-system.ts";

const SEEDS = 30;
const FLOOR = -10;

const list = defineActor<readonly string[], { readonly id: string; readonly spend?: number }>({
  kind: "list",
  version: 1,
  initial: () => [],
  receive(state, { id, spend }, turn) {
    if (spend !== undefined) {
      const otherwise = { code: "BALANCE_EXHAUSTED", message: "Not enough." } as const;
      turn.add("money", -spend, { min: FLOOR, otherwise });
    }
    const next = id === "" ? state : [...state, id];
    turn.reply(next);
    return next;
  },
});

/** Tries of `moody` so far, and whether it refuses them. */
const moods = { isBad: false, tries: 0 };

const moody = defineActor<readonly string[], string>({
  kind: "moody",
  version: 1,
  initial: () => [],
  receive(state, message, turn) {
    moods.tries += 1;
    if (moods.isBad) throw new Error("in a bad mood");
    turn.reply(message);
    return [...state, message];
  },
});

const stubborn = defineRun<null, string, unknown>({
  kind: "stubborn",
  async run(_, context) {
    await context.sleep("first", 10);
    // Lets go of nothing: a cancel ends it only when its grace is over.
    await new Promise((resolve) => setTimeout(resolve, 2_147_483_647).unref());
    return "completed";
  },
});

const desk = defineActor<readonly string[], { readonly type: string; readonly outcome?: unknown }>({
  kind: "desk",
  version: 1,
  initial: () => [],
  receive(state, message, turn) {
    if (message.type === "run-ended") {
      return [...state, (message.outcome as { status: string }).status];
    }
    if (message.type === "start") turn.startRun({ kind: "stubborn", id: "rn_1", input: null });
    turn.reply(state);
    return state;
  },
});

const at = (root: string, kind = "list"): Address => address({ kind, tenant: "tn_1", root });

async function begin(seed: number): Promise<TestSystem> {
  const definitions = [list, moody, desk, stubborn] as never;
  const system = new TestSystem({ seed, definitions, delayMs: 80, reads: "at once" });
  await system.start();
  return system;
}

/** What an actor says; the system is driven until it does. */
async function said(system: TestSystem, asked: Promise<unknown>): Promise<unknown> {
  let answer: unknown;
  asked.then(
    (value) => {
      answer = value;
    },
    (error: Error) => {
      answer = error;
    },
  );
  await system.schedule.until(() => answer !== undefined, 100_000);
  return answer;
}

test("what was acknowledged survives power loss in the same moment", async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const system = await begin(seed);
    let isStored = false;
    void system.send(at("a"), { id: "sent" }).then(() => {
      isStored = true;
      system.crash("power");
    });
    await system.schedule.until(() => isStored, 10_000);
    await system.start();

    expect(await said(system, system.ask(at("a"), { id: "" })), `seed ${seed}`).toEqual(["sent"]);
  }
});

test("what was acknowledged to one who came second survives power loss too, whoever had it first", async () => {
  const key = { source: "http", key: "k", bodyHash: "b", hours: 24 };
  for (let seed = 1; seed <= 4 * SEEDS; seed += 1) {
    const system = await begin(seed);
    const roots = ["a", "b", "c", "d"].filter(
      (root, place, all) =>
        place === 0 ||
        system.workerOf(shardOfAddress(at(root))) !==
          system.workerOf(shardOfAddress(at(all[0] ?? ""))),
    );
    let isAnswered = false;
    for (const root of roots.slice(0, 2)) {
      system.ask(at(root), { id: "once" }, key).then(
        () => {
          if (isAnswered) return;
          isAnswered = true;
          system.crash("power");
        },
        () => undefined,
      );
    }
    await system.schedule.until(() => isAnswered, 100_000);
    await system.start();

    const lists: unknown[] = [];
    for (const root of roots.slice(0, 2)) {
      lists.push(await said(system, system.ask(at(root), { id: "" })));
    }
    expect(lists.flat(), `seed ${seed}`).toEqual(["once"]);
  }
});

test("a batch of a dead worker that arrives late changes nothing", async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const system = await begin(seed);
    const worker = system.workerOf(shardOfAddress(at("a"))) ?? 0;
    system.ask(at("a"), { id: "old" }).catch(() => undefined);
    await system.schedule.settle();
    await system.schedule.advance(system.schedule.random() * 20);
    let hasHeir = false;
    void system.killWorker(worker, 1 - worker).then(() => {
      hasHeir = true;
    });
    await system.schedule.until(() => hasHeir, 10_000);
    const kept = (await said(system, system.ask(at("a"), { id: "new" }))) as readonly string[];
    await system.schedule.advance(1_000);
    system.crash("process");
    await system.start();

    const now = await said(system, system.ask(at("a"), { id: "" }));

    expect(now, `seed ${seed}`).toEqual(kept);
  }
});

test("a cancel that was acknowledged is not forgotten by a crash", async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const system = await begin(seed);
    await said(system, system.ask(at("d", "desk"), { type: "start" }));
    await system.schedule.advance(500);
    const place = { tenant: "tn_1", root: "d", run: "rn_1" };
    await said(system, system.control(place, { type: "cancel", reason: "enough" }));
    system.crash("process");
    await system.start();
    // It waits outside of steps: it has its time to let go again.
    await system.schedule.advance(6_000);

    const ended = await said(system, system.ask(at("d", "desk"), { type: "look" }));

    expect(ended, `seed ${seed}`).toEqual(["cancelled"]);
  }
});

test("two workers that spend at once never go below the floor", async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const system = await begin(seed);
    const roots = ["a", "b", "c", "d", "e", "f"];
    const asked = roots.map((root) =>
      system.ask(at(root), { id: root, spend: 4 }).catch((error: Error) => error),
    );
    await system.schedule.advance(5_000);

    const done = (await Promise.all(asked)).filter((answer) => !(answer instanceof Error));

    expect(done.length, `seed ${seed}`).toBe(2);
  }
});

test("what waits behind a message that is tried again later moves with its shard, in order", async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const system = await begin(seed);
    const actor = at("m", "moody");
    const shard = shardOfAddress(actor);
    const from = system.workerOf(shard) ?? 0;
    Object.assign(moods, { isBad: true, tries: 0 });
    const answers: unknown[] = [];
    for (const name of ["first", "second", "third"]) {
      const note = (answer: unknown): number => answers.push(answer);
      system.ask(actor, name).then(note, note);
    }
    system.tell(actor, "told");
    const isHeld = (): boolean => {
      const [seen] = system.kernelOf(actor)?.look({ type: "actors", limit: 1 }).actors ?? [];
      return seen?.state === "held" && seen.mailbox === 4;
    };
    await system.schedule.until(isHeld, 1_000);
    expect(isHeld(), `seed ${seed}`).toBe(true);
    let hasMoved = false;
    void system.move([shard], 1 - from).then(() => {
      hasMoved = true;
    });
    await system.schedule.until(() => hasMoved, 10_000);
    moods.isBad = false;
    await system.schedule.until(() => answers.length === 3, 10_000);

    expect([system.workerOf(shard), answers], `seed ${seed}`).toEqual([
      1 - from,
      ["first", "second", "third"],
    ]);
  }
});
