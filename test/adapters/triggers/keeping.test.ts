// What main does for triggers: when the clock went back so far that what it showed was no time, each is told to look
// again, also where that was while no server ran; and not for less.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { systemTables, systemTenant } from "../../../actors/records/api-key.ts";
import { triggerKind } from "../../../actors/records/trigger.ts";
import { triggerAddress } from "../../../actors/triggers/state.ts";
import { type KeepingParts, keepTriggers } from "../../../adapters/triggers/keeping.ts";
import { silentLog } from "../../../runtime/log.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A server's tables, which outlive it, with two triggers. */
class Servers {
  readonly rows = new Map<string, unknown>([
    [`${systemTenant} ${systemTables.tenants} tn_1`, {}],
    [`tn_1 ${triggerKind.path} tr_1`, {}],
    [`tn_1 ${triggerKind.path} tr_2`, {}],
  ]);
  readonly told: string[] = [];
  nowMs = Date.UTC(2026, 0, 1);
  isFailing = false;

  /** One that runs for so many minutes. */
  async run(minutes: number): Promise<void> {
    const stop = keepTriggers({
      ...{ log: silentLog, nowMs: () => this.nowMs, system: this.#system() },
      watching: { begin: async () => undefined, stop: () => undefined },
    });
    for (let at = 0; at < minutes; at += 1) {
      this.nowMs += MINUTE_MS;
      await vi.advanceTimersByTimeAsync(MINUTE_MS);
    }
    stop();
  }

  #system(): KeepingParts["system"] {
    const listed = (tenant: string, table: string) =>
      [...this.rows].flatMap(([key, value]) => {
        const [of, in_, id = ""] = key.split(" ");
        return of === tenant && in_ === table ? [{ id, value }] : [];
      });
    const tables = {
      get: async (tenant: string, table: string, id: string) =>
        listed(tenant, table).find((row) => row.id === id),
      list: async (tenant: string, table: string) => listed(tenant, table),
      write: async (tenant: string, writes: readonly Record<string, unknown>[]) => {
        for (const { table, id, value } of writes) this.rows.set(`${tenant} ${table} ${id}`, value);
        return { counters: {} };
      },
    };
    const send = async (to: string): Promise<void> => {
      if (this.isFailing) throw new Error("not now");
      this.told.push(to);
    };
    return { boots: 1, ask: async () => null, send, tables } as never;
  }
}

const both = ["tr_1", "tr_2"].map((id) => triggerAddress("tn_1", id));

test("a clock that went back by more than a day has all schedules looked at once, also over a restart", async () => {
  const one = new Servers();
  await one.run(3);
  one.nowMs += 400 * DAY_MS;
  await one.run(90);
  expect(one.told).toEqual([]);
  one.nowMs -= 400 * DAY_MS;
  one.isFailing = true;
  await one.run(2);
  one.isFailing = false;
  await one.run(5);
  expect(one.told).toEqual(both);
  await one.run(5);
  expect(one.told).toEqual(both);
});

test("a clock that went back by less has nothing looked at, and time that passes is written down each hour", async () => {
  const one = new Servers();
  const writes = vi.spyOn(one.rows, "set");
  await one.run(150);
  expect(writes.mock.calls.length).toBe(3);
  one.nowMs -= DAY_MS - 10 * MINUTE_MS;
  await one.run(5);
  expect(one.told).toEqual([]);
});
