// A line of runs on a simulated system: as many as may work at once, the others in their order, whatever dies when.

import { expect, test } from "vitest";
import { type Go, lineActor, lineAddress } from "../../../actors/lines/line.ts";
import { defineActor, defineRun, type RunEnded } from "../../../runtime/actor.ts";
import { address } from "../../../runtime/address.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { decode } from "../../../runtime/store/codec.ts";
import { keys } from "../../../runtime/store/keys.ts";
import type { WriteStage } from "../../../runtime/store/memory.ts";
import { TestSystem } from "../../../runtime/testkit/test-system.ts";

const tenant = "tn_1";
const MOST = 2;
const RUNS = 6;
const stages: readonly WriteStage[] = ["writing", "committed", "flushing", "flushed"];
const idOf = (number: number): string => `rn_${String(number).padStart(26, "0")}`;
const line = lineAddress("tn_system", "all");

interface World {
  /** Runs in the order in which they first worked. */
  readonly order: string[];
  readonly working: Set<string>;
  most: number;
}

type Message = { readonly type: "start"; readonly number: number } | Go | RunEnded;

/** Starts runs as a conversation does: held, until its line lets them go. */
const holder = defineActor<null, Message>({
  kind: "holder",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if (message.type === "start") {
      const run = turn.startRun({
        kind: "work",
        id: idOf(message.number),
        input: null,
        held: true,
      });
      turn.send(line, { type: "enter", run, most: MOST });
      turn.reply(null);
    } else if (message.type === "go") turn.releaseRun(message.run);
    else {
      turn.send(line, { type: "leave", run: message.run });
      turn.putRow("ends", message.run, message.outcome.status);
    }
    return state;
  },
});

const work = defineRun<null, null, { clock: Clock; world: World }>({
  kind: "work",
  run: async (_input, { id, ports: { clock, world } }) => {
    if (!world.order.includes(id)) world.order.push(id);
    world.working.add(id);
    world.most = Math.max(world.most, world.working.size);
    await new Promise<void>((resolve) => clock.after(20, resolve));
    world.working.delete(id);
    return null;
  },
});

async function ran(death: { at: number; stage: WriteStage; kind: "process" | "power" } | null) {
  const world: World = { order: [], working: new Set(), most: 0 };
  let [writes, isDown, isDead] = [0, false, false];
  const system: TestSystem = new TestSystem({
    ...{ seed: 5, workers: 2, delayMs: 2, flushMs: 0, reads: "at once" as const },
    definitions: [lineActor, holder, work] as never,
    portsFor: ({ clock }) => ({ clock, world }),
    onWrite(write, stage) {
      writes = Math.max(writes, write);
      if (isDead || death === null || write !== death.at || stage !== death.stage) return;
      [isDead, isDown] = [true, true];
      // What worked works no more, and begins again.
      world.working.clear();
      system.crash(death.kind);
    },
  });
  const rows = (prefix: string) => system.disk.rows.filter(({ key }) => key.startsWith(prefix));
  const ends = () => rows(keys.tableOf(tenant, "ends"));
  const isDone = (): boolean => ends().length === RUNS;
  const sent = new Set<number>();
  /** One after the other: the next when the one before is there. */
  const send = async (): Promise<void> => {
    for (let number = 1; number <= RUNS; number += 1) {
      if (sent.has(number)) continue;
      const id = idOf(number);
      const key = { source: "http", key: id, bodyHash: id, hours: 24 };
      const to = address({ kind: "holder", tenant, root: `cv_${number}` });
      await system.ask(to, { type: "start", number }, key);
      sent.add(number);
    }
  };
  await system.start();
  for (let life = 1; life <= 2; life += 1) {
    send().catch(() => undefined);
    await system.schedule.until(() => isDown || isDone(), 3_600_000);
    if (!isDown) await system.schedule.advance(5_000);
    if (!isDown) break;
    isDown = false;
    await system.start();
  }
  const [row] = rows(keys.state(line));
  const left = (decode(row?.value ?? new Uint8Array()) as { state: { running: []; waiting: 0 } })
    .state;
  return { world, writes, isDone: isDone(), left };
}

test("as many as may work at once, and the others in their order", async () => {
  const { world, left } = await ran(null);

  expect(world.order).toEqual(Array.from({ length: RUNS }, (_, at) => idOf(at + 1)));
  expect(world.most).toBe(MOST);
  expect(left).toMatchObject({ running: [], waiting: 0 });
});

test("what a tenant that is gone had in the line keeps nobody waiting", async () => {
  const world: World = { order: [], working: new Set(), most: 0 };
  const system: TestSystem = new TestSystem({
    ...{ seed: 1, workers: 2, delayMs: 2, flushMs: 0, reads: "at once" as const },
    definitions: [lineActor, holder, work] as never,
    // Nothing of it ends.
    portsFor: () => ({ clock: { after: () => undefined }, world }),
  });
  await system.start();
  const settled = async (asked: Promise<unknown>): Promise<void> => {
    let isDone = false;
    const done = (): void => {
      isDone = true;
    };
    asked.then(done, done);
    await system.schedule.until(() => isDone, 60_000);
    await asked;
  };
  for (let number = 1; number <= 5; number += 1) {
    const of = number % 2 === 0 ? tenant : "tn_gone";
    const to = address({ kind: "holder", tenant: of, root: `cv_${number}` });
    await settled(system.ask(to, { type: "start", number }));
  }

  await settled(system.ask(line, { type: "forget", tenant: "tn_gone" }));
  await system.schedule.advance(1_000);

  const [row] = system.disk.rows.filter(({ key }) => key === keys.state(line));
  const { state } = decode(row?.value ?? new Uint8Array()) as { state: object };
  const running = [2, 4].map((number) => ({ run: idOf(number), tenant }));
  expect(state).toMatchObject({ running, waiting: 0 });
});

test("a line that may let more go does so at once, however many wait", async () => {
  const world: World = { order: [], working: new Set(), most: 0 };
  const system: TestSystem = new TestSystem({
    ...{ seed: 1, workers: 2, delayMs: 2, flushMs: 0, reads: "at once" as const },
    definitions: [lineActor, holder, work] as never,
    // Nothing of it ends.
    portsFor: () => ({ clock: { after: () => undefined }, world }),
  });
  await system.start();
  for (let number = 1; number <= 50; number += 1) {
    const to = address({ kind: "holder", tenant, root: `cv_${number}` });
    system.ask(to, { type: "start", number }).catch(() => undefined);
    await system.schedule.advance(50);
  }
  expect(world.order).toHaveLength(MOST);

  system.ask(line, { type: "most", most: 45 }).catch(() => undefined);
  await system.schedule.advance(5_000);
  // Those that are let go together may begin in any order.
  expect(world.order.toSorted()).toEqual(Array.from({ length: 45 }, (_, at) => idOf(at + 1)));
});

test.each(["process", "power"] as const)(
  "a death of the %s at any write loses none, lets no more work than may, and leaves nobody in the line",
  async (kind) => {
    const { writes } = await ran(null);
    for (let number = 0; number < writes * stages.length; number += 1) {
      const at = 1 + Math.floor(number / stages.length);
      const stage = stages[number % stages.length] ?? "writing";
      const { world, left, isDone } = await ran({ at, stage, kind });

      const where = `write ${at}, ${stage}`;
      expect(isDone, where).toBe(true);
      expect(world.most, where).toBeLessThanOrEqual(MOST);
      expect(left, where).toMatchObject({ running: [], waiting: 0 });
    }
  },
  60_000,
);
