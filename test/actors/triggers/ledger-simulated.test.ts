// Triggers in a simulated system while everything goes wrong at once: clocks that are set forward and back, little and
// much, crashes, time without a process, pauses, and work that takes too long. Each nominal time is in the ledger
// once, with what became of it and why; nothing is begun twice; and many that are due in one second all have their turn.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { TriggerInput } from "../../../actors/records/trigger.ts";
import type { OccurrenceRow } from "../../../actors/triggers/occurrence.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { TriggerWorld, triggerId } from "../../support/trigger-world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const STEP_MS = 5 * MINUTE_MS;

/** What may happen. Clocks go back by less than a day: that was no time at all. */
const happening = fc.oneof(
  fc.record({ what: fc.constant("pass" as const), ms: fc.nat(40 * MINUTE_MS) }),
  fc.record({ what: fc.constant("jump" as const), ms: fc.integer({ min: -900, max: 900 }) }),
  fc.record({
    what: fc.constant("jump" as const),
    ms: fc.integer({ min: -5 * HOUR_MS, max: 9 * HOUR_MS }),
  }),
  fc.record({ what: fc.constant("down" as const), ms: fc.nat(3 * HOUR_MS) }),
  fc.record({ what: fc.constant("crash" as const), ms: fc.nat(60) }),
  fc.record({ what: fc.constant("fire" as const), ms: fc.nat(3) }),
);
const policies = fc.record({
  missed: fc.constantFrom("skip", "once", "all"),
  concurrency: fc.constantFrom("skip", "queue", "replace"),
  jitter: fc.constantFrom(0, 30, 3_000),
  queue_max: fc.constantFrom(1, 100),
});

/** Nominal times that a ledger has, each as often as it is there. */
function covered(rows: readonly OccurrenceRow[]): number[] {
  const scheduled = rows.filter(({ cause }) => cause === "schedule");
  return scheduled.flatMap(({ atMs, untilMs = atMs }) =>
    Array.from(
      { length: Math.floor((untilMs - atMs) / STEP_MS) + 1 },
      (_, at) => atMs + at * STEP_MS,
    ),
  );
}

test("whatever happens, each nominal time is in the ledger once, and nothing is begun twice", async () => {
  await fc.assert(
    fc.asyncProperty(
      ...[fc.integer({ min: 1 }), policies, fc.array(happening, { minLength: 8, maxLength: 25 })],
      async (seed, policy, all) => {
        let crashAt = Number.POSITIVE_INFINITY;
        let writes = 0;
        const one = new TriggerWorld({
          ...{ seed, workMs: 7 * MINUTE_MS },
          onWrite: (system) => {
            writes += 1;
            if (writes < crashAt) return;
            crashAt = Number.POSITIVE_INFINITY;
            system.crash(seed % 2 === 0 ? "power" : "process");
          },
        });
        const { schedule } = one.system;
        await one.start({ every: STEP_MS / 1_000, ...policy });
        const beginMs = schedule.nowMs;
        let furthestMs = beginMs;
        const fired = new Set<string>();
        for (const { what, ms } of all) {
          if (what === "jump") schedule.jump(ms);
          else if (what === "crash") crashAt = writes + ms;
          else if (what === "fire") await fire(one, fired, `fire:${ms}`);
          else if (what === "down") {
            one.system.crash("power");
            await schedule.advance(ms);
          } else await schedule.advance(ms);
          await one.revive();
          furthestMs = Math.max(furthestMs, schedule.nowMs);
        }
        // Until the clock has shown again what it had shown, and what was made up for is done.
        while (schedule.nowMs < furthestMs + HOUR_MS) {
          await schedule.advance(10 * MINUTE_MS);
          await one.revive();
        }

        const rows = one.ledger();
        const times = covered(rows);
        const first = (Math.floor(beginMs / STEP_MS) + 1) * STEP_MS;
        expect(times).toEqual(times.map((_, at) => first + at * STEP_MS));
        expect(times.at(-1)).toBeGreaterThan(schedule.nowMs - 2 * STEP_MS - MINUTE_MS);
        expect(rows.filter(({ cause }) => cause === "fire").length).toBe(fired.size);
        // Why: of what was skipped, and of nothing else.
        expect(rows.every(({ state, why }) => (state === "skipped") === (why !== null))).toBe(true);
        // Work is begun under the id of its row: of what a loss of power undid, neither is there.
        const begun = rows.filter(({ run }) => run !== null).map(({ id }) => id);
        expect([...(await one.worked())].sort()).toEqual(begun.sort());
      },
    ),
    { numRuns: 30, endOnFailure: true },
  );
});

