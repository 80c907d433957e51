// Batching, order and credit between two ends of a port.

import { MessageChannel } from "node:worker_threads";
import { afterEach, expect, test } from "vitest";
import { Wire } from "../../../runtime/threads/wire.ts";

const open: Wire<number, number>[] = [];
afterEach(() => {
  for (const wire of open.splice(0)) wire.close();
});

function pair(options: { itemsMax: number; canGrant?: () => boolean }) {
  const { port1, port2 } = new MessageChannel();
  const batches: number[][] = [];
  const sender = new Wire<number, number>({
    port: port1,
    itemsMax: options.itemsMax,
    receive: () => undefined,
  });
  const receiver = new Wire<number, number>({
    port: port2,
    receive: (items) => batches.push([...items]),
    ...options,
  });
  open.push(sender, receiver);
  return { sender, receiver, batches };
}

test("what one pass sends arrives as one array, in order", async () => {
  const { sender, batches } = pair({ itemsMax: 100 });
  for (let n = 0; n < 50; n += 1) sender.push(n);

  await sender.settled();

  expect(batches).toEqual([Array.from({ length: 50 }, (_, n) => n)]);
});

test("a receiver that gives no credit holds a bounded number; the rest waits at the sender", async () => {
  let isOpen = false;
  const { sender, receiver, batches } = pair({ itemsMax: 64, canGrant: () => isOpen });
  for (let n = 0; n < 200; n += 1) sender.push(n);
  await sender.settled();
  expect(batches.flat()).toHaveLength(64);
  expect(sender.backlog).toBe(136);
  sender.pushUrgent(-1);
  await sender.settled();
  expect(batches.flat().at(-1)).toBe(-1);

  isOpen = true;
  receiver.grant();
  await expect.poll(() => batches.flat().length).toBe(201);

  expect(batches.flat().filter((n) => n >= 0)).toEqual(Array.from({ length: 200 }, (_, n) => n));
});

test("what has not left can be taken back, and what has arrived is still taken at the end", async () => {
  const { sender, receiver, batches } = pair({ itemsMax: 64, canGrant: () => false });
  for (let n = 0; n < 70; n += 1) sender.push(n);
  sender.flush();

  receiver.takeArrived();

  expect(batches.flat()).toHaveLength(64);
  expect(sender.takeUnsent()).toEqual([64, 65, 66, 67, 68, 69]);
});

test("what cannot cross is told to its sender, and all others cross in their order", async () => {
  const { port1, port2 } = new MessageChannel();
  const refused: unknown[] = [];
  const came: unknown[] = [];
  const call = (): number => 1;
  const sender = new Wire<unknown, unknown>({
    port: port1,
    itemsMax: 64,
    receive: () => undefined,
    refused: (item) => {
      refused.push(item);
      sender.push("one could not");
    },
  });
  const receiver = new Wire<unknown, unknown>({
    port: port2,
    itemsMax: 64,
    receive: (items) => came.push(...items),
  });
  open.push(sender as Wire<number, number>, receiver as Wire<number, number>);
  // More often than there is credit: what was refused has cost none.
  for (let n = 0; n < 100; n += 1) {
    sender.push(n);
    sender.push(call);
    sender.push(-n);
    await sender.emptied();
  }
  sender.pushUrgent(call);
  await sender.emptied();
  await sender.emptied();

  expect(refused).toEqual(Array(101).fill(call));
  const numbers = came.filter((item) => typeof item === "number");
  expect(numbers).toEqual(Array.from({ length: 100 }, (_, n) => [n, -n]).flat());
  expect(came.filter((item) => item === "one could not")).toHaveLength(101);
});
