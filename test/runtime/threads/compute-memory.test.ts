// Tasks of the compute pool that together need more memory than one may: who is ended, who runs again.

import { afterEach, expect, test } from "vitest";
import { createComputePool } from "../../../runtime/threads/compute.ts";
import type { ComputePool } from "../../../runtime/threads/compute-port.ts";

const url = new URL("../../support/threads-tasks.js", import.meta.url).href;
const MIB = 1_024 * 1_024;
const open: ComputePool[] = [];

afterEach(async () => {
  for (const pool of open.splice(0)) await pool.close();
});

function start(): ComputePool {
  const names = ["double", "leap", "fill", "hold"];
  const tasks = Object.fromEntries(names.map((name) => [name, { url, name }]));
  const pool = createComputePool({ tasks, heapMib: 2_048, threads: 2, queueMax: 10 });
  open.push(pool);
  return pool;
}

/** A task that holds so much until two have begun. */
function holding(mib: number): { begun: Int32Array; mib: number; atLeast: number } {
  return { begun: new Int32Array(new SharedArrayBuffer(8)), mib, atLeast: 2 };
}

test("tasks that need more than the limit together, and less each, all succeed", async () => {
  const pool = start();
  const options = { tenant: "tn_1", timeoutMs: 30_000, memoryMib: 256 };
  const input = holding(160);

  const [one, other] = await Promise.all([
    pool.run("hold", input, options),
    pool.run("hold", input, options),
  ]);

  expect([one, other]).toEqual([160 * MIB, 160 * MIB]);
  // One of them was ended and ran again.
  expect(Atomics.load(input.begun, 0)).toBe(3);
});

test("a task that needs too much is ended, and what runs beside it succeeds", async () => {
  const pool = start();
  const options = { tenant: "tn_1", timeoutMs: 60_000, memoryMib: 256 };
  const input = { ...holding(160), atLeast: 1 };

  const ended = await Promise.allSettled([
    pool.run("hold", input, options),
    pool.run("fill", null, options),
    pool.run("hold", input, options),
    pool.run("leap", null, options),
  ]);

  expect(ended).toMatchObject([
    { value: 160 * MIB },
    { reason: { code: "TASK_MEMORY" } },
    { value: 160 * MIB },
    { reason: { code: "TASK_MEMORY" } },
  ]);
  expect(await pool.run("double", 1, options)).toBe(2);
}, 60_000);

test("what waits to run alone is cancelled at once", async () => {
  const pool = start();
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
