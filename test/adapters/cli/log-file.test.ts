// Reading the server's log file while it is written and put aside, and showing what others have written into it.

import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { logFileLines } from "../../../adapters/cli/log-file.ts";
import { printable } from "../../../adapters/cli/printable.ts";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "troupe-log-"));
  path = join(folder, "a.log");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const wanted = { level: "debug", since: undefined, search: undefined, limit: 10 } as const;
const line = (msg: string): string =>
  `${JSON.stringify({ level: 30, time: "2026-01-01T00:00:00.000Z", msg })}\n`;

test("who follows misses no line when the file is put aside, emptied, or cut within a letter", async () => {
  const five = Buffer.from(line("fünf"));
  const cut = five.indexOf(0xc3) + 1;
  /** What happens before each look. */
  const steps = [
    () => {
      // The writer goes on with what was renamed until it has opened the new one.
      appendFileSync(path, line("two"));
      renameSync(path, `${path}.1`);
      appendFileSync(`${path}.1`, line("three"));
      writeFileSync(path, line("four"));
    },
    () => appendFileSync(path, five.subarray(0, cut)),
    () => appendFileSync(path, five.subarray(cut)),
    () => truncateSync(path),
    () => appendFileSync(path, line("six")),
  ];
  writeFileSync(path, line("one"));

  const said: string[] = [];
  const follow = { ...wanted, isFollowed: true };
  for await (const { msg } of logFileLines(path, follow, () => steps.shift()?.())) {
    said.push(msg);
    if (msg === "six") break;
  }

  expect(said).toEqual(["one", "two", "three", "four", "fünf", "six"]);
});

test("what is no line of a log is shown as it stands, and a missing file says what to do", async () => {
  writeFileSync(path, `null\n5\nno JSON\n${line("one")}`);
  const shown: unknown[] = [];
  for await (const { time, text } of logFileLines(path, { ...wanted, isFollowed: false })) {
    shown.push([time, text]);
  }

  expect(shown.slice(0, 3)).toEqual([
    [null, "null"],
    [null, "5"],
    [null, "no JSON"],
  ]);
  expect(shown).toHaveLength(4);
  const none = logFileLines(`${path}.none`, { ...wanted, isFollowed: false });
  await expect(none.next()).rejects.toThrow(/no log file at .*a\.log\.none: start the server/);
});

test("nothing that a terminal would obey, or takes for another line, is shown as it is", () => {
  const evil = "a\n2026 ERROR forged\r\u001b[2J\u0007\u009b31m\u2028\u202etxt.exe\u0000";

  expect(printable(evil)).toBe(
    "a\\u000a2026 ERROR forged\\u000d\\u001b[2J\\u0007\\u009b31m\\u2028\\u202etxt.exe\\u0000",
  );
  expect(printable("Grüße, 你好 👋🏽 tab-free")).toBe("Grüße, 你好 👋🏽 tab-free");
});
