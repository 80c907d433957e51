// Balancing on real threads: shards that keep one worker busy while the other has nothing to do.

import { afterEach, expect, test } from "vitest";
import { type Address, shardOfAddress } from "../../../runtime/address.ts";
import { at, startTestSystem, stopAll } from "../../support/threads-system.ts";

afterEach(stopAll);

const HOT = 6;
const WORKERS = 2;
const TURN_MS = 4;
/** Balancing looks once a second and moves at the third uneven look. */
const SPREAD_MS = 30_000;

/** Actors on shards of their own, all of worker 0. */
function hotActors(): Address[] {
  const found = new Map<number, Address>();
  for (let n = 0; found.size < HOT; n += 1) {
    const actor = at("heavy", `hot-${n}`);
    const shard = shardOfAddress(actor);
    if (shard % WORKERS === 0 && !found.has(shard)) found.set(shard, actor);
  }
  return [...found.values()];
}

test("hot shards of one worker are on both after some seconds, and lose and re-order nothing", {
  timeout: 60_000,
}, async () => {
  const { system, log } = await startTestSystem({ workers: WORKERS });
  const actors = hotActors();
  const threads = actors.map(() => 0);
  const sent = actors.map(() => 0);
  const received: (readonly number[])[] = actors.map(() => []);
  let isOver = false;
  const add = async (which: number): Promise<void> => {
    const n = sent[which] ?? 0;
    sent[which] = n + 1;
    const answer = await system.ask(actors[which] as Address, { n, ms: TURN_MS });
    const { before, thread } = answer as { before: readonly number[]; thread: number };
    threads[which] = thread;
    if (before.length >= (received[which]?.length ?? 0)) received[which] = [...before, n];
  };
  const lanes = Promise.all(
    actors.flatMap((_, which) =>
      [0, 1].map(async () => {
        while (!isOver) await add(which);
      }),
    ),
  );
  lanes.catch(() => undefined);

  // They begin together on one worker.
  await expect.poll(() => Math.min(...threads)).toBeGreaterThan(0);
  expect(new Set(threads).size).toBe(1);
  const beganMs = performance.now();
  const fewest = (): number => {
    const each = new Map<number, number>();
    for (const thread of threads) each.set(thread, (each.get(thread) ?? 0) + 1);
    return each.size < WORKERS ? 0 : Math.min(...each.values());
  };
  await expect.poll(fewest, { timeout: SPREAD_MS }).toBeGreaterThanOrEqual(2);
  const spreadMs = performance.now() - beganMs;
  isOver = true;
  await lanes;

  console.log(`hot-shards.test: ${HOT} hot shards were on both after ${spreadMs.toFixed(0)} ms`);
  const { moves } = await system.inspect();
  expect(moves).toBeGreaterThanOrEqual(2);
  for (const [which, all] of received.entries()) {
    expect(all).toEqual(Array.from({ length: sent[which] ?? 0 }, (_, n) => n));
  }
  expect(log).toEqual([]);
});
