// What the door does with requests when the workers that have them die, with links that keep what they
// are given.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { address, shardOfAddress } from "../../../runtime/address.ts";
import { runtimeConfig } from "../../../runtime/config.ts";
import { Door } from "../../../runtime/door/door.ts";
import type { Out } from "../../../runtime/door/door-entry.ts";
import type { DoorItem } from "../../../runtime/message.ts";

const to = address({ kind: "counter", tenant: "tn_1", root: "a" });
const shards = [shardOfAddress(to)];
const DEATHS = 50;
/** The longest time a request is held before it is sent again, and the look at it. */
const HELD_MS = 5_200;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A worker that takes everything at once and does nothing with it. */
function newWorker(): Out & { readonly taken: DoorItem[] } {
  const taken: DoorItem[] = [];
  const push = (item: DoorItem): void => void taken.push(item);
  return {
    ...{ taken, push, pushUrgent: push, backlog: 0, backlogOf: () => 0, takeUnsent: () => [] },
    ...{ settled: () => Promise.resolve(), close: () => undefined },
  };
}

const newDoor = (): Door =>
  new Door({ config: runtimeConfig(), runRow: async () => Promise.resolve(undefined) });

const keyed = (name: string, timeoutMs?: number) => ({
  key: { source: "test", key: name, bodyHash: "-", hours: 1 },
  ...(timeoutMs === undefined ? {} : { timeoutMs }),
});

/** The number of an item and the deaths that are counted against it. */
const blamed = (items: readonly DoorItem[]): unknown =>
  items.map((item) => [item.id, item.type === "request" ? (item.deaths ?? 0) : null]);

test("a keyed request is sent again however many threads die under it, and none counts against it", async () => {
  const door = newDoor();
  const waiting = door.ask(to, "patient", keyed("patient", 2 * DEATHS * HELD_MS));
  for (let death = 0; death < DEATHS; death += 1) {
    const worker = newWorker();
    door.assigned(shards, worker);
    await vi.advanceTimersByTimeAsync(HELD_MS);
    expect(blamed(worker.taken)).toEqual([[1, 0]]);
    door.lost(worker);
  }
  const worker = newWorker();
  door.assigned(shards, worker);
  await vi.advanceTimersByTimeAsync(HELD_MS);
  door.deliver([{ type: "reply", id: 1, value: "at last" }], worker);

  expect(await waiting).toBe("at last");
  expect(door.figures()).toMatchObject({ resent: DEATHS, lost: 0, waiting: 0 });
  door.end();
});

test("a request under which thread after thread dies kills few of them until its deadline; others are not held", async () => {
  const door = newDoor();
  const deadly = door.ask(to, "deadly", keyed("deadly", 30_000)).catch((error) => error.code);
  let deaths = 0;
  let isLater = false;
  let worker = newWorker();
  door.assigned(shards, worker);
  for (let time = 0; time < 32_000; time += 100) {
    if (worker.taken.some((item) => item.id === 1 && item.type === "request")) {
      deaths += 1;
      door.lost(worker);
      worker = newWorker();
      door.assigned(shards, worker);
      if (deaths === 10) {
        door.ask(to, "later").catch(() => undefined);
        isLater = worker.taken.some((item) => item.id === 2);
      }
    }
    await vi.advanceTimersByTimeAsync(100);
  }

  expect(await deadly).toBe("DEADLINE");
  expect(isLater).toBe(true);
  expect(deaths).toBeGreaterThanOrEqual(12);
  expect(deaths).toBeLessThanOrEqual(15);
  door.end();
});

test("deaths that one request is blamed for count against that one alone", async () => {
  const door = newDoor();
  door.ask(to, "deadly", keyed("deadly", 60_000)).catch(() => undefined);
  door.ask(to, "harmless", keyed("harmless", 60_000)).catch(() => undefined);
  for (let death = 0; death < 3; death += 1) {
    for (const guilty of [{ unit: to, door: 1 }, null]) {
      const worker = newWorker();
      door.assigned(shards, worker);
      await vi.advanceTimersByTimeAsync(HELD_MS);
      door.lost(worker, guilty);
    }
  }
  const worker = newWorker();
  door.assigned(shards, worker);
  await vi.advanceTimersByTimeAsync(HELD_MS);

  expect(blamed(worker.taken)).toEqual([
    [1, 3],
    [2, 0],
  ]);
  door.end();
});

test("a keyed request is not sent again after its deadline, one without a key not at all", async () => {
  const door = newDoor();
  const answers: unknown[] = [];
  const note = (error: { readonly code: string }): number => answers.push(error.code);
  door.ask(to, "unkeyed").catch(note);
  door.ask(to, "keyed", keyed("keyed", 10_000)).catch(note);
  let worker = newWorker();
  door.assigned(shards, worker);
  for (let second = 0; second < 20; second += 1) {
    door.lost(worker);
    worker = newWorker();
    door.assigned(shards, worker);
    await vi.advanceTimersByTimeAsync(1_000);
  }

  expect(answers).toEqual(["WORKER_LOST", "DEADLINE"]);
  expect(worker.taken).toEqual([]);
  door.end();
});
