// The gate of work: how many are let in, in whose turn, and that whoever waits gets in or is told.

import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  GATE_WAIT_MS_MAX,
  GATE_WAITING_MAX,
  LOOKS_IN_VAIN_MAX,
  UNDER_WAY_MIN,
} from "../../../adapters/http/gate/lane.ts";
import { HELD_MS_MAX } from "../../../adapters/http/gate/quiet-tenants.ts";
import { COMPANY_MS, GATE_LOOK_MS, WorkGate } from "../../../adapters/http/gate/work-gate.ts";

let busy = 0;
let passMs = 0.1;
let cpu = 0;
let nowMs = 0;
const alone = () => ({ signal: new AbortController().signal });

beforeEach(() => {
  vi.useFakeTimers();
  busy = 0;
  passMs = 0.1;
  cpu = 0;
  nowMs = 1_000;
});
afterEach(() => vi.useRealTimers());

function makeGate(): WorkGate {
  return new WorkGate({
    load: () => ({ busy, passMs, turns: { busy, passMs }, cpu }),
    now: () => nowMs,
  });
}

/** Chats of one tenant at a gate, and those that are in. */
class Chats {
  inside = 0;
  readonly errors: unknown[] = [];

  readonly gate: WorkGate;
  readonly tenant: string;

  constructor(gate: WorkGate, tenant: string) {
    this.gate = gate;
    this.tenant = tenant;
  }

  /** Whether it got in at once. */
  come(signal = new AbortController().signal): boolean {
    const entering = this.gate.chats.enter(this.tenant, "key", { signal });
    if (entering === undefined) {
      this.inside += 1;
      return true;
    }
    entering.then(
      () => {
        this.inside += 1;
      },
      (error: unknown) => this.errors.push(error),
    );
    return false;
  }

  leave(): void {
    this.inside -= 1;
    this.gate.chats.leave(this.tenant);
  }
}

/** A loud tenant with so many chats at the gate, after another one has chatted. */
async function flood(count: number): Promise<{ gate: WorkGate; loud: Chats; quiet: Chats }> {
  const gate = makeGate();
  const [loud, quiet] = [new Chats(gate, "loud"), new Chats(gate, "quiet")];
  loud.come();
  quiet.come();
  quiet.leave();
  for (let at = 1; at < count; at += 1) loud.come();
  await settled();
  return { gate, loud, quiet };
}

const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
async function looks(count: number): Promise<void> {
  for (let look = 0; look < count; look += 1) {
    nowMs += GATE_LOOK_MS;
    await vi.advanceTimersByTimeAsync(GATE_LOOK_MS);
  }
}

test("on busy threads a flood has a few chats under way, and a quiet tenant's chat never waits", async () => {
  busy = 1;
  const { loud, quiet, gate } = await flood(100);

  for (let round = 0; round < 50; round += 1) {
    await looks(1);
    expect(loud.inside).toBe(UNDER_WAY_MIN);
    expect(quiet.come()).toBe(true);
    quiet.leave();
    loud.leave();
    await settled();
  }
  expect(gate.chats.figures()).toEqual({
    underWay: UNDER_WAY_MIN,
    waiting: 100 - 50 - UNDER_WAY_MIN,
    limit: UNDER_WAY_MIN,
  });
});

test("on loaded threads a flood begins nothing more until a quiet tenant's chat is answered", async () => {
  busy = 0.6;
  passMs = 1.3;
  const { loud, quiet, gate } = await flood(100);
  await looks(1);
  const third = new Chats(gate, "third");

  expect(quiet.come()).toBe(true);
  loud.leave();
  loud.leave();
  await settled();
  expect(loud.inside).toBe(UNDER_WAY_MIN - 2);
  expect(third.come()).toBe(true);
  quiet.leave();
  await settled();
  expect(loud.inside).toBe(UNDER_WAY_MIN - 2);

  third.leave();
  await settled();
  expect(loud.inside).toBe(UNDER_WAY_MIN);
});

