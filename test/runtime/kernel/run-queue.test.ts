// Fair order of turns between tenants.

import fc from "fast-check";
import { expect, test } from "vitest";
import { type Lane, RunQueue } from "../../../runtime/kernel/run-queue.ts";

interface One {
  readonly tenant: string;
  lane: Lane<One> | null;
}
const one = (tenant: string): One => ({ tenant, lane: null });

test("a quiet tenant waits for at most a few turns of a flooding one", async () => {
  const queue = new RunQueue<One>();
  for (let at = 0; at < 500; at += 1) queue.push(one("tn_loud"));
  queue.push(one("tn_quiet"));

  const order = Array.from({ length: 501 }, () => queue.shift()?.tenant);

  expect(order.indexOf("tn_quiet")).toBeLessThanOrEqual(1);
  expect(order.filter((tenant) => tenant === "tn_loud")).toHaveLength(500);
});

test("who comes again after more tenants than are remembered still shares its tenant's lane", () => {
  const queue = new RunQueue<One>();
  const early = one("tn_0");
  for (let at = 0; at < 1_000; at += 1) queue.push(at === 0 ? early : one(`tn_${at}`));
  for (let at = 0; at < 1_000; at += 1) queue.shift();

  queue.push(early);
  queue.push(one("tn_0"));
  queue.push(one("tn_1"));
  const order = Array.from({ length: 4 }, () => queue.shift()?.tenant);

  expect(order).toEqual(["tn_0", "tn_1", "tn_0", undefined]);
});

test("everybody comes out once, in the order of his tenant, whoever is parked meanwhile", () => {
  const tenants = ["tn_1", "tn_2", "tn_3"];
  const use = fc.tuple(
    fc.constantFrom("push", "push", "shift", "shift", "park", "unpark"),
    fc.nat(2),
  );
  fc.assert(
    fc.property(fc.array(use, { maxLength: 200 }), (uses) => {
      const queue = new RunQueue<One>();
      const model = new Map(tenants.map((tenant) => [tenant, [] as One[]]));
      const lanes = new Map<string, Lane<One>>();
      const parked = new Set<string>();
      const mayCome = (): number =>
        [...model].reduce((sum, [of, all]) => sum + (parked.has(of) ? 0 : all.length), 0);
      for (const [what, n] of uses) {
        const tenant = tenants[n] ?? "";
        const lane = lanes.get(tenant);
        if (what === "push") {
          const item = one(tenant);
          queue.push(item);
          model.get(tenant)?.push(item);
          if (item.lane !== null) lanes.set(tenant, item.lane);
        } else if (what === "park" && lane !== undefined) {
          queue.park(lane);
          parked.add(tenant);
        } else if (what === "unpark") {
          queue.unpark();
          parked.clear();
        } else if (what === "shift") {
          const isOne = mayCome() > 0;
          const item = queue.shift();
          expect(item !== undefined).toBe(isOne);
          if (item === undefined) continue;
          expect(parked.has(item.tenant)).toBe(false);
          expect(model.get(item.tenant)?.shift()).toBe(item);
        }
        expect(queue.isReady).toBe(mayCome() > 0);
      }
    }),
    { numRuns: 500 },
  );
});
