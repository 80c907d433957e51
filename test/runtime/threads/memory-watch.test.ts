// Who is ended when the process grows too much, and who runs beside whom.

import { expect, test } from "vitest";
import { MemoryWatch } from "../../../runtime/threads/memory-watch.ts";

const MIB = 1024 * 1024;
const never = new AbortController().signal;
const beside = { mib: 100, isAlone: false, signal: never };
const alone = { ...beside, isAlone: true };

/** Whether it resolves without anything else happening. */
async function isAt(promise: Promise<unknown>): Promise<boolean> {
  return await Promise.race([
    promise.then(() => true),
    new Promise<boolean>((resolve) => setImmediate(() => resolve(false))),
  ]);
}

test("one at a time is ended, the others only if the process does not shrink then", async () => {
  let mib = 50;
  const watch = new MemoryWatch(() => mib * MIB);
  const first = await watch.begin(beside);
  mib = 60;
  const second = await watch.begin(beside);

  mib = 155;
  await expect.poll(() => first.signal.aborted, { timeout: 5_000 }).toBe(true);
  mib = 120;
  first.end();
  const third = await watch.begin({ ...beside, mib: 10 });
  mib = 131;
  await expect.poll(() => third.signal.aborted, { timeout: 5_000 }).toBe(true);
  expect(second.signal.aborted).toBe(false);
  second.end();
  third.end();
});

test("what is given back in a task's time is not its to fill", async () => {
  let mib = 400;
  let measured = 0;
  const watch = new MemoryWatch(() => {
    measured += 1;
    return mib * MIB;
  });
  const one = await watch.begin(alone);

  mib = 50;
  const before = measured;
  await expect.poll(() => measured, { timeout: 5_000 }).toBeGreaterThan(before);
  mib = 140;
  const between = measured;
  await expect.poll(() => measured, { timeout: 5_000 }).toBeGreaterThan(between);
  expect(one.signal.aborted).toBe(false);
  mib = 160;
  await expect.poll(() => one.signal.aborted, { timeout: 5_000 }).toBe(true);
  one.end();
});

test("who is alone waits for those before and is waited for by those after", async () => {
  const watch = new MemoryWatch(() => 0);
  const [first, second] = [await watch.begin(beside), await watch.begin(beside)];
  const single = watch.begin(alone);
  const other = watch.begin(alone);
  const later = watch.begin(beside);

  first.end();
  expect(await isAt(single)).toBe(false);
  second.end();
  expect(await isAt(single)).toBe(true);
  expect(await isAt(other)).toBe(false);
  (await single).end();
  expect(await isAt(other)).toBe(true);
  expect(await isAt(later)).toBe(false);
  (await other).end();
  const [one, two] = [await later, await watch.begin(beside)];
  one.end();
  two.end();
});

test("who gives up waiting is not waited for", async () => {
  const watch = new MemoryWatch(() => 0);
  const first = await watch.begin(beside);
  const controller = new AbortController();
  const given = watch.begin({ ...alone, signal: controller.signal });
  const later = watch.begin(beside);
  expect(await isAt(later)).toBe(false);

  controller.abort(new Error("enough"));

  await expect(given).rejects.toThrow("enough");
  (await later).end();
  first.end();
  await expect(watch.begin({ ...beside, signal: controller.signal })).rejects.toThrow("enough");
  (await watch.begin(alone)).end();
});
