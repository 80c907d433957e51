// Two moves asked for at once, without threads: what one has brought to rest is not let go by another.

import { expect, test } from "vitest";
import { Balancer } from "../../../runtime/threads/balancer.ts";
import type { Placement } from "../../../runtime/threads/placement.ts";
import type { WorkerHandle } from "../../../runtime/threads/worker-handle.ts";

const pass = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Two workers, of which the first has shards 1, 2 and 3; `freeze` says which are at rest. */
function twoWorkers(freeze: (shards: readonly number[]) => Promise<readonly number[]>) {
  const course: string[] = [];
  const worker = (number: number): WorkerHandle =>
    ({
      number,
      death: undefined,
      freeze: (shards: readonly number[]) => {
        course.push(`freeze ${shards.join()}`);
        return freeze(shards);
      },
      thaw: async (shards: readonly number[]) => void course.push(`thaw ${shards.join()}`),
    }) as unknown as WorkerHandle;
  const [first, second] = [worker(0), worker(1)];
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
    members: () => [first, second],
    isStaying: () => true,
    change: (call) => {
      changes = changes.then(call);
      return changes;
    },
  });
  return { balancer, first, course };
}

test("one move ends before the next one brings its shards to rest", async () => {
  const { balancer, first, course } = twoWorkers(async (shards) => {
    await pass();
    return shards;
  });

  await Promise.all([
    balancer.run([{ from: 0, to: 1, shards: [1, 2] }]),
    balancer.clear(first, 0),
    balancer.run([{ from: 0, to: 1, shards: [3] }]),
  ]);

  expect(course).toEqual([
    ...["freeze 1,2", "move 1,2"],
    ...["freeze 1,2,3", "move 1,2,3"],
    ...["freeze 3", "move 3"],
  ]);
});

test("each shard moves when it is at rest itself; one that is not in time goes on, or is cut", async () => {
  const { balancer, first, course } = twoWorkers(async (shards) => {
    await pass();
    return shards.filter((shard) => shard !== 3).slice(0, 1);
  });

  expect(await balancer.run([{ from: 0, to: 1, shards: [1, 2, 3] }])).toBe(2);
  await balancer.clear(first, 1_000);

  const moves = ["freeze 1,2,3", "move 1", "freeze 2,3", "move 2", "freeze 3"];
  expect(course).toEqual([...moves, "thaw 3", ...moves, "move 3"]);
});
