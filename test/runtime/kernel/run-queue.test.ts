// Fair order of turns between tenants.

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
