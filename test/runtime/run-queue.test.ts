// Fair order of turns between tenants.

import { expect, test } from "vitest";
import { RunQueue } from "../../runtime/run-queue.ts";

test("a quiet tenant waits for at most a few turns of a flooding one", async () => {
  const queue = new RunQueue<{ tenant: string }>();
  for (let at = 0; at < 500; at += 1) queue.push({ tenant: "tn_loud" });
  queue.push({ tenant: "tn_quiet" });

  const order = Array.from({ length: 501 }, () => queue.shift()?.tenant);

  expect(order.indexOf("tn_quiet")).toBeLessThanOrEqual(1);
  expect(order.filter((tenant) => tenant === "tn_loud")).toHaveLength(500);
});
