// Files that a trigger watches, in a simulated system over a disk in memory: whatever happens to them, and whenever
// the process or the power fails, what was told adds up to what is there, and nothing is told twice.

import { expect, test } from "vitest";
import type { TriggerInput } from "../../../actors/records/trigger.ts";
import { watchKey } from "../../../actors/triggers/files.ts";
import { triggerAddress } from "../../../actors/triggers/state.ts";
import { watchLimits } from "../../../adapters/triggers/watch/limits.ts";
import { FakeDisk } from "../../support/fake-disk.ts";
import { type TriggerWorldOptions, tenant, triggerId } from "../../support/trigger-world.ts";
import { heard, record, WatchWorld } from "../../support/watch-world.ts";

const simulated = (
  more: Partial<TriggerInput>,
  isTold: boolean,
  options: TriggerWorldOptions = {},
): WatchWorld<FakeDisk> => new WatchWorld(more, (clock) => new FakeDisk(clock, isTold), options);

const onDisk = ({ files }: FakeDisk): Map<string, number> =>
  new Map([...files].map(([path, { size }]) => [path, Number(size)]));
const sorted = (known: ReadonlyMap<string, number>) => [...known].sort();

/** Something happens to files. */
function happen(disk: FakeDisk, random: () => number): void {
  const pick = <T>(all: readonly T[]): T | undefined => all[Math.floor(random() * all.length)];
  const dirs = [...disk.folders.keys()];
  const name = `${"abcdefgh"[Math.floor(random() * 8)]}`;
  const dir = pick(dirs) ?? "";
  const path = dir === "" ? name : `${dir}/${name}`;
  const file = pick([...disk.files.keys()]);
  const what = random();
  if (disk.folders.has(path)) return;
  if (what < 0.4 || file === undefined) disk.write(path);
  else if (what < 0.55) disk.remove(file);
  else if (what < 0.75) disk.rename(file, path);
  else if (what < 0.85) {
    // As editors do.
    disk.write(".temp");
    disk.rename(".temp", file);
  } else if (what < 0.9 && dirs.length < 4) disk.makeFolder(`folder${dirs.length}`);
  else if (dirs.length > 1) {
    const from = dirs[1] ?? "";
    disk.renameFolder(from, `${from}x`);
  }
}

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((seed) => [seed, seed % 3 !== 0] as const))(
  "over crashes at any write all that was told adds up to what is there (seed %i, told: %s)",
  async (seed, isTold) => {
    let next = 30 + seed;
    let writes = 0;
    const one = simulated({ batch: (seed % 4) + 1, queue_max: 3 }, isTold, {
      seed,
      onWrite: (system) => {
        writes += 1;
        if (writes < next || system.crashes > 15) return;
        next = writes + 5 + Math.floor(system.schedule.random() * 40);
        system.crash(seed % 2 === 0 ? "power" : "process");
      },
    });
    const { disk, world } = one;
    const random = () => world.system.schedule.random();
    for (let at = 0; at < 5; at += 1) happen(disk, random);
    const first = onDisk(disk);
    await world.system.start();
    await world.revive();
    await world.set(record);
    await one.watch();
    for (let at = 0; one.status()?.state === "starting" || one.status() == null; at += 1) {
      await one.pass(200);
      expect(at).toBeLessThan(100);
    }
    for (let at = 0; at < 120; at += 1) {
      if (random() < 0.6) happen(disk, random);
      if (random() < 0.05) await one.pass(20_000);
      await one.pass(Math.floor(random() * 3_000));
    }
    for (let at = 0; at < 60; at += 1) await one.pass(10_000);

    expect(world.system.crashes).toBeGreaterThan(3);
    expect(sorted(heard(one.changes(), first))).toEqual(sorted(onDisk(disk)));
    const done = world.ledger().filter(({ state }) => state === "completed");
    expect(done.length).toBe(world.ledger().length);
    expect(world.begun().length).toBe(done.length);
  },
);

test("a change that comes when the one before is told is one of its own, and nothing else is", async () => {
  for (const isTold of [true, false]) {
    const one = simulated({ batch: 1 }, isTold);
    await one.start();
    const wanted: string[] = [];
    const then = async (event: string, path: string, act: () => void): Promise<void> => {
      wanted.push(`${event} desk/${path}`);
      act();
      await one.pass(20_000);
    };
    const { disk } = one;
    await then("added", "a", () => disk.write("a"));
    await then("changed", "a", () => disk.write("a"));
    await then("renamed", "b", () => disk.rename("a", "b"));
    await then("changed", "b", () => {
      disk.write("b.tmp");
      disk.rename("b.tmp", "b");
    });
    await then("removed", "b", () => disk.remove("b"));
    await then("added", "c", () => {
      // With the number that the last one had.
      disk.write("c");
    });
    expect(one.changes().map(({ event, path }) => `${event} ${path}`)).toEqual(wanted);
  }
});

