// Files that a trigger watches on a real disk, which gives numbers of files again and has links: at random they come,
// are written, change their names, go, with folders too, while the process crashes at any write and starts again.

import { expect, test } from "vitest";
import { RealDisk } from "../../support/real-disk.ts";
import { heard, record, WatchWorld } from "../../support/watch-world.ts";

const STEPS = 45;
const sorted = (known: ReadonlyMap<string, number>) => [...known].sort();

test.each([1, 2, 3, 4, 5, 6].map((seed) => [seed, seed % 2 === 0] as const))(
  "on a real disk all that was told adds up to what is there (seed %i, told: %s)",
  async (seed, isTold) => {
    let next = 25 + seed;
    let writes = 0;
    const one = new WatchWorld({ batch: (seed % 3) + 1, poll: 5 }, () => new RealDisk(isTold), {
      seed,
      onWrite: (system) => {
        writes += 1;
        if (writes < next || system.crashes > 12) return;
        next = writes + 5 + Math.floor(system.schedule.random() * 30);
        system.crash(seed % 3 === 0 ? "power" : "process");
      },
    });
    const { disk, world } = one;
    const random = () => world.system.schedule.random();
    try {
      for (let at = 0; at < 6; at += 1) disk.happen(random);
      const first = disk.read().files;
      await world.system.start();
      await world.revive();
      await world.set(record);
      await one.watch();
      for (let at = 0; one.status()?.state === "starting" || one.status() == null; at += 1) {
        await one.pass(250);
        expect(at).toBeLessThan(100);
      }
      for (let at = 0; at < STEPS; at += 1) {
        const all = Math.floor(random() * 4);
        for (let step = 0; step < all; step += 1) disk.happen(random);
        await one.pass(random() < 0.15 ? 12_000 : Math.floor(random() * 2_000));
      }
      for (let at = 0; at < 12; at += 1) await one.pass(5_000);

      expect(world.system.crashes).toBeGreaterThan(0);
      expect(one.changes().length).toBeGreaterThan(5);
      expect(sorted(heard(one.changes(), first))).toEqual(sorted(disk.read().files));
      const rows = world.ledger();
      expect(new Set(rows.map(({ state }) => state))).toEqual(new Set(["completed"]));
      expect(world.begun().length).toBe(rows.length);
    } finally {
      one.stop();
      disk.end();
    }
  },
);
