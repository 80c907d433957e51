// When a running server has its data folder compacted: in a quiet hour, at the latest when the time is up, and
// not again and again where it comes to nothing.

import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { COMPACTION_DUE } from "../../../adapters/tenants/due.ts";
import { purger } from "../../../adapters/tenants/purging.ts";
import { silentLog } from "../../../runtime/log.ts";

const HOUR_MS = 3_600_000;
const START_MS = Date.parse("2026-01-01T00:00:00Z");

let data: string;
let nowMs: number;
let busy: number;
let restarts: number;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "troupe-purging-"));
  nowMs = START_MS;
  [busy, restarts] = [0, 0];
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

const start = () =>
  purger({
    ...{ data, log: silentLog, idleAfterMs: HOUR_MS, latestMs: 20 * HOUR_MS },
    nowMs: () => nowMs,
    busy: () => busy,
    restart: () => {
      restarts += 1;
    },
  });

/** Rows of a removed tenant are gone at this moment. */
function removed(): void {
  const path = join(data, COMPACTION_DUE);
  writeFileSync(path, "tn_1\n");
  utimesSync(path, nowMs / 1_000, nowMs / 1_000);
}

test("with nothing removed nothing is done", async () => {
  const look = start();
  nowMs += 100 * HOUR_MS;

  expect(await look()).toBe(false);
  expect(restarts).toBe(0);
});

test("it is compacted an hour after the removal when little is done, and not before", async () => {
  const look = start();
  nowMs += 5 * HOUR_MS;
  removed();
  nowMs += HOUR_MS - 1_000;
  const early = await look();
  nowMs += 1_000;

  expect(early).toBe(false);
  expect(await look()).toBe(true);
  expect(restarts).toBe(1);
});

test("a server that is always busy is compacted when the time is up, within a day of the removal", async () => {
  const look = start();
  busy = 0.9;
  removed();
  const looks: boolean[] = [];
  for (let hour = 1; hour <= 20; hour += 1) {
    nowMs = START_MS + hour * HOUR_MS;
    looks.push(await look());
  }

  expect(looks).toEqual([...Array(19).fill(false), true]);
});

test("one that comes to nothing is tried again after an hour, not with every look", async () => {
  removed();
  const look = start();
  nowMs += HOUR_MS;
  for (let minute = 0; minute < 60; minute += 1) {
    await look();
    nowMs += 60_000;
  }
  const before = restarts;
  await look();

  expect([before, restarts]).toEqual([1, 2]);
});

test("a process that was just started, as after a try that failed, waits an hour too", async () => {
  removed();
  nowMs += 30 * HOUR_MS;
  const look = start();

  expect(await look()).toBe(false);
  nowMs += HOUR_MS;
  expect(await look()).toBe(true);
});
