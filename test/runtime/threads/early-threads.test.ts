// Threads that were started before their work: taken once, or ended without having had any.

import { once } from "node:events";
import { expect, test } from "vitest";
import { EarlyThreads } from "../../../runtime/threads/early-threads.ts";

const program = new URL("../../support/threads-worker.js", import.meta.url);

test("a thread is handed out once, and one that was not is ended without a boot", async () => {
  const early = new EarlyThreads(program, 2);
  const [taken, again] = [early.take(0), early.take(0)];

  await early.end();

  expect([taken !== undefined, again, early.take(1)]).toEqual([true, undefined, undefined]);
  taken?.postMessage(null);
  if (taken !== undefined) expect(await once(taken, "exit")).toEqual([0]);
});

test("a thread whose program does not load is not handed out", async () => {
  const early = new EarlyThreads(new URL("./no-such-module.js", import.meta.url), 1);

  await early.end();

  expect(early.take(0)).toBeUndefined();
});
