// Runs that hibernate, with a crash at every storage write.

import { expect, test } from "vitest";
import type { RuntimeError } from "../../runtime/errors.ts";
import type { RunControl } from "../../runtime/message.ts";
import { decode } from "../../runtime/store/codec.ts";
import type { RunRow } from "../../runtime/system.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";
import {
  deskAt,
  endOf,
  keysOf,
  MINUTE_MS,
  type Plan,
  TENANT,
  waitingWork,
} from "../support/waiting-runs.ts";

const LONG_MS = 15 * MINUTE_MS;
const SEEDS = 3;

/** A workload in which everything hibernates, crashed after write `crashAt`. */
async function crashed(
  seed: number,
  crashAt: number | null,
): Promise<{ commits: number; ended: unknown[]; calls: Map<string, number> }> {
  const calls: string[] = [];
  const system = new TestSystem({
    seed,
    definitions: waitingWork(calls, LONG_MS),
    limits: { runIdleMs: 5_000 },
  });
  if (crashAt !== null) system.disk.crashAfter(crashAt);
  const up = async (): Promise<void> => {
    for (let crashes = -1; crashes !== system.crashes; ) {
      crashes = system.crashes;
      await system.start();
    }
  };
  await up();
  let crashes = system.crashes;
  /** Says something until it is acknowledged. */
  const say = async <T>(call: () => Promise<T>): Promise<T | string> => {
    for (let tries = 0; tries < 4; tries += 1) {
      const told = call().catch((error: RuntimeError) => error.code);
      await system.schedule.advance(20_000);
      if (system.crashes > crashes) {
        crashes = system.crashes;
        await up();
      }
      const answer = await told;
      if (answer !== "WORKER_LOST") return answer;
    }
    throw new Error("never acknowledged");
  };
  const plans: Plan[] = ["sleep", "decide", "ask", "family", "steered", "decide"];
  const runs: string[] = [];
  for (const [at, plan] of plans.entries()) {
    const key = { source: "test", key: `k${at}`, bodyHash: plan, hours: 24 };
    const answer = await say(() => system.ask(deskAt(`d${at}`), { type: "start", plan }, key));
    runs.push((answer as { run: string }).run);
  }
  const control = (at: number, what: RunControl): Promise<unknown> =>
    say(() => system.control({ tenant: TENANT, root: `d${at}`, run: runs[at] ?? "" }, what));
  await control(1, { type: "decide", key: "ok", value: "yes" });
  const key = { source: "test", key: "steer", bodyHash: "s", hours: 24 };
  const steer = { type: "steer", run: runs[4] ?? "", value: "left" };
  await say(() => system.ask(deskAt("d4"), steer, key));
  await say(() =>
    system.ask(deskAt("d5"), { type: "cancel", run: runs[5] ?? "" }, { ...key, key: "c" }),
  );
  await system.schedule.advance(LONG_MS + MINUTE_MS);
  if (system.crashes > crashes) {
    await up();
    await system.schedule.advance(LONG_MS + MINUTE_MS);
  }
  // Looked at before anybody follows them, which would take them up.
  const open = system.disk.rows.filter(
    ({ key, value }) => key.startsWith("n/") && (decode(value) as RunRow).endedAt === null,
  );
  expect(open.length, `crash at ${crashAt}: runs left behind`).toBe(0);
  const ended: unknown[] = [];
  for (const [at, run] of runs.entries()) {
    const end = await endOf(system, run, 100, `d${at}`);
    ended.push("outcome" in end ? end.outcome.status : end.type);
  }
  for (const family of ["o/", "d/", "m/", "i/"]) {
    expect(keysOf(system, family), `crash at ${crashAt}: ${family} rows`).toEqual([]);
  }
  const counted = new Map<string, number>();
  for (const call of calls) counted.set(call, (counted.get(call) ?? 0) + 1);
  return { commits: system.disk.commits, ended, calls: counted };
}

test("a crash at any storage write of runs that hibernate changes nothing that lasts", async () => {
  const [done, cut] = ["completed", "cancelled"];
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const calm = await crashed(seed, null);
    expect(calm.ended, `seed ${seed}`).toEqual([done, done, done, done, done, cut]);

    // Together the seeds crash after every write of the workload.
    for (let crashAt = 1 + seed; crashAt <= calm.commits; crashAt += SEEDS) {
      const result = await crashed(seed, crashAt);

      const where = `seed ${seed}, crash at write ${crashAt}`;
      // The first has a step that may have happened when the crash came: it says so.
      const ended = result.ended.map((how, at) => (at === 0 && how === "failed" ? done : how));
      expect(ended, where).toEqual(calm.ended);
      for (const [call, times] of result.calls) {
        expect(times, `${where}: ${call}`).toBeLessThanOrEqual(call === "sleep:last" ? 1 : 2);
      }
    }
  }
}, 120_000);
