// Batching within one thread, and the event loop's share.

import { expect, test } from "vitest";
import { LocalLink } from "../../../runtime/threads/local-link.ts";

test("what is sent at once arrives as one array, before the next pass of the event loop", async () => {
  const batches: number[][] = [];
  const link = new LocalLink<number>((items) => batches.push([...items]));
  for (let n = 0; n < 5; n += 1) link.push(n);
  expect(batches).toEqual([]);

  await Promise.resolve();

  expect(batches).toEqual([[0, 1, 2, 3, 4]]);
});

test("answers that bring new questions for ever still leave the event loop its turn", async () => {
  let deliveries = 0;
  const link = new LocalLink<number>((items) => {
    deliveries += 1;
    for (const item of items) link.push(item + 1);
  });
  link.push(0);

  await new Promise((resolve) => setTimeout(resolve, 1));
  const after = deliveries;
  await new Promise((resolve) => setTimeout(resolve, 1));
  link.close();

  expect(after).toBeGreaterThan(0);
  expect(deliveries).toBeGreaterThan(after);
});
