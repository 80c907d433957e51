// Fair order of what waits for something shared.

import fc from "fast-check";
import { expect, test } from "vitest";
import { FairQueue, type Place } from "../../../runtime/shared/fair-queue.ts";
import { FairSlots } from "../../../runtime/shared/fair-slots.ts";

const ROOM = { max: 1_000, tenantMax: 1_000 };

test("tenants take turns, within one its keys, within a key first in first out", () => {
  const queue = new FairQueue<string>(ROOM);
  for (const at of [1, 2, 3]) queue.push("loud", "a", `a${at}`);
  queue.push("loud", "b", "b1");
  queue.push("quiet", "c", "c1");

  const order = Array.from({ length: 5 }, () => queue.shift());

  expect(order).toEqual(["a1", "c1", "b1", "a2", "a3"]);
  expect(queue.shift()).toBeUndefined();
});

test("one tenant cannot fill the queue for all", () => {
  const queue = new FairQueue<number>({ max: 4, tenantMax: 2 });

  const loud = [1, 2, 3].map((at) => queue.push("loud", "", at));
  const quiet = queue.push("quiet", "", 4);

  expect(loud[2]).toBeNull();
  expect(quiet).not.toBeNull();
});

test("whatever comes, goes and leaves, no tenant waits for more than one item of each other", () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant("push" as const),
      tenant: fc.nat(3).map(String),
      key: fc.nat(2).map(String),
    }),
    fc.record({ do: fc.constant("shift" as const) }),
    fc.record({ do: fc.constant("leave" as const), which: fc.nat(30) }),
  );
  interface Item {
    readonly tenant: string;
    readonly key: string;
    readonly order: number;
  }
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const queue = new FairQueue<Item>(ROOM);
      let waiting: { item: Item; place: Place<Item> }[] = [];
      const passed = new Map<string, Map<string, number>>();
      for (const [order, one] of steps.entries()) {
        if (one.do === "push") {
          const item = { tenant: one.tenant, key: one.key, order };
          if (!waiting.some(({ item: { tenant } }) => tenant === one.tenant)) {
            passed.set(one.tenant, new Map());
          }
          const place = queue.push(one.tenant, one.key, item);
          if (place === null) throw new Error("There was room.");
          waiting.push({ item, place });
        } else if (one.do === "leave") {
          const [gone] = waiting.splice(one.which % Math.max(1, waiting.length), 1);
          if (gone) expect(queue.remove(gone.place)).toBe(true);
          if (gone) expect(queue.remove(gone.place)).toBe(false);
        } else {
          const item = queue.shift();
          expect(item === undefined).toBe(waiting.length === 0);
          if (item === undefined) continue;
          const sameKey = waiting.filter(
            (other) => other.item.tenant === item.tenant && other.item.key === item.key,
          );
          expect(sameKey[0]?.item).toBe(item);
          waiting = waiting.filter((other) => other.item !== item);
          passed.set(item.tenant, new Map());
          for (const other of new Set(waiting.map(({ item: { tenant } }) => tenant))) {
            const seen = passed.get(other);
            if (other === item.tenant || seen === undefined) continue;
            seen.set(item.tenant, (seen.get(item.tenant) ?? 0) + 1);
            expect(seen.get(item.tenant)).toBeLessThanOrEqual(1);
          }
        }
        expect(queue.size).toBe(waiting.length);
      }
    }),
    { numRuns: 500 },
  );
});

/** Waits, in units of one use, of a quiet caller for one of `slots` beside a flood of `flood` others. */
async function waitsOf(slots: number, flood: number): Promise<number[]> {
  const shared = new FairSlots({ name: "uses", slots, waitingMax: 10_000 });
  let now = 0;
  const use = async (tenant: string): Promise<number> => {
    const since = now;
    const entered = shared.enter(tenant, "");
    if (entered !== undefined) await entered;
    return now - since;
  };
  const loud = Array.from({ length: flood }, () => use("loud"));
  const quiet: number[] = [];
  for (let turn = 0; turn < 200; turn += 1) {
    let isServed = false;
    const asking = use("quiet").then((waited) => {
      isServed = true;
      quiet.push(waited);
    });
    while (!isServed) {
      // All who have a slot use it for one unit, give it back, and the loud one asks again.
      await Promise.resolve();
      await Promise.resolve();
      if (isServed) break;
      const leaving = shared.taken;
      now += 1;
      for (let at = 0; at < leaving; at += 1) shared.leave();
      for (let at = 0; at < leaving && flood > 0; at += 1) loud.push(use("loud"));
      await Promise.resolve();
    }
    await asking;
    shared.leave();
  }
  return quiet;
}

test("beside a tenant with a hundred times the load, a quiet one takes at most twice its time", async () => {
  for (const slots of [1, 2, 16]) {
    const alone = await waitsOf(slots, 0);
    const beside = await waitsOf(slots, 100 * slots);

    expect(Math.max(...alone)).toBe(0);
    // Waited for and used: two units where it is one alone.
    const p99 = beside.toSorted((a, b) => a - b)[Math.floor(beside.length * 0.99) - 1];
    expect(p99, `${slots} slots`).toBeLessThanOrEqual(1);
  }
});

test("who leaves while waiting leaves at once, and nobody is passed over", async () => {
  const shared = new FairSlots({ name: "uses", slots: 1, waitingMax: 4 });
  expect(shared.enter("t", "")).toBeUndefined();
  const controller = new AbortController();
  const first = shared.enter("t", "", controller.signal);
  const second = shared.enter("t", "");

  controller.abort(new Error("gone"));
  shared.leave();

  await expect(first).rejects.toThrow("gone");
  await second;
  expect(shared).toMatchObject({ taken: 1, waiting: 0 });
});

test("a refusal says what is full and its limit", async () => {
  const shared = new FairSlots({ name: "calls to x", slots: 1, waitingMax: 2 });
  expect(shared.enter("t", "")).toBeUndefined();
  const waiting = shared.enter("t", "");

  await expect(shared.enter("t", "")).rejects.toMatchObject({
    code: "POOL_FULL",
    message: expect.stringContaining("calls to x"),
    details: { retryAfterMs: 1_000 },
  });
  shared.leave();
  await waiting;
});
