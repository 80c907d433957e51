// Slots of the compute pool on the test's own clock: slow tasks, and those that wait for others.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ComputeSlots, LENT_MAX } from "../../../runtime/threads/compute-slots.ts";

beforeEach(() => vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] }));
afterEach(() => vi.useRealTimers());

const never = new AbortController().signal;
const whileSlow = (): Promise<unknown> => vi.advanceTimersByTimeAsync(500);

/** Tasks of the slots, by name, in the order in which they began. */
function makeTasks(slots: number) {
  const computing = new ComputeSlots({ slots, waitingMax: 100 });
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const failed: string[] = [];
  const add = async (name: string, signal = never): Promise<void> => {
    const [tenant = ""] = name;
    await computing.enter(tenant, "", signal).then(
      (end) => {
        begun.push(name);
        ends.set(name, end);
      },
      () => failed.push(name),
    );
  };
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await vi.advanceTimersByTimeAsync(0);
  };
  return { computing, begun, failed, end, add: (...of: Parameters<typeof add>) => void add(...of) };
}

test("a slow task lends its slot to other tenants, and its own tenant begins nothing meanwhile", async () => {
  const { begun, add, end } = makeTasks(1);
  for (const name of ["a1", "a2", "a3", "b1"]) add(name);
  await whileSlow();
  expect(begun).toEqual(["a1", "b1"]);

  await end("b1");
  add("b2");
  await whileSlow();
  expect(begun).toEqual(["a1", "b1", "b2"]);

  await end("b2");
  await end("a1");
  await whileSlow();
  expect(begun).toEqual(["a1", "b1", "b2", "a2"]);
  await end("a2");
  expect(begun).toEqual(["a1", "b1", "b2", "a2", "a3"]);
});

test("with nobody else waiting a slow task keeps its slot", async () => {
  const { begun, add, end } = makeTasks(2);
  for (const name of ["a1", "a2", "a3"]) add(name);
  await whileSlow();
  expect(begun).toEqual(["a1", "a2"]);

  await end("a1");
  expect(begun).toEqual(["a1", "a2", "a3"]);
});

test("only so many slots are lent, and each counts again when its task ends", async () => {
  const { begun, add, end, computing } = makeTasks(1);
  const slow = Array.from("abcdefgh".slice(0, LENT_MAX + 2), (tenant) => `${tenant}1`);
  for (const name of slow) add(name);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(begun).toEqual(slow.slice(0, LENT_MAX + 1));

  await end("a1");
  await whileSlow();
  expect(begun).toEqual(slow);

  for (const name of slow) await end(name);
  expect(computing.waiting).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test("whoever waits for a slow task of its own tenant goes when its caller goes", async () => {
  const { begun, add, end, failed } = makeTasks(1);
  const caller = new AbortController();
  add("a1");
  add("b1");
  await whileSlow();
  add("a2", caller.signal);
  await end("b1");
  caller.abort();
  await vi.advanceTimersByTimeAsync(0);
  expect(failed).toEqual(["a2"]);

  await end("a1");
  add("a3");
  await vi.advanceTimersByTimeAsync(0);
  expect(begun).toEqual(["a1", "b1", "a3"]);
});
