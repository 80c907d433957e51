// The compute pool on real threads: results, errors with their code, limits of queue and time.

import { afterEach, expect, test } from "vitest";
import { type ComputePool, createComputePool } from "../../../runtime/threads/compute.ts";

const url = new URL("../../support/threads-tasks.js", import.meta.url).href;
const open: ComputePool[] = [];

afterEach(async () => {
  for (const pool of open.splice(0)) await pool.close();
});

function start(limits: { threads: number; queueMax: number; heapMib?: number }): ComputePool {
  const names = ["double", "refuse", "spin", "hoard", "leap", "fill", "hold"];
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

/** A task that holds so much until two have begun. */
function holding(mib: number): { begun: Int32Array; mib: number; atLeast: number } {
  return { begun: new Int32Array(new SharedArrayBuffer(8)), mib, atLeast: 2 };
}

test("tasks that need more than the limit together, and less each, all succeed", async () => {
  const pool = start({ threads: 2, queueMax: 10 });
  const options = { tenant: "tn_1", timeoutMs: 30_000, memoryMib: 256 };
  const input = holding(160);

  const [one, other] = await Promise.all([
    pool.run("hold", input, options),
    pool.run("hold", input, options),
  ]);

  expect([one, other]).toEqual([160 * 1024 * 1024, 160 * 1024 * 1024]);
  // One of them was ended and ran again.
  expect(Atomics.load(input.begun, 0)).toBe(3);
});

test("a task that needs too much is ended, and what runs beside it succeeds", async () => {
  const pool = start({ threads: 2, queueMax: 10 });
  const options = { tenant: "tn_1", timeoutMs: 60_000, memoryMib: 256 };
  const input = { ...holding(160), atLeast: 1 };

  const ended = await Promise.allSettled([
    pool.run("hold", input, options),
    pool.run("fill", null, options),
    pool.run("hold", input, options),
    pool.run("leap", null, options),
  ]);

  expect(ended).toMatchObject([
    { value: 160 * 1024 * 1024 },
    { reason: { code: "TASK_MEMORY" } },
    { value: 160 * 1024 * 1024 },
    { reason: { code: "TASK_MEMORY" } },
  ]);
  expect(await pool.run("double", 1, options)).toBe(2);
}, 60_000);

test("what waits to run alone is cancelled at once", async () => {
  const pool = start({ threads: 2, queueMax: 10 });
  const options = { tenant: "tn_1", timeoutMs: 30_000, memoryMib: 256 };
  const controller = new AbortController();
  const input = { ...holding(160), atLeast: 3 };
  const cancel = { ...options, signal: controller.signal };

  const ended = [pool.run("hold", input, cancel), pool.run("hold", input, cancel)];
  const settled = Promise.allSettled(ended);
  await expect.poll(() => Atomics.load(input.begun, 0), { timeout: 20_000 }).toBe(2);
  // One was ended: its thread is gone, and it waits for the other one, which never ends.
  await expect.poll(() => pool.figures().threads, { timeout: 20_000 }).toBe(1);
  controller.abort();

  expect(await settled).toMatchObject([
    { reason: { code: "CANCELLED" } },
    { reason: { code: "CANCELLED" } },
  ]);
  expect(await pool.run("double", 1, options)).toBe(2);
});

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