test("a quiet tenant's chat holds back the requests of others too, which wait in a lane of their own", async () => {
  busy = 1;
  const { gate, loud, quiet } = await flood(100);
  const { requests } = gate;
  const asked = Array.from({ length: 10 }, () => requests.enter("loud", "key", alone()));
  expect(asked.filter((entering) => entering === undefined)).toHaveLength(UNDER_WAY_MIN);
  await looks(1);

  quiet.come();
  requests.leave("loud");
  await settled();
  expect(requests.figures()).toMatchObject({ underWay: UNDER_WAY_MIN - 1, waiting: 6 });
  expect(loud.inside).toBe(UNDER_WAY_MIN);
  quiet.leave();
  await settled();
  expect(requests.figures()).toMatchObject({ underWay: UNDER_WAY_MIN, waiting: 5 });
});

test("a flood that computes in threads without a loop holds back too", async () => {
  busy = 0.4;
  passMs = 1;
  cpu = 0.95;
  const { loud, quiet } = await flood(100);
  await looks(1);

  quiet.come();
  loud.leave();
  loud.leave();
  await settled();

  expect(loud.inside).toBe(UNDER_WAY_MIN - 2);
});

test("beside requests alone a chat of a quiet tenant is told from theirs", async () => {
  busy = 1;
  const gate = makeGate();
  new Chats(gate, "other").come();
  for (let at = 0; at < 10; at += 1) void gate.requests.enter("loud", "key", alone());
  await looks(1);

  new Chats(gate, "quiet").come();
  gate.requests.leave("loud");
  await settled();
  expect(gate.requests.figures().underWay).toBe(UNDER_WAY_MIN - 1);
});

test("a quiet tenant's chat holds the others back for a while at most, though it goes on", async () => {
  busy = 1;
  const { loud, quiet } = await flood(100);
  await looks(1);
  quiet.come();
  for (let at = 0; at < UNDER_WAY_MIN; at += 1) loud.leave();
  await settled();
  expect(loud.inside).toBe(0);

  await looks(HELD_MS_MAX.loaded / GATE_LOOK_MS);

  expect(loud.inside).toBe(UNDER_WAY_MIN - 1);
});

test("threads with time to spare hold nobody back", async () => {
  busy = 0.3;
  const { loud, quiet } = await flood(100);
  quiet.come();
  await looks(2);

  expect(loud.inside).toBeGreaterThan(UNDER_WAY_MIN);
});

test("a flood lets no more in because the threads were idle until it came", async () => {
  busy = 0.1;
  const { loud } = await flood(100);
  await looks(1);
  expect(loud.inside).toBe(UNDER_WAY_MIN);

  busy = 1;
  await looks(5);

  expect(loud.inside).toBe(UNDER_WAY_MIN);
});

test("where a pass takes long no more are let in, though the threads seem to have time", async () => {
  const { loud } = await flood(100);
  busy = 0.6;
  passMs = 1.3;
  await looks(LOOKS_IN_VAIN_MAX - 1);
  expect(loud.inside).toBe(UNDER_WAY_MIN);

  passMs = 0.5;
  await looks(10);
  expect(loud.inside).toBeGreaterThan(UNDER_WAY_MIN);

  passMs = 3;
  for (let leaving = 0; leaving < 40; leaving += 1) {
    await looks(1);
    if (loud.inside > UNDER_WAY_MIN) loud.leave();
    await settled();
  }
  expect(loud.inside).toBeLessThanOrEqual(UNDER_WAY_MIN + 1);
});

test("threads with time to spare let everybody in within a few looks", async () => {
  const { loud } = await flood(1_000);

  busy = 0.2;
  await looks(8);

  expect(loud.inside).toBe(1_000);
});

test("threads that are nearly busy let a few more in at each look, and fewer again when it was too much", async () => {
  const { loud, gate } = await flood(100);
  busy = 0.8;
  await looks(3);
  const more = loud.inside;
  expect(more).toBeGreaterThan(UNDER_WAY_MIN);
  expect(more).toBeLessThan(2 * UNDER_WAY_MIN);

  busy = 0.2;
  await looks(4);
  busy = 1;
  await looks(1);
  const { limit } = gate.chats.figures();
  expect(limit).toBeLessThan(loud.inside);
  // What it was let down to has not been reached: it stays until it is.
  loud.leave();
  await looks(5);
  expect(gate.chats.figures().limit).toBe(limit);
});

test("a tenant that is alone is let in whatever it brings, also when the other one has long gone", async () => {
  busy = 1;
  const gate = makeGate();
  const alone = new Chats(gate, "alone");
  for (let at = 0; at < 500; at += 1) alone.come();
  expect(alone.inside).toBe(500);

  const { loud } = await flood(500);
  expect(loud.inside).toBe(UNDER_WAY_MIN);
  nowMs += COMPANY_MS;
  await looks(1);
  expect(loud.inside).toBe(500);
});

