// Log files: put aside when they are full, opened again when they were moved, and named after agents.

import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { agentFile, createAgentFiles } from "../../../adapters/telemetry/agent-files.ts";
import {
  createRotatingFile,
  heldBytesMax,
  type RotatingFile,
} from "../../../adapters/telemetry/rotating-file.ts";
import { until } from "../../support/channels/channel-desk.ts";

let folder = "";
let path = "";
const failures: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "troupe-logs-"));
  path = join(folder, "a.log");
  failures.length = 0;
});
afterEach(() => rm(folder, { recursive: true }));

const fileAt = (bytesMax: number, filesMax: number): RotatingFile =>
  createRotatingFile({
    path,
    bytesMax,
    filesMax,
    failed: (_, error) => failures.push(error.message),
  });
const read = (name: string): Promise<string> =>
  readFile(join(folder, name), "utf8").catch(() => "");
const numbered = (n: number): string => `${String(n).padStart(99, "0")}\n`;

test("a full file is put aside, so many are kept, and no line of theirs is lost or twice", async () => {
  const file = fileAt(10_000, 3);
  const has = async (line: string): Promise<boolean> =>
    (await Promise.all((await readdir(folder)).map(read))).some((text) => text.includes(line));
  for (let n = 0; n < 1_000; n += 1) {
    file.write(numbered(n));
    // The disk is given time to take what fills a file, as in a server.
    if (n % 100 === 99) await until(() => has(numbered(n)), Boolean);
  }
  await file.end();

  expect((await readdir(folder)).sort()).toEqual(["a.log", "a.log.1", "a.log.2"]);
  const texts = await Promise.all(["a.log.2", "a.log.1", "a.log"].map(read));
  const lines = texts.join("").split("\n").slice(0, -1).map(Number);
  expect(lines.at(-1)).toBe(999);
  expect(lines).toEqual(lines.map((_, at) => (lines[0] ?? 0) + at));
  expect(lines.length).toBeLessThan(1_000);
  expect([file.dropped(), failures]).toEqual([0, []]);
});

test("a file that was moved is opened again with the next look, and what is held comes at the end", async () => {
  const file = fileAt(1_000_000, 2);
  file.write("one\n");
  await file.end();
  const again = fileAt(1_000_000, 2);
  again.write("two\n");
  while ((await read("a.log")) !== "one\ntwo\n") await new Promise(setImmediate);
  await again.look();
  await rename(path, join(folder, "moved"));
  await again.look();
  while (!(await readdir(folder)).includes("a.log")) await new Promise(setImmediate);
  again.write("three\n");
  await again.end();

  expect([await read("moved"), await read("a.log")]).toEqual(["one\ntwo\n", "three\n"]);
});

test("what cannot be written is counted, told once, and nobody waits or fails", async () => {
  await mkdir(path);
  const file = fileAt(1_000_000, 2);
  file.write("lost\n");
  while (failures.length === 0) await new Promise(setImmediate);
  file.write("lost as well\n");
  await file.end();

  expect(file.dropped()).toBe(2);
  expect(failures).toEqual([expect.stringContaining("EISDIR")]);
});

test("lines are held up to a limit, and dropped and counted past it", async () => {
  const file = fileAt(100 * heldBytesMax, 2);
  const line = `${"x".repeat(heldBytesMax / 4 - 1)}\n`;
  for (let n = 0; n < 6; n += 1) file.write(line);
  await file.end();

  expect(file.dropped()).toBe(2);
  expect((await read("a.log")).length).toBe(heldBytesMax);
});

test.each([
  ["tn_default", "Help Desk", "Help Desk.log"],
  ["tn_default", "data-processor", "data-processor.log"],
  ["tn_other", "Help Desk", "tn_other/Help Desk.log"],
  ["tn_default", "Grüße", "Grüße.log"],
  ["tn_default", "", "ag_1.log"],
])("of %s the agent %j has the file %s", (tenant, name, file) => {
  expect(agentFile({ tenant, id: "ag_1", name })).toBe(file);
});

test("no name leads out of the folder, and names that look alike when they are safe differ", () => {
  const names = ["../../etc/passwd", "..", ".hidden", "a/b", "a\\b", "a\0b", "x".repeat(300)];
  const files = names.map((name) => agentFile({ tenant: "tn_default", id: "ag_1", name }));

  for (const file of files) expect(file).toMatch(/^[\w-][\w .-]*-[0-9a-f]{8}\.log$/);
  for (const file of files) expect(file.length).toBeLessThan(120);
  expect(new Set(files).size).toBe(names.length);
});

test("of many agents few files are open, and each has its lines", async () => {
  const files = createAgentFiles({
    folder,
    bytesMax: 65_536,
    filesMax: 2,
    failed: () => undefined,
  });
  const agent = (n: number) => ({ tenant: "tn_default", id: `ag_${n}`, name: `a${n}` });
  for (let n = 0; n < 200; n += 1) files.write(agent(n), [`${n}\n`]);
  files.write(agent(0), ["again\n"]);
  await files.end();

  expect(await readdir(folder)).toHaveLength(200);
  expect(await read("a0.log")).toBe("0\nagain\n");
  expect(await read("a199.log")).toBe("199\n");
});
