// Who goes on in a pass of the event loop: so many, tenants in turn.

import { expect, test } from "vitest";
import { FairPass } from "../../../runtime/shared/fair-pass.ts";

/** `freeMs` is counted on a clock that stands. */
function passes(
  most: number,
  freeMs?: number,
): { pass: FairPass; end: () => void; work: (ms: number) => void } {
  let nowMs = 0;
  let deferred: (() => void) | undefined;
  const defer = (call: () => void): void => {
    deferred = call;
  };
  const end = (): void => {
    const call = deferred;
    deferred = undefined;
    call?.();
  };
  const work = (ms: number): void => {
    nowMs += ms;
  };
  const options = { defer, most, now: () => nowMs, ...(freeMs === undefined ? {} : { freeMs }) };
  return { pass: new FairPass(options), end, work };
}

/** Whoever waits comes, works after a few promises, and says its name. */
async function worksFor(
  { pass, work }: Pick<ReturnType<typeof passes>, "pass" | "work">,
  [name, ms]: readonly [string, number],
  order: string[],
): Promise<void> {
  await pass.turn(name);
  for (let at = 0; at < 10; at += 1) await undefined;
  work(ms);
  order.push(name);
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("so many go on in a pass; of those that wait a quiet tenant's comes in the next one", () => {
  const { pass, end } = passes(3);
  const order: string[] = [];
  for (let at = 0; at < 9; at += 1) pass.next("loud", () => order.push(`loud ${at}`));
  pass.next("quiet", () => order.push("quiet"));

  expect(order).toEqual(["loud 0", "loud 1", "loud 2"]);
  end();
  expect(order.slice(3)).toHaveLength(3);
  expect(order.slice(3)).toContain("quiet");
  while (pass.size > 0) end();
  expect(order.filter((name) => name !== "quiet")).toEqual(
    Array.from({ length: 9 }, (_, at) => `loud ${at}`),
  );
});

test("with nobody waiting one goes on at once, however many went in passes before", () => {
  const { pass, end } = passes(1);
  for (let at = 0; at < 5; at += 1) {
    expect(pass.isNow()).toBe(true);
    end();
  }
  expect(pass.isNow()).toBe(true);
  expect(pass.isNow()).toBe(false);
});

test("of work that takes long one piece is done in a pass, also when promises lie between turn and work", async () => {
  const { pass, end, work } = passes(1, 2);
  const order: string[] = [];
  for (const name of ["loud", "loud", "loud", "quiet"]) {
    void worksFor({ pass, work }, [name, 3], order);
  }
  await settled();
  expect(order).toEqual(["loud"]);

  end();
  await settled();
  expect(order).toEqual(["loud", "loud"]);

  end();
  await settled();
  expect(order).toEqual(["loud", "loud", "quiet"]);
});

test("of small work as much is done in a pass as there is time for, each piece after the one before", async () => {
  const { pass, end, work } = passes(1, 2);
  const order: string[] = [];
  expect(pass.isNow()).toBe(true);
  work(2);
  for (let at = 0; at < 9; at += 1) void worksFor({ pass, work }, [`t${at}`, 0.5], order);
  await settled();
  expect(order).toEqual([]);

  end();
  await settled();
  expect(order).toEqual(["t0", "t1", "t2", "t3"]);

  end();
  await settled();
  expect(order).toHaveLength(8);
});