test("whoever waits gets in, whatever tenants come and go meanwhile on busy threads", async () => {
  busy = 1;
  const tenant = fc.integer({ min: 0, max: 7 });
  const step = fc.record({ tenant, comes: fc.boolean(), looksAfter: fc.nat({ max: 2 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const gate = makeGate();
      const all = Array.from({ length: 8 }, (_, at) => new Chats(gate, `t${at}`));
      let came = 0;
      let left = 0;
      const leave = (chats: Chats | undefined): void => {
        if (chats === undefined || chats.inside === 0) return;
        chats.leave();
        left += 1;
      };
      for (const { tenant: at, comes, looksAfter } of steps) {
        if (comes) {
          came += 1;
          all[at]?.come();
        } else leave(all[at]);
        await looks(looksAfter);
        await settled();
      }
      while (left < came) {
        const before = left;
        for (const chats of all) leave(chats);
        await settled();
        if (left === before) return false;
      }
      const { underWay, waiting } = gate.chats.figures();
      return underWay === 0 && waiting === 0;
    }),
    { numRuns: 200 },
  );
});

test("beside more tenants than the limit, each with one chat after the other, a second chat gets in", async () => {
  busy = 1;
  const gate = makeGate();
  const all = Array.from({ length: 3 * UNDER_WAY_MIN }, (_, at) => new Chats(gate, `t${at}`));
  for (const chats of all) expect(chats.come()).toBe(true);
  const [first, ...others] = all;
  first?.come();
  expect(first?.come()).toBe(false);

  for (const chats of others) {
    chats.leave();
    chats.come();
  }
  await settled();
  expect(first?.inside).toBe(2);
  first?.leave();
  await settled();

  expect(first?.inside).toBe(2);
});

test("chats that are under way and only wait keep nobody out for long", async () => {
  busy = 1;
  const gate = makeGate();
  const waiting = new Chats(gate, "one");
  for (let at = 0; at < 100; at += 1) waiting.come();
  new Chats(gate, "other").come();
  expect(waiting.come()).toBe(false);

  await looks(LOOKS_IN_VAIN_MAX);

  expect(waiting.inside).toBe(101);
});

test("those that wait get in tenant by tenant", async () => {
  busy = 1;
  const { gate, loud } = await flood(50);
  const third = new Chats(gate, "third");
  third.come();
  third.come();
  third.come();
  expect(third.inside).toBe(1);

  for (let at = 0; at < 3; at += 1) loud.leave();
  await settled();

  expect(third.inside).toBe(2);
});

test("whoever goes away while it waits takes no place, and whoever waits too long is told", async () => {
  busy = 1;
  const { gate, loud } = await flood(UNDER_WAY_MIN);
  const away = new AbortController();
  expect(loud.come(away.signal)).toBe(false);
  for (let at = 0; at < 100; at += 1) expect(loud.come()).toBe(false);
  away.abort(new Error("gone"));
  await settled();
  expect(loud.errors).toEqual([new Error("gone")]);
  expect(gate.chats.figures().waiting).toBe(100);

  await vi.advanceTimersByTimeAsync(GATE_WAIT_MS_MAX);

  expect(loud.errors[1]).toMatchObject({ code: "DEADLINE" });
  expect(gate.chats.figures()).toMatchObject({ waiting: 0, underWay: loud.inside });
  expect(loud.inside + loud.errors.length).toBe(UNDER_WAY_MIN + 101);
});

test("of one tenant's chats half of all places may wait; more are refused with when to come again", async () => {
  busy = 1;
  const { loud } = await flood(UNDER_WAY_MIN + GATE_WAITING_MAX / 2);
  expect(loud.errors).toEqual([]);

  loud.come();
  await settled();

  expect(loud.errors).toMatchObject([{ code: "POOL_FULL", details: { retryAfterMs: 1_000 } }]);
});

test("when the last one has left nobody looks any more", async () => {
  busy = 1;
  const { loud } = await flood(2);
  expect(vi.getTimerCount()).toBe(1);

  loud.leave();
  loud.leave();
  await looks(1);

  expect(vi.getTimerCount()).toBe(0);
});
