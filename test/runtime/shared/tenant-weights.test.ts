// Weights of tenants: how they are known on every thread, and what they come to where tenants take turns.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Queued, RunQueue } from "../../../runtime/kernel/run-queue.ts";
import { FairQueue } from "../../../runtime/shared/fair-queue.ts";
import {
  emptyTenantWeights,
  evenly,
  TENANT_WEIGHT_MAX,
  TENANT_WEIGHTS_MAX,
  TenantWeights,
  type WeightOf,
  weightsIn,
} from "../../../runtime/shared/tenant-weights.ts";

test("a weight counts for whoever reads the memory as soon as it is set, and as long", () => {
  const memory = emptyTenantWeights();
  const [weights, weightOf] = [new TenantWeights(memory), weightsIn(memory)];
  const seen = [weightOf("tn_a")];

  weights.set("tn_a", 3);
  weights.set("tn_b", TENANT_WEIGHT_MAX);
  seen.push(weightOf("tn_a"), weightOf("tn_b"), weightsIn(memory)("tn_b"), weightOf("tn_c"));
  weights.set("tn_a", 1);
  seen.push(weightOf("tn_a"), weightOf("tn_b"));

  expect(seen).toEqual([1, 3, 100, 100, 1, 1, 100]);
});

test("there are weights for so many tenants with the longest ids, and one more is refused", () => {
  const memory = emptyTenantWeights();
  const [weights, weightOf] = [new TenantWeights(memory), weightsIn(memory)];
  const idOf = (at: number): string => `tn_${String(at).padStart(61, "x")}`;
  for (let at = 0; at < TENANT_WEIGHTS_MAX; at += 1) weights.set(idOf(at), TENANT_WEIGHT_MAX);

  expect(() => weights.set("tn_late", 2)).toThrow(/1000 tenants/);
  weights.set(idOf(0), 1);
  weights.set("tn_late", 2);

  const last = idOf(TENANT_WEIGHTS_MAX - 1);
  expect([weightOf(idOf(0)), weightOf(last), weightOf("tn_late")]).toEqual([1, 100, 2]);
});

test.each([0, -1, 1.5, TENANT_WEIGHT_MAX + 1, Number.NaN])("%d is no weight", (weight) => {
  const weights = new TenantWeights(emptyTenantWeights());

  expect(() => weights.set("tn_a", weight)).toThrow(/from 1 to 100/);
});

/** One of the two queues where tenants wait, as far as its order goes. */
interface Order {
  push(tenant: string): void;
  shift(): string | undefined;
}
const orders: Readonly<Record<string, (weightOf: WeightOf) => Order>> = {
  "what is shared": (weightOf) => {
    const queue = new FairQueue<string>({ max: 10_000, tenantMax: 10_000, weightOf });
    return { push: (tenant) => queue.push(tenant, "", tenant), shift: () => queue.shift() };
  },
  "turns of actors": (weightOf) => {
    interface One extends Queued<One> {
      readonly tenant: string;
    }
    const queue = new RunQueue<One>(weightOf);
    return {
      push: (tenant) => queue.push({ tenant, lane: null }),
      shift: () => queue.shift()?.tenant,
    };
  },
};

describe.each(Object.entries(orders))("in the order of %s", (_name, orderOf) => {
  test("tenants that always wait are served in proportion to their weights, one by one", () => {
    const some = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(some, fc.integer({ min: 1, max: 300 }), (weights, shifts) => {
        const tenants = weights.map((_, at) => `tn_${at}`);
        const weightOf: WeightOf = (tenant) => weights[tenants.indexOf(tenant)] ?? 1;
        const order = orderOf(weightOf);
        for (const tenant of [...tenants, ...tenants]) order.push(tenant);
        const served = new Map(tenants.map((tenant) => [tenant, 0]));
        for (let at = 0; at < shifts; at += 1) {
          const tenant = order.shift() ?? "";
          served.set(tenant, (served.get(tenant) ?? 0) + 1);
          order.push(tenant);
        }
        const all = weights.reduce((sum, one) => sum + one, 0);
        const rounds = shifts / all;
        for (const tenant of tenants) {
          const [had, share] = [served.get(tenant) ?? 0, weightOf(tenant)];
          // Never a whole round before or behind.
          expect(Math.abs(had - rounds * share)).toBeLessThan(share + 1);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("whoever comes and goes, nobody waits for more of another tenant than its weight", () => {
    const step = fc.record({ does: fc.constantFrom("push", "shift", "shift"), who: fc.nat(3) });
    const of = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(of, fc.array(step, { maxLength: 200 }), (weights, steps) => {
        const weightOf: WeightOf = (tenant) => weights[Number(tenant)] ?? 1;
        const order = orderOf(weightOf);
        const waiting = new Map<string, number>();
        /** By who waits: how often each other was served meanwhile. */
        const passed = new Map<string, Map<string, number>>();
        for (const { does, who } of steps) {
          if (does === "push") {
            const tenant = String(who);
            if ((waiting.get(tenant) ?? 0) === 0) passed.set(tenant, new Map());
            waiting.set(tenant, (waiting.get(tenant) ?? 0) + 1);
            order.push(tenant);
            continue;
          }
          const tenant = order.shift();
          if (tenant === undefined) {
            expect([...waiting.values()].every((count) => count === 0)).toBe(true);
            continue;
          }
          waiting.set(tenant, (waiting.get(tenant) ?? 0) - 1);
          passed.set(tenant, new Map());
          for (const [other, count] of waiting) {
            if (other === tenant || count === 0) continue;
            const seen = passed.get(other);
            seen?.set(tenant, (seen.get(tenant) ?? 0) + 1);
            expect(seen?.get(tenant) ?? 0).toBeLessThanOrEqual(weightOf(tenant));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test("another weight counts from the next round on", () => {
    let weight = 1;
    const order = orderOf((tenant) => (tenant === "tn_a" ? weight : 1));
    const share = (): number => {
      let own = 0;
      for (let at = 0; at < 120; at += 1) {
        const tenant = order.shift() ?? "";
        if (tenant === "tn_a") own += 1;
        order.push(tenant);
      }
      return own;
    };
    for (const tenant of ["tn_a", "tn_b", "tn_a", "tn_b"]) order.push(tenant);

    const before = share();
    weight = 5;
    const after = share();
    weight = 1;

    expect(before).toBe(60);
    expect(after).toBeGreaterThanOrEqual(99);
    expect(share()).toBeLessThanOrEqual(63);
  });

  test("tenants that come anew all the time keep out nobody who waits", () => {
    const order = orderOf(evenly);
    order.push("tn_waits");
    order.push("tn_waits");
    order.shift();
    let others = 0;
    // More of them than are remembered, each gone and back again.
    const cycle = (at: number): string => `tn_${at % 400}`;
    order.push(cycle(0));
    order.push(cycle(1));
    for (let at = 2; order.shift() !== "tn_waits" && others < 5_000; at += 1) {
      others += 1;
      order.push(cycle(at));
    }

    expect(others).toBeLessThanOrEqual(400);
  });
});
