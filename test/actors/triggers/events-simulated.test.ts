// Triggers that listen, in a simulated system: an outcome is heard once, over crashes at any write, those who set each
// other off come to rest, and who leaves hears nothing more.

import { expect, test } from "vitest";
import type { TriggerInput } from "../../../actors/records/trigger.ts";
import { listenersTable } from "../../../actors/triggers/listeners.ts";
import type { OccurrenceRow } from "../../../actors/triggers/occurrence.ts";
import { TriggerWorld } from "../../support/trigger-world.ts";

const MINUTE_MS = 60_000;

const yearly = { cron: "0 0 1 1 *", concurrency: "queue" } as const;
type On = NonNullable<TriggerInput["on"]>;
const after = (of: string, target: string, more: Partial<On> = {}): Partial<TriggerInput> => ({
  ...{ type: "event", target, on: { what: "run", of, ...more } },
});
const runsHeard = (rows: readonly OccurrenceRow[]): string[] =>
  rows.map(({ data }) => (data as { readonly run_id: string }).run_id);

test.each([1, 2, 3, 4, 5, 6])(
  "over crashes at any write each outcome is heard once (seed %i)",
  async (seed) => {
    let next = 30 * seed;
    let writes = 0;
    const one = new TriggerWorld({
      seed,
      workMs: 3_000,
      onWrite: (system) => {
        writes += 1;
        if (writes < next || system.crashes > 12) return;
        next = writes + 5 + Math.floor(system.schedule.random() * 30);
        system.crash(seed % 2 === 0 ? "power" : "process");
      },
    });
    await one.start({ cron: "*/10 * * * * *", missed: "all", concurrency: "queue" });
    await one.set(after("ag_1", "ag_2"), "tr_2");
    for (let at = 0; at < 30; at += 1) {
      await one.system.schedule.advance(10_000);
      await one.revive();
    }
    // Nothing more comes due, and all that was begun ends.
    next = Number.POSITIVE_INFINITY;
    await one.revive();
    await one.set({ cron: "0 0 1 1 *" });
    await one.system.schedule.advance(10 * MINUTE_MS);

    const done = one.ledger("tr_1.").filter(({ run }) => run !== null);
    const heard = one.ledger("tr_2.");
    expect(one.system.crashes).toBeGreaterThan(3);
    expect(done.length).toBeGreaterThan(10);
    expect(runsHeard(heard).sort()).toEqual(done.map(({ run }) => run ?? "").sort());
    expect(heard.every(({ cause, state }) => `${cause} ${state}` === "event completed")).toBe(true);
  },
);

test("two that set each other off come to rest, and the ledger says why", async () => {
  const one = new TriggerWorld();
  await one.start({ ...yearly, target: "ag_1" });
  await one.set(after("ag_1", "ag_2"), "tr_2");
  await one.set(after("ag_2", "ag_1"), "tr_3");
  await one.happen("go");
  await one.system.schedule.advance(30 * MINUTE_MS);

  const heard = [...one.ledger("tr_2."), ...one.ledger("tr_3.")];
  const why = heard.filter(({ state }) => state === "skipped").map((row) => [row.why, row.depth]);
  expect(why).toEqual([["too-deep", 9]]);
  expect(heard.map(({ depth }) => depth).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("only outcomes that are listened to are heard", async () => {
  const one = new TriggerWorld();
  await one.start({ ...yearly, timeout: 1 });
  await one.set(after("ag_1", "ag_2", { outcome: ["failed"] }), "tr_2");
  await one.set(after("ag_1", "ag_3", { outcome: ["completed", "cancelled"] }), "tr_3");
  one.workMs = 500;
  await one.happen("done");
  await one.system.schedule.advance(MINUTE_MS);
  one.workMs = 5_000;
  // It runs out of its second.
  await one.happen("late");
  await one.system.schedule.advance(MINUTE_MS);

  const outcomes = (id: string) =>
    one.ledger(id).map(({ data }) => (data as { readonly outcome: string }).outcome);
  expect([outcomes("tr_2."), outcomes("tr_3.")]).toEqual([["failed"], ["completed"]]);
});

test("one that listens to another record leaves the first, a paused one skips, a removed one is forgotten", async () => {
  const one = new TriggerWorld();
  await one.start({ ...yearly, target: "ag_1" });
  await one.set(after("ag_1", "ag_2"), "tr_2");
  await one.set(after("ag_9", "ag_2"), "tr_2");
  await one.happen("a");
  await one.system.schedule.advance(MINUTE_MS);
  expect(one.ledger("tr_2.")).toEqual([]);

  await one.set({ ...after("ag_1", "ag_2"), is_active: false }, "tr_2");
  await one.happen("b");
  await one.system.schedule.advance(MINUTE_MS);
  expect(one.ledger("tr_2.").map(({ why }) => why)).toEqual(["paused"]);

  await one.set(null, "tr_2");
  await one.system.schedule.advance(MINUTE_MS);
  expect(one.rows(listenersTable)).toEqual([]);
});

test("a start or a delivery is nothing to a trigger that is of another type by now", async () => {
  const one = new TriggerWorld();
  await one.start(yearly);

  expect(await one.happen("boot:1", { cause: "startup" })).toBe(null);
  expect(await one.happen("hook:1", { cause: "webhook" })).toBe(null);
  expect(one.ledger()).toEqual([]);
});
