// Durable messages that together are larger than a batch may be: they are stored batch by batch.

import { afterEach, expect, test } from "vitest";
import { address } from "../../runtime/address.ts";
import { startTestSystem, stopAll } from "../support/threads-system.ts";

afterEach(stopAll);

/** Each tenant's are fewer than may wait of one. */
const TENANTS = 3;
const COUNT = 20;
const CHARS = 1_000_000;

test.each([0, 1])(
  "all are acknowledged and handled in their order (%i workers)",
  async (workers) => {
    const { system, exits } = await startTestSystem({ workers });
    const text = "x".repeat(CHARS);
    const counters = Array.from({ length: TENANTS }, (_, at) =>
      address({ kind: "counter", tenant: `tn_${at}`, root: "a" }),
    );
    const numbers = Array.from({ length: COUNT }, (_, n) => n);

    await Promise.all(
      numbers.flatMap((n) => counters.map((to) => system.send(to, { type: "add", n, text }))),
    );

    for (const to of counters) expect(await system.ask(to, { type: "all" })).toEqual(numbers);
    expect((await system.inspect()).deaths).toBe(0);
    expect(exits).toEqual([]);
  },
  60_000,
);