test("a file that is still written to is told of when it has rested, and one that comes and goes never", async () => {
  const one = simulated({ settle: 10 }, true);
  await one.start();
  for (let at = 0; at < 20; at += 1) {
    one.disk.write("log");
    if (at < 19) await one.pass(5_000);
  }
  one.disk.write("brief");
  await one.pass(5_000);
  one.disk.remove("brief");
  expect(one.changes()).toEqual([]);
  await one.pass(6_000);
  expect(one.changes().map(({ path }) => path)).toEqual(["desk/log"]);
  await one.pass(60_000);
  expect(one.changes().length).toBe(1);
});

test("while no more may wait files are told of later, and none is skipped", async () => {
  const one = simulated({ batch: 1, queue_max: 2 }, true, { workMs: 30_000 });
  await one.start();
  for (let at = 0; at < 12; at += 1) one.disk.write(`f${at}`);
  await one.pass(60_000);
  expect(one.world.ledger().length).toBeLessThan(8);
  one.disk.write("f9");
  await one.pass(600_000);

  const rows = one.world.ledger();
  expect(rows.map(({ state }) => state)).toEqual(rows.map(() => "completed"));
  expect(
    one
      .changes()
      .map(({ path }) => path)
      .sort(),
  ).toEqual([...Array.from({ length: 12 }, (_, at) => `desk/f${at}`)].sort());
});

test("what is known of files is no more than what is there, and nothing of a trigger that watches none", async () => {
  const one = simulated({}, true);
  for (let at = 0; at < 450; at += 1) one.disk.write(`f${at}`);
  await one.start();
  await one.pass(20_000);
  const known = (): number =>
    one.world.system.disk.rows.filter(({ key }) => /f\.[0-9a-f]{24}\./.test(key)).length;
  expect([known(), one.changes().length]).toEqual([450, 0]);
  for (let at = 0; at < 50; at += 1) one.disk.remove(`f${at}`);
  await one.pass(20_000);
  expect([known(), one.changes().length]).toEqual([400, 50]);
  one.stop();
  await one.world.set({ type: "startup" });
  await one.pass(10_000);
  expect(known()).toBe(0);
  expect(watchKey({ ...record, type: "startup" })).toBe(null);
});

test("files are told of in few turns when many come at once, and a trigger at rest skips them", async () => {
  const one = simulated({ batch: 500, is_active: true }, true);
  await one.start();
  for (let at = 0; at < 500; at += 1) one.disk.write(`f${at}`);
  await one.pass(30_000);
  expect(one.changes().length).toBe(500);
  expect(one.world.ledger().length).toBeLessThanOrEqual(10);
  await one.world.set({ ...record, batch: 500, is_active: false });
  one.disk.write("f1");
  await one.pass(20_000);
  expect(one.world.ledger().at(-1)).toMatchObject({ state: "skipped", why: "paused" });
});

test("what was told already changes nothing, however often and however late it is told again", async () => {
  const one = simulated({}, true);
  await one.start();
  one.stop();
  const mark = { ino: "1", size: "7", mtime: "10", born: "5" };
  const watch = watchKey(record) ?? "";
  const tell = (path: string, from: object | null, to: object | null, was?: string) =>
    one.world.settled(
      one.world.system.ask(triggerAddress(tenant, triggerId), {
        ...{ type: "files", watch, folder: "desk" },
        changes: [{ path, from, to, ...(was !== undefined && { was }) }],
      }),
    );
  const done = { watch, isBased: true, done: 1 };
  for (let at = 0; at < 3; at += 1) expect(await tell("a", null, mark)).toEqual(done);
  await tell("a", mark, { ...mark, size: "8" });
  await tell("b", { ...mark, size: "8" }, { ...mark, size: "8" }, "a");
  // Late, as they were told at first.
  await tell("a", mark, { ...mark, size: "8" });
  await tell("a", mark, null);
  await tell("b", { ...mark, size: "8" }, { ...mark, size: "8" }, "a");
  await one.pass(20_000);
  expect(one.changes().map(({ event }) => event)).toEqual(["added", "changed", "renamed"]);
});

test("another folder in the place of the one that was watched is found, and watched from then on", async () => {
  const one = simulated({}, true);
  await one.start();
  one.disk.folders.set("", "another");
  one.disk.write("a");
  await one.pass(watchLimits.roundMs + 60_000);
  expect(one.changes().map(({ path }) => path)).toEqual(["desk/a"]);
  one.disk.write("b");
  await one.pass(10_000);
  expect(one.changes().map(({ path }) => path)).toEqual(["desk/a", "desk/b"]);
});

test("what the system did not tell of in a flood of changes elsewhere is found all the same", async () => {
  const one = simulated({ globs: ["*.txt"] }, true);
  await one.start();
  const { disk } = one;
  // It is told of the noise alone.
  disk.isDeaf = true;
  disk.write("a.txt");
  disk.isDeaf = false;
  await one.pass(10_000);
  expect(one.changes()).toEqual([]);
  for (let at = 0; at < 5_000; at += 1) disk.write("noise");
  await one.pass(20_000);
  expect(one.changes().map(({ path }) => path)).toEqual(["desk/a.txt"]);
});
