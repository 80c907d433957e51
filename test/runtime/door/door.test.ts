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
  const waiting = door.ask(to, "patient", keyed("patient"));
  for (let death = 0; death < DEATHS; death += 1) {
    const worker = newWorker();
    door.assigned(shards, worker);
    expect(blamed(worker.taken)).toEqual([[1, 0]]);
    door.lost(worker);
  }
  const worker = newWorker();
  door.assigned(shards, worker);
  door.deliver([{ type: "reply", id: 1, value: "at last" }], worker);

  expect(await waiting).toBe("at last");
  expect(door.figures()).toMatchObject({ resent: DEATHS, lost: 0, waiting: 0 });
  door.end();
});

test("deaths that one request is blamed for count against that one alone", () => {
  const door = newDoor();
  door.ask(to, "deadly", keyed("deadly")).catch(() => undefined);
  door.ask(to, "harmless", keyed("harmless")).catch(() => undefined);
  for (let death = 0; death < 3; death += 1) {
    for (const guilty of [{ unit: to, door: 1 }, null]) {
      const worker = newWorker();
      door.assigned(shards, worker);
      door.lost(worker, guilty);
    }
  }
  const worker = newWorker();
  door.assigned(shards, worker);

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
