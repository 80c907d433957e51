// What has come and gone leaves nothing in the old generation: bytes that came into it, by a process
// that does one thing many times and has no major collection.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const child = fileURLToPath(new URL("../../support/retention-child.js", import.meta.url));
/**
 * V8 makes what often outlives a young collection in the old generation at once, and decides that at
 * one collection for good: what the child makes came there by chance, in one of two lives of it.
 */
const flags = [
  "--expose-gc",
  "--max-semi-space-size=4",
  "--initial-old-space-size=1000",
  "--no-allocation-site-pretenuring",
];
const CHILD_MS_MAX = 60_000;
/** Bytes of what one time makes (6,400 and more), of which so many may come into the old generation. */
const FEW = 700;
/** The same of a run, which makes 27,000 in its steps alone. */
const FEW_OF_A_RUN = 5_000;

async function promoted(what: string, times: number): Promise<number> {
  const args = [...flags, child, what, String(times)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: CHILD_MS_MAX });
  return Number(stdout);
}

test("entries that have left a ChurnMap leave nothing behind", async () => {
  expect(await promoted("map", 20_000)).toBeLessThan(FEW);
});

test("what has left a fair queue leaves nothing behind", async () => {
  expect(await promoted("queue", 20_000)).toBeLessThan(FEW);
});

test(
  "a message that is sent on and on, among others, leaves little of each hop behind",
  async () => {
    const perHop = (await promoted("hops", 100)) / (8 * 50);

    expect(perHop).toBeLessThan(FEW);
  },
  CHILD_MS_MAX,
);

test(
  "an ended run leaves little of its steps behind",
  async () => {
    expect(await promoted("runs", 800)).toBeLessThan(FEW_OF_A_RUN);
  },
  CHILD_MS_MAX,
);
