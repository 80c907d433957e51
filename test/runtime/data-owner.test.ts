// One process at a time on a data folder, and a store that may grow no further.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { of, TENANT } from "../support/kill-program.ts";
import { startRoomProcess, type Told } from "../support/room-process.ts";

const MIB = 1024 * 1024;
const ROW_CHARS = 400_000;

function newFolder(): { folder: string; effects: string } {
  const root = mkdtempSync(join(tmpdir(), "troupe-second-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return { folder: join(root, "data"), effects: join(root, "effects") };
}

test("a second process on one data folder is refused with the first one's number, until that is gone", async () => {
  const where = newFolder();
  const first = await startRoomProcess(where);
  onTestFinished(() => first.kill());

  const second = await startRoomProcess(where);
  const [code] = await first.tell("ask", of("ledger", 1), { type: "add", n: 1_000_001 });
  await first.kill();
  const third = await startRoomProcess(where);
  onTestFinished(() => third.kill());
  const tally = await third.tell("ask", of("ledger", 1), { type: "tally" });

  expect(second.up[0]).toBe("DATA_LOCKED");
  expect(second.up[1]).toBe(`The data folder ${where.folder} is in use by process ${first.pid}.`);
  expect(await second.ended).toBe(1);
  expect(code).toBe("ok");
  expect(third.up).toEqual(["ok", "up"]);
  expect(tally[1]).toMatchObject({ count: 1 });
});

test("a store at its limit refuses rows, and goes on when rows are removed or the limit is raised", async () => {
  const where = newFolder();
  const child = await startRoomProcess({ ...where, mapBytes: 16 * MIB });
  onTestFinished(() => child.kill());
  let rows = 0;
  const fill = (on = child): Promise<Told> => {
    rows += 1;
    const put = { type: "put", table: "t", id: `r${rows}`, value: "x".repeat(ROW_CHARS) };
    return on.tell("write", TENANT, [put]);
  };
  const untilFull = async (): Promise<unknown> => {
    for (;;) {
      const [code, words] = await fill();
      if (code === "STORE_FULL") return words;
      if (code !== "ok" || rows > 100) throw new Error(`${code} after ${rows} rows`);
    }
  };

  const words = await untilFull();
  const most = rows;
  const removals = Array.from({ length: 20 }, (_, at) => ({
    type: "remove",
    table: "t",
    id: `r${at + 1}`,
  }));
  const removed = await child.tell("write", TENANT, removals);
  // Pages that a removal leaves are free for the transaction after the next.
  await child.tell("ask", of("ledger", 1), { type: "add", n: 1_000_001 });
  const again = await fill();
  await untilFull();
  await child.kill();
  const wider = await startRoomProcess({ ...where, mapBytes: 64 * MIB });
  onTestFinished(() => wider.kill());

  expect(words).toContain(`limit of ${16 * MIB} bytes`);
  expect(most * ROW_CHARS).toBeGreaterThan(12 * MIB);
  expect([removed[0], again[0]]).toEqual(["ok", "ok"]);
  expect((await fill(wider))[0]).toBe("ok");
});