/** Sets it off as clients do: again with the same key where nobody answers. */
async function fire(one: TriggerWorld, fired: Set<string>, key: string): Promise<void> {
  for (;;) {
    try {
      await one.happen(key);
      fired.add(key);
      return;
    } catch {
      await one.revive();
    }
  }
}

test("a server that is up puts none off that are jittered for longer than what lies between them", async () => {
  const one = new TriggerWorld();
  await one.start({ every: 60, jitter: 3_600, missed: "skip" });
  await one.system.schedule.advance(HOUR_MS);
  const rows = one.ledger();
  expect(rows.length).toBeGreaterThan(57);
  expect(rows.every(({ state }) => state === "completed" || state === "running")).toBe(true);
});

test("of hundreds that are due in one second, where fifty may work at once, each is begun once, over crashes", async () => {
  const working = new Set<string>();
  let most = 0;
  const one = new TriggerWorld({
    ...{ seed: 5, workMs: 2_000 },
    refuse: ({ key }) => {
      const rows = one.ledger().filter(({ state, run }) => state === "running" && run !== null);
      if (rows.length >= 50 && !working.has(key)) return new RuntimeError("MAILBOX_FULL", "later");
      working.add(key);
      most = Math.max(most, rows.length);
      return null;
    },
  });
  const ids = Array.from({ length: 300 }, (_, at) => `tr_${1_000 + at}`);
  await one.system.start();
  const at = new Date(one.system.schedule.nowMs + 10 * MINUTE_MS).toISOString();
  for (const id of ids) await one.set({ at }, id);
  await one.system.schedule.advance(10 * MINUTE_MS + 500);
  one.system.crash("power");
  await one.revive();
  for (let pass = 0; pass < 60; pass += 1) await one.system.schedule.advance(MINUTE_MS);

  const rows = one.ledger();
  expect(rows.map(({ trigger }) => trigger).sort()).toEqual(ids);
  expect(new Set(rows.map(({ state }) => state))).toEqual(new Set(["completed"]));
  expect(one.begun().length).toBe(ids.length);
  expect(most).toBeLessThan(150);
});

test("a conversation of all occurrences that somebody has deleted is begun anew, by the same occurrence", async () => {
  let isDeleted = false;
  const gone = new RuntimeError("NOT_FOUND", "Conversation cv_1 does not exist.");
  const one = new TriggerWorld({
    refuse: ({ conversation }) => (isDeleted && conversation === first ? gone : null),
  });
  let first = "";
  const record: Partial<TriggerInput> = { conversation: "one", concurrency: "queue", every: 3_600 };
  await one.start({ ...record, is_active: true });
  await one.happen("a");
  await one.system.schedule.advance(10_000);
  first = one.ledger()[0]?.conversation ?? "";
  isDeleted = true;
  await one.happen("b");
  await one.happen("c");
  await one.system.schedule.advance(10_000);

  const rows = one.ledger();
  expect(rows.map(({ state }) => state)).toEqual(["completed", "completed", "completed"]);
  expect(rows[1]?.conversation).not.toBe(first);
  expect(rows[2]?.conversation).toBe(rows[1]?.conversation);
  expect(rows[0]?.trigger).toBe(triggerId);
});
