// Two moves asked for at once, without threads: what one has brought to rest is not let go by another.

import { expect, test } from "vitest";
import { Balancer } from "../../../runtime/threads/balancer.ts";
import type { Placement } from "../../../runtime/threads/placement.ts";
import type { WorkerHandle } from "../../../runtime/threads/worker-handle.ts";

const pass = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("one move ends before the next one brings its shards to rest", async () => {
  const course: string[] = [];
  const worker = (number: number): WorkerHandle =>
    ({
      number,
      death: undefined,
      freeze: async (shards: readonly number[]) => {
        course.push(`freeze ${shards.join()}`);
        await pass();
        return shards;
      },
      thaw: async (shards: readonly number[]) => void course.push(`thaw ${shards.join()}`),
    }) as unknown as WorkerHandle;
  const members = [worker(0), worker(1)];
  const placement = {
    shardsOf: (number: number) => (number === 0 ? [1, 2, 3] : []),
    move: async (_from: unknown, _to: unknown, shards: readonly number[]) => {
      await pass();
      course.push(`move ${shards.join()}`);
      return true;
    },
  } as unknown as Placement;
  let changes: Promise<void> = Promise.resolve();
  const balancer = new Balancer({
    placement,
    members: () => members,
    isStaying: () => true,
    change: (call) => {
      changes = changes.then(call);
      return changes;
    },
  });
  const [first] = members;
  if (first === undefined) throw new Error("There are two workers.");

  await Promise.all([
    balancer.run([{ from: 0, to: 1, shards: [1, 2] }]),
    balancer.clear(first, 0, false),
    balancer.run([{ from: 0, to: 1, shards: [3] }]),
  ]);

  expect(course).toEqual([
    ...["freeze 1,2", "move 1,2"],
    ...["freeze 1,2,3", "move 1,2,3"],
    ...["freeze 3", "move 3"],
  ]);
});
