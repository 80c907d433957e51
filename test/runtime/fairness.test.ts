// One tenant with a hundred times the load of another, at each thing they share. Time is counted in
// storage writes and positions, not seconds: the answer is the same on every machine.

import { MessageChannel } from "node:worker_threads";
import { expect, test } from "vitest";
import { defineActor } from "../../runtime/actor.ts";
import { SHARDS } from "../../runtime/address.ts";
import { runtimeConfig } from "../../runtime/config.ts";
import { Door } from "../../runtime/door/door.ts";
import { systemRandom } from "../../runtime/id.ts";
import { createKernel } from "../../runtime/kernel/kernel.ts";
import type { DoorItem } from "../../runtime/message.ts";
import { MemoryDisk } from "../../runtime/store/memory.ts";
import { LocalLink } from "../../runtime/threads/local-link.ts";
import { type Link, Wire } from "../../runtime/threads/wire.ts";

const TEXT = "x".repeat(400);

/** Writes 100 rows a message: ten of them fill a commit batch. */
const writer = defineActor<number, unknown>({
  kind: "writer",
  version: 1,
  initial: () => 0,
  mailboxMax: 100_000,
  receive(count, _message, turn) {
    for (let row = 0; row < 100; row += 1) turn.put(`r${row}`, TEXT);
    turn.reply(count + 1);
    return count + 1;
  },
});

/** Storage writes between the arrival of a quiet tenant's request and its answer, in 20 rounds. */
async function writesWaited(loudMessages: number): Promise<number[]> {
  const tasks: (() => void)[] = [];
  const defer = (call: () => void): void => void tasks.push(call);
  const disk = new MemoryDisk({ defer });
  const answered = new Map<number, number>();
  const kernel = createKernel({
    worker: 0,
    definitions: [writer],
    ports: {},
    store: disk.connect(),
    clock: { now: () => 1_000_000, elapsed: () => 0, after: () => ({ cancel: () => undefined }) },
    random: systemRandom,
    durability: "flushed",
    defer,
    toDoor: ({ id }) => answered.set(id, disk.commits),
    toPeer: () => undefined,
  });
  const run = async (isDone: () => boolean): Promise<void> => {
    while (!isDone()) {
      await new Promise((resolve) => setImmediate(resolve));
      // What there is now has its turn before what it leads to, as in a pass of the event loop.
      for (const task of tasks.splice(0)) task();
    }
  };
  let isOwned = false;
  const owning = kernel.own(new Map(Array.from({ length: SHARDS }, (_, shard) => [shard, 0])));
  void owning.then(() => {
    isOwned = true;
  });
  await run(() => isOwned);
  const waited: number[] = [];
  let id = 0;
  const request = (to: string): DoorItem => {
    id += 1;
    const rest = { message: null, deadlineMs: 2_000_000, want: "reply", level: "flushed" } as const;
    return { type: "request", id, to, ...rest };
  };
  for (let round = 0; round < 20; round += 1) {
    const flood = Array.from({ length: loudMessages }, (_, at) =>
      request(`writer:tn_loud/w${at % 10}`),
    );
    kernel.fromDoor(flood);
    // Somewhere in the middle of the flood.
    const rest = Math.floor((loudMessages * round) / 20);
    await run(() => answered.size >= id - rest);
    const before = disk.commits;
    kernel.fromDoor([request("writer:tn_quiet/w")]);
    const quiet = id;
    await run(() => answered.size === id);
    waited.push((answered.get(quiet) ?? 0) - before);
  }
  return waited;
}

test("beside a hundred times the load a quiet tenant's turn waits for at most twice the writes", async () => {
  const alone = await writesWaited(0);
  const beside = await writesWaited(100);

  expect(Math.max(...alone)).toBeGreaterThan(0);
  expect(Math.max(...beside)).toBeLessThanOrEqual(2 * Math.max(...alone));
});

test("without credit tenants take turns on the wire, each in its own order", async () => {
  const { port1, port2 } = new MessageChannel();
  const taken: string[] = [];
  let isOpen = false;
  const sender = new Wire<string, string>({
    port: port1,
    itemsMax: 4,
    tenantOf: (item) => item.slice(0, 1),
    receive: () => undefined,
  });
  const receiver = new Wire<string, string>({
    port: port2,
    itemsMax: 4,
    canGrant: () => isOpen,
    receive: (items) => taken.push(...items),
  });
  for (let at = 0; at < 100; at += 1) sender.push(`l${at}`);
  await sender.settled();
  sender.push("q0");
  sender.push("q1");

  isOpen = true;
  receiver.grant();
  await sender.emptied();

  expect(taken).toHaveLength(102);
  expect(taken.indexOf("q0")).toBeLessThanOrEqual(6);
  expect(taken.indexOf("q1")).toBeLessThanOrEqual(8);
  expect(taken.filter((item) => item.startsWith("l"))).toEqual(
    Array.from({ length: 100 }, (_, at) => `l${at}`),
  );
  sender.close();
  receiver.close();
});

function doorOf(limits: { requestsMax: number }): { door: Door; link: Link<DoorItem> } {
  const door = new Door({ config: runtimeConfig(limits), runRow: async () => undefined });
  const link = new LocalLink<DoorItem>(() => undefined);
  door.assigned(
    Array.from({ length: SHARDS }, (_, shard) => shard),
    link,
  );
  return { door, link };
}

test("one tenant cannot take the whole door", async () => {
  const { door } = doorOf({ requestsMax: 10 });
  const loud = Array.from({ length: 8 }, (_, at) => door.ask(`a:tn_loud/r${at}`, null));
  const refused = await Promise.allSettled(loud.slice(5));
  expect(refused.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  const quiet = Array.from({ length: 5 }, (_, at) => door.ask(`a:tn_quiet/r${at}`, null));
  const waiting = Promise.allSettled([...loud.slice(0, 5), ...quiet]);

  expect(door.figures()).toMatchObject({ waiting: 10, refused: 3 });
  door.end();
  await waiting;
  expect(door.figures()).toMatchObject({ waiting: 0 });
});

test("control goes before what waits, in its own order", async () => {
  const { port1, port2 } = new MessageChannel();
  const taken: number[][] = [];
  const wire = new Wire<number, number>({ port: port1, itemsMax: 64, receive: () => undefined });
  const other = new Wire<number, number>({
    port: port2,
    itemsMax: 64,
    receive: (items) => taken.push([...items]),
  });
  const local: number[] = [];
  const link = new LocalLink<number>((items) => local.push(...items));
  for (const one of [wire, link]) {
    for (let at = 0; at < 10; at += 1) one.push(at);
    one.pushUrgent(100);
    one.pushUrgent(101);
  }
  await wire.settled();
  await link.settled();

  expect(taken.flat().slice(0, 2)).toEqual([100, 101]);
  expect(local.slice(0, 2)).toEqual([100, 101]);
  wire.close();
  other.close();
});
