// The compute pool on real threads: results, errors with their code, limits of queue and time.

import { afterEach, expect, test } from "vitest";
import { type ComputePool, createComputePool } from "../../../runtime/threads/compute.ts";

const url = new URL("../../support/threads-tasks.js", import.meta.url).href;
const open: ComputePool[] = [];

afterEach(async () => {
  for (const pool of open.splice(0)) await pool.close();
});

function start(limits: { threads: number; queueMax: number }): ComputePool {
  const names = ["double", "refuse", "spin"];
  const tasks = Object.fromEntries(names.map((name) => [name, { url, name }]));
  const pool = createComputePool({ tasks, ...limits });
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
