// A schedule in a simulated system while its record is changed at random: other times, other zones, pauses, jitter,
// near to when clocks there are set; and clocks of the machine that jump, crashes at any write, time without a
// process. A model that shares nothing with the product says what the ledger must hold.

import fc from "fast-check";
import { expect, test } from "vitest";
import { type Said, ScheduleModel } from "../../support/schedule-model.ts";
import { TriggerWorld } from "../../support/trigger-world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Days on which clocks are set in the zone: forward and back, by an hour, a half and two. */
const places = [
  ...[["Europe/Berlin", "2026-03-29"] as const, ["Europe/Berlin", "2026-10-25"] as const],
  ...[["America/New_York", "2026-03-08"] as const, ["America/Havana", "2026-11-01"] as const],
  ...[["Australia/Lord_Howe", "2026-04-05"] as const, ["Antarctica/Troll", "2026-10-25"] as const],
  ["Asia/Kathmandu", "2026-01-01"] as const,
];
const zones = [...new Set(places.map(([zone]) => zone)), "UTC"];
const crons = [
  ...["*/20 * * * *", "0 * * * *", "30 2 * * *", "*/20 2 * * *", "15 1-3 * * *", "0 */2 * * *"],
  ...["10,40 30 * * * *", "45 23,0,1 * * *", "*/30 0-4 * * 1-6", "5 5 1-7 * 0"],
];

const span = (maxMs: number) => fc.nat(maxMs);
const happening = fc.oneof(
  fc.record({ what: fc.constant("pass" as const), ms: span(3 * HOUR_MS) }),
  fc.record({ what: fc.constant("jump" as const), ms: span(9 * HOUR_MS) }),
  fc.record({ what: fc.constant("jump" as const), ms: span(5 * HOUR_MS).map((ms) => -ms) }),
  fc.record({ what: fc.constant("down" as const), ms: span(4 * HOUR_MS) }),
  fc.record({ what: fc.constant("crash" as const), ms: span(80) }),
  fc.record({ what: fc.constant("zone" as const), zone: fc.constantFrom(...zones) }),
  fc.record({ what: fc.constant("cron" as const), cron: fc.constantFrom(...crons) }),
  fc.record({ what: fc.constant("jitter" as const), jitter: fc.constantFrom(0, 20, 900) }),
  fc.record({ what: fc.constant("pause" as const) }),
  fc.record({ what: fc.constant("resume" as const) }),
);
const policies = fc.record({
  missed: fc.constantFrom("skip", "once", "all"),
  concurrency: fc.constantFrom("skip", "queue", "replace"),
});
type Policy = typeof policies extends fc.Arbitrary<infer T> ? T : never;
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

/** A world with one schedule, and the model that is told of all that happens. */
class Run {
  readonly model = new ScheduleModel();
  readonly world: TriggerWorld;
  readonly #policy: Policy;
  #said: Said;
  #crashAt = Number.POSITIVE_INFINITY;
  #writes = 0;
  #furthestMs = 0;
  #beginMs = 0;

  constructor(seed: number, policy: Policy, said: Said) {
    this.#policy = policy;
    this.#said = said;
    this.world = new TriggerWorld({
      ...{ seed, workMs: MINUTE_MS },
      onWrite: (system) => {
        this.#writes += 1;
        if (this.#writes < this.#crashAt) return;
        this.#crashAt = Number.POSITIVE_INFINITY;
        system.crash(seed % 2 === 0 ? "power" : "process");
      },
    });
  }

  async begin(day: string): Promise<void> {
    const { system } = this.world;
    system.schedule.jump(Date.parse(day) - 14 * HOUR_MS - system.schedule.nowMs);
    await system.start();
    this.#beginMs = system.schedule.nowMs;
    await this.#change({});
  }

  async happen(one: Happening): Promise<void> {
    const { system } = this.world;
    switch (one.what) {
      case "pass":
        return await this.#pass(one.ms);
      case "jump":
        system.schedule.jump(one.ms);
        return await this.#pass(0);
      case "down":
        system.crash("power");
        await system.schedule.advance(one.ms);
        return await this.#pass(0);
      case "crash":
        this.#crashAt = this.#writes + one.ms;
        return;
      case "zone":
        return await this.#change({ time_zone: one.zone });
      case "cron":
        return await this.#change({ cron: one.cron });
      case "jitter":
        return await this.#change({ jitter: one.jitter });
      default:
        return await this.#change({ is_active: one.what === "resume" });
    }
  }

  /** Until the clock has shown again what it had shown, and what was made up for is done. */
  async end(): Promise<void> {
    await this.#change({ is_active: true });
    const { schedule } = this.world.system;
    while (schedule.nowMs < this.#furthestMs) await this.#pass(HOUR_MS);
    await this.#change({ cron: "0 0 1 7 *", jitter: 0 });
    for (let at = 0; at < 2; at += 1) await this.#pass(HOUR_MS);
  }

  /** Time passes, and as much more as a clock that was set needs to be noticed. */
  async #pass(ms: number): Promise<void> {
    const { schedule } = this.world.system;
    await this.world.revive();
    await schedule.advance(ms);
    await this.world.revive();
    await schedule.advance(3 * MINUTE_MS);
    await this.world.revive();
    await schedule.advance(3 * MINUTE_MS);
    this.model.seen(schedule.nowMs);
    this.#furthestMs = Math.max(this.#furthestMs, schedule.nowMs);
  }

  async #change(more: Partial<Said>): Promise<void> {
    const before = JSON.stringify(this.#said);
    this.#said = { ...this.#said, ...more };
    const { schedule } = this.world.system;
    const fromMs = schedule.nowMs;
    for (let isDone = false; !isDone; ) {
      await this.world.revive();
      isDone = await this.world.set({ ...this.#policy, ...this.#said }).then(
        () => true,
        () => false,
      );
    }
    // The same record again changes nothing.
    const isNew = fromMs === this.#beginMs || JSON.stringify(this.#said) !== before;
    if (isNew) this.model.changed(this.#said, fromMs, schedule.nowMs);
  }
}

test("whatever becomes of a schedule, its zone and the clock, the ledger has each time once, and why", async () => {
  let times = 0;
  await fc.assert(
    fc.asyncProperty(
      ...[fc.integer({ min: 1 }), policies, fc.constantFrom(...places)],
      ...[fc.constantFrom(...crons), fc.array(happening, { minLength: 10, maxLength: 25 })],
      async (seed, policy, [zone, day], cron, all) => {
        const run = new Run(seed, policy, { cron, time_zone: zone, is_active: true });
        await run.begin(day);
        for (const one of all) await run.happen(one);
        await run.end();

        const rows = run.world.ledger();
        expect(run.model.faults(rows)).toEqual([]);
        times += run.model.size;
        expect(rows.every(({ state, why }) => (state === "skipped") === (why !== null))).toBe(true);
        expect(rows.every(({ lateMs }) => lateMs >= 0)).toBe(true);
        const begun = rows.flatMap(({ id, run: work }) => (work === null ? [] : [id]));
        expect([...(await run.world.worked())].sort()).toEqual(begun.sort());
      },
    ),
    { numRuns: 30, endOnFailure: true },
  );
  expect(times).toBeGreaterThan(100);
});
