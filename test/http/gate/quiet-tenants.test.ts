// For whom, and how long, quiet tenants hold the others back.

import { expect, test } from "vitest";
import { ARRIVALS_MANY, ARRIVALS_MS } from "../../../adapters/http/gate/arrivals.ts";
import {
  HELD_MS_MAX,
  HELD_SAVED_MS_MAX,
  HELD_SHARE,
  QuietTenants,
} from "../../../adapters/http/gate/quiet-tenants.ts";
import { WorkGate } from "../../../adapters/http/gate/work-gate.ts";

test("others are held back while a quiet tenant's chat is under way, for so long at most", () => {
  const chats = new QuietTenants();
  chats.look(true);
  expect(chats.holdOthers(1_000)).toBe(false);
  chats.begin("a", 1_000);
  chats.begin("b", 1_010);
  expect(chats.holdOthers(1_020)).toBe(true);
  chats.end("a", 1_030);
  expect(chats.holdOthers(1_030)).toBe(true);
  chats.end("b", 1_040);
  expect(chats.holdOthers(1_040)).toBe(false);

  chats.begin("c", 2_000);
  expect(chats.holdOthers(2_000 + HELD_MS_MAX.loaded - 1)).toBe(true);
  expect(chats.holdOthers(2_000 + HELD_MS_MAX.loaded)).toBe(false);

  chats.look(false);
  chats.begin("d", 3_000);
  expect(chats.holdOthers(3_000 + HELD_MS_MAX.unloaded - 1)).toBe(true);
  expect(chats.holdOthers(3_000 + HELD_MS_MAX.unloaded)).toBe(false);
});

test("however many quiet tenants come, others are held back for a share of the time", () => {
  const chats = new QuietTenants();
  chats.look(true);
  const lastMs = 60_000;
  let heldMs = 0;
  for (let nowMs = 0; nowMs < lastMs; nowMs += 1) {
    if (nowMs % 10 === 0) chats.begin(`t${nowMs}`, nowMs);
    if (chats.holdOthers(nowMs)) heldMs += 1;
  }

  expect(heldMs).toBeGreaterThan(HELD_SHARE * 0.95 * lastMs);
  expect(heldMs).toBeLessThanOrEqual(HELD_SAVED_MS_MAX + HELD_SHARE * 1.05 * lastMs);
});

const { signal } = new AbortController();
const asker = { signal };

/** A gate of busy threads, or not, at which tenants have sent requests that were done at once. */
function gateAfter(sent: Readonly<Record<string, number>>, busy = 1) {
  let look = (): void => undefined;
  let nowMs = 1_000;
  const load = { busy, passMs: 2 * busy };
  const gate = new WorkGate({
    load: () => ({ ...load, turns: load, cpu: busy }),
    now: () => nowMs,
    every: (_, call) => {
      look = call;
      return () => undefined;
    },
  });
  const send = (): void => {
    for (const [tenant, count] of Object.entries(sent)) {
      for (let at = 0; at < count; at += 1)
        void gate.requests.pass(tenant, "key", asker, () => "done");
    }
  };
  const lookAfter = (ms: number): void => {
    nowMs += ms;
    look();
  };
  send();
  lookAfter(ARRIVALS_MS);
  send();
  return { gate, lookAfter };
}

test("who sends much that is done at once holds back for a quiet tenant's chat as well", () => {
  const { gate } = gateAfter({ loud: ARRIVALS_MANY, quiet: 1 });

  expect(gate.chats.enter("quiet", "key", asker)).toBe(undefined);

  expect(gate.holdsBack()).toBe(true);
  gate.chats.leave("quiet");
  expect(gate.holdsBack()).toBe(false);
});

test("of who sends much even the only one waits until the quiet tenant is answered, though the threads have room", async () => {
  const { gate } = gateAfter({ loud: ARRIVALS_MANY, quiet: 1, other: 1 }, 0.3);
  void gate.chats.enter("quiet", "key", asker);

  const entering = gate.requests.enter("loud", "key", asker);

  expect(entering).toBeInstanceOf(Promise);
  expect(gate.requests.enter("other", "key", asker)).toBe(undefined);
  gate.requests.leave("other");
  expect(gate.requests.figures()).toMatchObject({ underWay: 0, waiting: 1 });
  gate.chats.leave("quiet");
  await entering;
  expect(gate.requests.figures()).toMatchObject({ underWay: 1, waiting: 0 });
});

test("a quiet tenant that is not answered soon holds nobody back while the threads have room", async () => {
  const { gate, lookAfter } = gateAfter({ loud: ARRIVALS_MANY, quiet: 1 }, 0.3);
  void gate.chats.enter("quiet", "key", asker);
  lookAfter(0);
  const entering = gate.requests.enter("loud", "key", asker);
  expect(entering).toBeInstanceOf(Promise);

  lookAfter(HELD_MS_MAX.unloaded);

  await entering;
  expect(gate.chats.figures().underWay).toBe(1);
});

test.each([
  ["who sends much is not quiet itself", { loud: ARRIVALS_MANY, quiet: ARRIVALS_MANY }],
  ["where nobody sends much nobody holds back", { loud: ARRIVALS_MANY - 1, quiet: 1 }],
])("%s", (_, sent) => {
  const { gate } = gateAfter(sent);

  expect(gate.chats.enter("quiet", "key", asker)).toBe(undefined);

  expect(gate.holdsBack()).toBe(false);
});

test("who has sent much is forgotten when it has sent little twice as long", () => {
  const { gate, lookAfter } = gateAfter({ loud: ARRIVALS_MANY, quiet: 1 });
  lookAfter(ARRIVALS_MS);
  lookAfter(ARRIVALS_MS - 1);
  expect(gate.chats.enter("quiet", "key", asker)).toBe(undefined);
  expect(gate.holdsBack()).toBe(true);
  gate.chats.leave("quiet");

  lookAfter(1);

  expect(gate.chats.enter("quiet", "key", asker)).toBe(undefined);
  expect(gate.holdsBack()).toBe(false);
});
