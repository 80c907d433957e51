// How loaded event loops say they are: this thread's own, and a worker's as main hears it.

import { setImmediate as nextPass } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { CpuMeter, PassMeter } from "../../../runtime/threads/loop-load.ts";
import { at, startTestSystem, stopAll } from "../../support/threads-system.ts";

afterEach(stopAll);

const TURN_MS = 8;

function compute(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

test("a loop that works off much at once takes longer to come round than one that takes it piece by piece", async () => {
  const meter = new PassMeter();
  const lengthOf = async (pieces: readonly number[]): Promise<number> => {
    await nextPass();
    meter.take();
    for (const ms of pieces) {
      compute(ms);
      await nextPass();
    }
    return meter.take();
  };

  const atOnce = await lengthOf([100, 100]);
  const pieceByPiece = await lengthOf(Array.from({ length: 200 }, () => 1));

  expect(atOnce).toBeGreaterThan(60);
  expect(pieceByPiece).toBeLessThan(atOnce / 4);
});

test("a thread that computes is seen in how much of the cores is used", async () => {
  const meter = new CpuMeter();
  compute(100);
  const busy = meter.take();
  await new Promise((resolve) => setTimeout(resolve, 100));

  expect(busy).toBeGreaterThan(2 * meter.take());
  expect(busy).toBeLessThanOrEqual(1);
});

test("main hears how long its workers take to come round, also when they have nothing to do any more", async () => {
  const { system } = await startTestSystem({ workers: 1 });
  let isOver = false;
  const lane = async (): Promise<void> => {
    for (let n = 0; !isOver; n += 1) await system.ask(at("heavy", "one"), { n, ms: TURN_MS });
  };
  const asking = lane();
  const passMs = (): number => system.load().passMs;
  // One look gives both: the next one is of what has come since.
  const bothMs = (): number => {
    const { passMs: all, turns } = system.load();
    return Math.min(all, turns.passMs);
  };

  await expect.poll(bothMs, { timeout: 20_000 }).toBeGreaterThan(TURN_MS / 2);
  isOver = true;
  await asking;
  // Main's own pass is in it too, and hardly any at rest.
  const atRest = { timeout: 20_000, interval: 100 };
  await expect.poll(passMs, atRest).toBeLessThan(TURN_MS / 4);
});

test.each([0, 1])(
  "with %i workers main's own work is that of the loops that run turns only when there is no other",
  async (workers) => {
    const { system } = await startTestSystem({ workers });
    system.load();
    compute(100);
    await nextPass();

    const { busy, turns } = system.load();

    expect(busy).toBeGreaterThan(0.8);
    if (workers === 0) expect(turns.busy).toBe(busy);
    else expect(turns.busy).toBeLessThan(0.5);
  },
);
