// Which shards move, decided from figures alone.

import { expect, test } from "vitest";
import {
  BALANCE_LIMITS,
  balance,
  NEW_BALANCE,
  type WorkerLoad,
} from "../../../runtime/threads/rebalance.ts";

const limits = { ...BALANCE_LIMITS, looks: 1 };

/** A worker with these loads in percent; its shards are numbered from 100 times its own number. */
function worker(number: number, loads: readonly number[], canTake = true): WorkerLoad {
  const shards = new Map(loads.map((load, at) => [number * 100 + at, load / 100]));
  const busy = loads.reduce((sum, load) => sum + load, 0) / 100;
  return { worker: number, busy, canTake, shards };
}

const cases: readonly {
  readonly what: string;
  readonly workers: readonly WorkerLoad[];
  readonly moves: readonly { from: number; to: number; shards: readonly number[] }[];
}[] = [
  {
    what: "even workers keep what they have",
    workers: [worker(0, [40]), worker(1, [40])],
    moves: [],
  },
  {
    what: "a worker that is not busy keeps what it has",
    workers: [worker(0, [20, 20, 5]), worker(1, [0, 0, 0])],
    moves: [],
  },
  {
    what: "the heaviest shards that fit into half the gap go to the idlest",
    workers: [worker(0, [50, 30, 10]), worker(1, [20, 0, 0]), worker(2, [5, 0, 0])],
    moves: [{ from: 0, to: 2, shards: [1, 2] }],
  },
  {
    what: "one shard that is all the load stays: moved, it would only be busy elsewhere",
    workers: [worker(0, [90, 0, 0]), worker(1, [0, 0, 0])],
    moves: [],
  },
  {
    what: "its neighbours leave it instead",
    workers: [worker(0, [70, 10, 10]), worker(1, [0, 0, 0])],
    moves: [{ from: 0, to: 1, shards: [2, 1] }],
  },
  {
    what: "a worker that has just died over something is given nothing",
    workers: [worker(0, [50, 30]), worker(1, [], false)],
    moves: [],
  },
  {
    what: "a new worker gets its share of the number, of the idlest shards",
    workers: [worker(0, [9, 1, 2, 3]), worker(1, [])],
    moves: [{ from: 0, to: 1, shards: [1, 2] }],
  },
  {
    what: "no more than four shards move at one look",
    workers: [worker(0, [10, 10, 10, 10, 10, 10, 10, 10]), worker(1, [0, 0, 0, 0, 0, 0, 0, 0])],
    moves: [{ from: 0, to: 1, shards: [7, 6, 5, 4] }],
  },
];

test.each(cases)("$what", ({ workers, moves }) => {
  expect(balance(workers, NEW_BALANCE, 1_000_000, limits).moves).toEqual(moves);
});

test("an uneven load is looked at three times before anything moves", () => {
  const workers = [worker(0, [50, 30]), worker(1, [0, 0])];
  let state = NEW_BALANCE;
  const moved = [1, 2, 3].map((second) => {
    const look = balance(workers, state, second * 1_000);
    state = look.state;
    return look.moves.length;
  });

  expect(moved).toEqual([0, 0, 1]);
});

test("a load that comes and goes in turns moves nothing", () => {
  const uneven = [worker(0, [50, 30]), worker(1, [0, 0])];
  const even = [worker(0, [40, 0]), worker(1, [40, 0])];
  let state = NEW_BALANCE;
  for (let second = 0; second < 60; second += 1) {
    const look = balance(second % 3 === 2 ? even : uneven, state, second * 1_000);
    state = look.state;
    expect(look.moves).toEqual([]);
  }
});

test("whatever the loads are, nothing goes back and forth and moves are bounded", () => {
  const shards = Array.from({ length: 64 }, (_, shard) => shard);
  const owner = new Map(shards.map((shard) => [shard, shard % 4]));
  const movedAt = new Map<number, number[]>();
  let state = NEW_BALANCE;
  for (let second = 0; second < 600; second += 1) {
    // A hot spot that wanders, faster than anybody could follow.
    const load = (shard: number): number => ((shard * 7 + second) % 64 < 6 ? 0.15 : 0.002);
    const workers = [0, 1, 2, 3].map((number): WorkerLoad => {
      const own = shards.filter((shard) => owner.get(shard) === number);
      const busy = own.reduce((sum, shard) => sum + load(shard), 0);
      return {
        worker: number,
        busy: Math.min(1, busy),
        canTake: true,
        shards: new Map(own.map((shard) => [shard, load(shard) / Math.max(1, busy)])),
      };
    });
    const look = balance(workers, state, second * 1_000);
    state = look.state;
    for (const move of look.moves) {
      for (const shard of move.shards) {
        expect(owner.get(shard)).toBe(move.from);
        owner.set(shard, move.to);
        movedAt.set(shard, [...(movedAt.get(shard) ?? []), second]);
      }
    }
  }

  for (const seconds of movedAt.values()) {
    for (const [at, second] of seconds.entries()) {
      const before = seconds[at - 1];
      if (before !== undefined)
        expect((second - before) * 1_000).toBeGreaterThanOrEqual(BALANCE_LIMITS.restMs);
    }
  }
  const all = [...movedAt.values()].flat();
  for (let second = 0; second < 600; second += 1) {
    const inMinute = all.filter((at) => at >= second && at < second + 60);
    expect(inMinute.length).toBeLessThanOrEqual(BALANCE_LIMITS.movesAMinute);
  }
});
