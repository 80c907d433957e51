// Batched tasks on real threads: gathered from many callers, tenants in turn, each input with its own
// result, error, cancel and deadline.

import { constants, getPriority } from "node:os";
import { afterEach, expect, test } from "vitest";
import { createComputePool } from "../../../runtime/threads/compute.ts";
import type { BatchLimits, ComputePool } from "../../../runtime/threads/compute-port.ts";

const url = new URL("../../support/threads-tasks.js", import.meta.url).href;
const open: ComputePool[] = [];

afterEach(async () => {
  for (const pool of open.splice(0)) await pool.close();
});

const usual: BatchLimits = {
  threads: 1,
  itemsMax: 4,
  waitMs: 20,
  waitingMax: 100,
  batchMs: 10_000,
  idleMs: 10_000,
};

function start(limits: Partial<BatchLimits> = {}): ComputePool {
  const batch = { ...usual, ...limits };
  const tasks = {
    together: { url, name: "together", batch },
    slowly: { url, name: "slowly", batch },
    niceness: { url, name: "niceness" },
  };
  const pool = createComputePool({ tasks, threads: 1, queueMax: 10, heapMib: 512 });
  open.push(pool);
  return pool;
}

const of = (
  tenant: string,
  more: { key?: string; timeoutMs?: number; signal?: AbortSignal } = {},
) => ({
  tenant,
  timeoutMs: 10_000,
  ...more,
});

test("inputs of several callers are run together, each with its own result or error", async () => {
  const pool = start();

  const [one, bad, two] = await Promise.allSettled([
    pool.run("together", "a", of("tn_1")),
    pool.run("together", "bad", of("tn_2")),
    pool.run("together", "b", of("tn_3")),
  ]);

  expect(one).toMatchObject({ status: "fulfilled", value: { input: "a", beside: 3 } });
  expect(two).toMatchObject({ status: "fulfilled", value: { input: "b", beside: 3 } });
  expect(bad).toMatchObject({ status: "rejected", reason: { code: "INVALID" } });
});

test("a full batch does not wait, and no batch is larger than the limit", async () => {
  const pool = start({ waitMs: 60_000 });
  const inputs = Array.from({ length: 8 }, (_, at) => at);

  const results = await Promise.all(inputs.map((at) => pool.run("together", at, of("tn_1"))));

  expect(results.map((result) => (result as { beside: number }).beside)).toEqual(
    inputs.map(() => 4),
  );
});

test("a tenant with much waiting does not hold up another, nor one call of a tenant its others", async () => {
  const pool = start({ itemsMax: 2, waitMs: 0 });
  const order: string[] = [];
  const run = (name: string, tenant: string, key: string) =>
    pool.run("slowly", name, of(tenant, { key })).then(() => order.push(name));
  const many = Array.from({ length: 20 }, (_, at) => run(`many ${at}`, "tn_1", "k1"));

  await Promise.all([...many, run("query", "tn_1", "k2"), run("other", "tn_2", "k1")]);

  // The first batch was taken before they came.
  expect(order.indexOf("other")).toBeLessThan(4);
  expect(order.indexOf("query")).toBeLessThan(6);
});

test("a cancelled or late input leaves at once; those beside it are not touched", async () => {
  const pool = start({ itemsMax: 2, waitMs: 0 });
  const controller = new AbortController();
  const running = [pool.run("slowly", 1, of("tn_1")), pool.run("slowly", 2, of("tn_1"))];
  const waiting = pool.run("slowly", 3, of("tn_1", { signal: controller.signal }));
  const late = pool.run("slowly", 4, of("tn_1", { timeoutMs: 1 }));
  const beside = pool.run("slowly", 5, of("tn_1"));
  controller.abort();

  await expect(waiting).rejects.toMatchObject({ code: "CANCELLED" });
  await expect(late).rejects.toMatchObject({ code: "DEADLINE" });
  expect(await Promise.all([...running, beside])).toEqual([1, 2, 5]);
});

test("a batch that takes too long, or whose thread dies, fails alone; the next one runs", async () => {
  const pool = start({ itemsMax: 1, waitMs: 0, batchMs: 1_500 });
  // A thread may take long to start on a busy machine.
  await pool.run("slowly", "warm", of("tn_1")).catch(() => {});
  const { threads } = pool.figures();

  await expect(pool.run("slowly", "long", of("tn_1"))).rejects.toMatchObject({ code: "DEADLINE" });
  // Not ended: native code would end the process with it.
  expect(pool.figures().threads).toBe(threads);
  await expect(pool.run("slowly", "die", of("tn_1"))).rejects.toMatchObject({
    code: "WORKER_LOST",
  });
  expect(await pool.run("slowly", 1, of("tn_1"))).toBe(1);
});

test("too many waiting are refused, one tenant at half", async () => {
  const pool = start({ itemsMax: 1, waitMs: 0, waitingMax: 4 });
  // The first is taken at once.
  const first = [1, 2, 3].map((input) => pool.run("slowly", input, of("tn_1")));

  await expect(pool.run("slowly", 4, of("tn_1"))).rejects.toMatchObject({
    code: "POOL_FULL",
    message: expect.stringContaining("the limit is 4"),
  });
  expect(await pool.run("slowly", 5, of("tn_2"))).toBe(5);
  expect(await Promise.all(first)).toEqual([1, 2, 3]);
});

test.skipIf(process.platform !== "linux")("a compute thread gives way to the others", async () => {
  const niceness = await start().run("niceness", null, of("tn_1"));
  expect(niceness).toBe(Math.min(constants.priority.PRIORITY_LOW, getPriority() + 10));
});

test("a close refuses what waits and lets what runs come back", async () => {
  const pool = start({ itemsMax: 1, waitMs: 0 });
  await pool.run("slowly", "warm", of("tn_1"));
  const running = pool.run("slowly", "long", of("tn_1"));
  const waiting = pool.run("slowly", 2, of("tn_1"));

  const [first, second] = await Promise.allSettled([running, waiting, pool.close()]);

  expect(first).toMatchObject({ status: "fulfilled", value: "long" });
  expect(second).toMatchObject({ status: "rejected", reason: { code: "SHUTTING_DOWN" } });
  await expect(pool.run("slowly", 3, of("tn_1"))).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
});
