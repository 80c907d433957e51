// Who goes on in a pass of the event loop: so many, tenants in turn.

import { expect, test } from "vitest";
import { FairPass } from "../../../runtime/shared/fair-pass.ts";

function passes(most: number): { pass: FairPass; end: () => void } {
  let deferred: (() => void) | undefined;
  const defer = (call: () => void): void => {
    deferred = call;
  };
  const end = (): void => {
    const call = deferred;
    deferred = undefined;
    call?.();
  };
  return { pass: new FairPass({ defer, most }), end };
}

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
