// No room on the disk: new work is refused, nothing acknowledged is lost, what was under way waits,
// and everything goes on when there is room. First on virtual time at every storage write, then with
// a real disk.

import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { type DiskKind, makeDiskRoom } from "../support/disk-room.ts";
import { of, REMIND_EVERY, TENANT } from "../support/kill-program.ts";
import { type RoomProcess, startRoomProcess, type Told } from "../support/room-process.ts";
import { type Result, simulate } from "../support/simulated-work.ts";

const SEEDS = 4;
const PLACES_A_SEED = 40;

function lasting(result: Result): unknown {
  const { balances, counters, acknowledged, deadLetters, openRuns, inboxRows } = result;
  return { balances, counters, acknowledged, deadLetters, openRuns, inboxRows };
}

test("a disk that fills at any storage write loses and doubles nothing, and work goes on by itself", {
  timeout: 60_000,
}, async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const calm = await simulate({ seed });
    const step = Math.max(1, Math.floor(calm.commits / PLACES_A_SEED));
    for (let fullAt = 2; fullAt <= calm.commits; fullAt += step) {
      const where = `seed ${seed}, full at write ${fullAt}`;

      const result = await simulate({ seed, fullAt });

      expect(lasting(result), where).toEqual(lasting(calm));
      for (const [key, calls] of result.world.calls) {
        const hasEffect = key.endsWith("/pay") || key.endsWith("/send");
        if (hasEffect) expect(calls, `${where}: calls of ${key}`).toBeLessThanOrEqual(1);
      }
    }
  }
});

const KINDS: readonly DiskKind[] = ["a file system of its own", "a limit on the size of files"];
const LEDGER = of("ledger", 1);
const WAIT_MS = 20_000;

/** Asks until the answer is what is wanted. */
async function until(ask: () => Promise<Told>, isIt: (told: Told) => boolean): Promise<Told> {
  const endMs = Date.now() + WAIT_MS;
  for (;;) {
    const told = await ask();
    if (isIt(told)) return told;
    if (Date.now() > endMs) throw new Error(`Not within ${WAIT_MS} ms: ${JSON.stringify(told)}`);
  }
}

async function recordsOf(child: RoomProcess, address: string): Promise<readonly string[]> {
  const [code, rows] = await child.tell("records", address, { limit: 1_000 });
  expect(code).toBe("ok");
  return (rows as { key: string }[]).map(({ key }) => key);
}

const tallyOf = async (child: RoomProcess, address: string): Promise<unknown> =>
  (await child.tell("ask", address, { type: "tally" }))[1];

for (const kind of KINDS) {
  test(`a full disk (${kind}): refused in words, nothing acknowledged is lost, on again by itself`, async (context) => {
    const room = makeDiskRoom(kind, 8);
    if (room === null) {
      context.skip(`This user cannot make ${kind}.`);
      return;
    }
    const effects = join(mkdtempSync(join(tmpdir(), "troupe-effects-")), "effects");
    const child = await startRoomProcess({ folder: room.folder, effects });
    onTestFinished(() => child.kill());
    const added: number[] = [];
    const add = async (n: number): Promise<Told> => {
      const told = await child.tell("ask", LEDGER, { type: "add", n });
      if (told[0] === "ok") added.push(n);
      return told;
    };
    for (let n = 1_000_001; n < 1_000_020; n += 1) expect((await add(n))[0]).toBe("ok");
    // Under way when the room goes: a run that sleeps, and a reminder.
    await child.tell("ask", of("desk", 1), { type: "start", n: 1_000_500, napMs: 400 });
    expect((await add(1_000_200))[0]).toBe("ok");
    room.take(child.pid);
    // What was written ahead fills first.
    let rows = 0;
    const fill = (bytes = 200_000): Promise<Told> => {
      rows += 1;
      const big = { type: "put", table: "t", id: `big${rows}`, value: "x".repeat(bytes) };
      return child.tell("write", TENANT, [big]);
    };
    for (const bytes of [200_000, 20_000, 3_000])
      await until(
        () => fill(bytes),
        ([code]) => code === "STORE_FULL",
      );
    let n = 1_001_001;
    const addNext = (): Promise<Told> => {
      n += 2;
      return add(n);
    };
    const [, words] = await until(addNext, ([code]) => code === "STORE_FULL");
    const refused = n;
    const before = (await child.tell("inspect"))[1] as Figures;

    // Something small may still fit where rows were removed: acknowledged is acknowledged.
    const [sent] = await child.tell("send", LEDGER, { type: "add", n: 1_000_301 });
    if (sent === "ok") added.push(1_000_301);
    const table = await fill();
    const seen = await recordsOf(child, LEDGER);
    // Longer than the nap of the run and the reminder's time.
    await sleep(1_500);
    const after = (await child.tell("inspect"))[1] as Figures;

    expect(words).toMatch(/no room|limit/);
    expect(["ok", "STORE_FULL"]).toContain(sent);
    expect(table[0]).toBe("STORE_FULL");
    for (const one of added.filter((known) => known !== 1_000_301))
      expect(seen).toContain(`n${one}`);
    expect(seen).not.toContain(`n${refused}`);
    // It is asked now and then and not in a loop.
    expect(refusals(after) - refusals(before)).toBeLessThan(20);

    room.give(child.pid);
    await until(addNext, ([code]) => code === "ok");
    await until(
      () => child.tell("ask", of("desk", 1), { type: "tally" }),
      ([, tally]) => (tally as { ended: number }).ended === 1,
    );
    await until(
      () => child.tell("ask", LEDGER, { type: "tally" }),
      ([, tally]) => (tally as { rang: number }).rang >= remindersOf(added),
    );
    await child.kill();
    const next = await startRoomProcess({ folder: room.folder, effects });
    onTestFinished(() => next.kill());
    const records = await recordsOf(next, LEDGER);
    const mirrored = await recordsOf(next, of("mirror", 1));
    const [ledger, desk] = [await tallyOf(next, LEDGER), await tallyOf(next, of("desk", 1))];
    const deskRecords = await recordsOf(next, of("desk", 1));
    expect(await next.stop()).toBe(0);
    room.end();

    const numbers = added.map((one) => `n${one}`).sort();
    expect(records.filter((key) => key[0] === "n")).toEqual(numbers);
    expect(mirrored).toEqual(numbers);
    expect(ledger).toEqual({ count: added.length, rang: remindersOf(added), ended: 0 });
    expect(desk).toEqual({ count: 1, rang: 0, ended: 1 });
    expect(deskRecords).toEqual(["e1000500", "n1000500"]);
    expect(readFileSync(effects, "utf8")).toBe("1000500\n");
  });
}

interface Figures {
  readonly total: { readonly counters: Readonly<Record<string, number>> };
}

const refusals = (figures: Figures): number => figures.total.counters["refusedBatches"] ?? 0;
const remindersOf = (numbers: readonly number[]): number =>
  numbers.filter((one) => one % REMIND_EVERY === 0).length;
