// The compute pool on real threads: results, errors with their code, limits of queue and time.

import { afterEach, expect, test } from "vitest";
import { createComputePool } from "../../../runtime/threads/compute.ts";
import type { ComputePool } from "../../../runtime/threads/compute-port.ts";

const url = new URL("../../support/threads-tasks.js", import.meta.url).href;
const open: ComputePool[] = [];

afterEach(async () => {
  for (const pool of open.splice(0)) await pool.close();
});

function start(limits: { threads: number; queueMax: number; heapMib?: number }): ComputePool {
  const names = ["double", "refuse", "spin", "hoard", "leap", "fill"];
  const tasks = Object.fromEntries(names.map((name) => [name, { url, name }]));
  const pool = createComputePool({ tasks, heapMib: 2_048, ...limits });
  open.push(pool);
  return pool;
}

test("a task gives its result, and no thread exists before the first one", async () => {
  const pool = start({ threads: 1, queueMax: 10 });

  expect(pool.figures().threads).toBe(0);
  expect(await pool.run("double", 4, { tenant: "tn_1", timeoutMs: 10_000 })).toBe(8);
  expect(pool.figures()).toMatchObject({ threads: 1, done: 1 });
});

test("an error of a task keeps its code and details", async () => {
  const pool = start({ threads: 1, queueMax: 10 });

  await expect(
    pool.run("refuse", null, { tenant: "tn_1", timeoutMs: 10_000 }),
  ).rejects.toMatchObject({
    code: "OUTPUT_INVALID",
    details: { pointer: "/a" },
  });
  await expect(
    pool.run("unknown", null, { tenant: "tn_1", timeoutMs: 10_000 }),
  ).rejects.toMatchObject({
    code: "INVALID",
  });
});

test("a task that takes too long is ended, and the next one runs", async () => {
  const pool = start({ threads: 1, queueMax: 10 });

  await expect(pool.run("spin", null, { tenant: "tn_1", timeoutMs: 300 })).rejects.toMatchObject({
    code: "DEADLINE",
  });
  expect(await pool.run("double", 1, { tenant: "tn_1", timeoutMs: 10_000 })).toBe(2);
});

test("a tenant's slow tasks hold up nobody else's", async () => {
  const pool = start({ threads: 1, queueMax: 10 });
  const caller = new AbortController();
  const slow = [1, 2, 3].map(() =>
    pool.run("spin", null, { tenant: "tn_1", timeoutMs: 60_000, signal: caller.signal }),
  );
  const ended = Promise.allSettled(slow);

  for (const n of [4, 5]) {
    expect(await pool.run("double", n, { tenant: "tn_2", timeoutMs: 20_000 })).toBe(2 * n);
  }
  expect(pool.figures().threads).toBe(2);

  caller.abort();
  expect((await ended).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
}, 30_000);

test("a cancelled task is ended", async () => {
  const pool = start({ threads: 1, queueMax: 10 });
  const controller = new AbortController();

  const spinning = pool.run("spin", null, {
    tenant: "tn_1",
    timeoutMs: 10_000,
    signal: controller.signal,
  });
  controller.abort();

  await expect(spinning).rejects.toMatchObject({ code: "CANCELLED" });
});

test("a full queue refuses and says its limit", async () => {
  const pool = start({ threads: 1, queueMax: 1 });
  const running = [1, 2].map((n) => pool.run("double", n, { tenant: "tn_1", timeoutMs: 10_000 }));

  await expect(pool.run("double", 3, { tenant: "tn_1", timeoutMs: 10_000 })).rejects.toMatchObject({
    code: "POOL_FULL",
    message: expect.stringContaining("the limit is 1"),
  });
  expect(await Promise.all(running)).toEqual([2, 4]);
});

test.each(["hoard", "leap", "fill"])(
  "a task that needs more memory than it may is ended, and the next one runs: %s",
  async (greedy) => {
    const pool = start({ threads: 1, queueMax: 10 });
    const options = { tenant: "tn_1", timeoutMs: 30_000 };

    await expect(pool.run(greedy, null, { ...options, memoryMib: 256 })).rejects.toMatchObject({
      code: "TASK_MEMORY",
      message: expect.stringContaining("256 MiB"),
    });
    expect(await pool.run("double", 1, options)).toBe(2);
  },
);

test("a task without a limit of its own has that of its thread's heap", async () => {
  const pool = start({ threads: 1, queueMax: 10, heapMib: 64 });
  const options = { tenant: "tn_1", timeoutMs: 30_000 };

  await expect(pool.run("hoard", null, options)).rejects.toMatchObject({ code: "TASK_MEMORY" });
  expect(await pool.run("double", 1, options)).toBe(2);
});

test("a task's own time does not count while it waits", async () => {
  const pool = start({ threads: 1, queueMax: 10 });
  const options = { tenant: "tn_1", timeoutMs: 20_000, runMs: 500 };

  const ended = await Promise.allSettled([
    pool.run("spin", null, options),
    pool.run("spin", null, options),
    pool.run("double", 2, options),
    pool.run("spin", null, { ...options, timeoutMs: 100 }),
  ]);

  expect(ended).toMatchObject([
    { reason: { code: "DEADLINE", details: { phase: "running" } } },
    { reason: { code: "DEADLINE", details: { phase: "running" } } },
    { value: 4 },
    { reason: { code: "DEADLINE", details: { phase: "waiting" } } },
  ]);
});
