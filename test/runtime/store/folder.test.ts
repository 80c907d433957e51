// The data folder: one owner, private, and nothing foreign.

import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { encode } from "../../../runtime/store/codec.ts";
import { FOLDER_FORMAT, nextHeader, openFolder } from "../../../runtime/store/folder.ts";
import { keys } from "../../../runtime/store/keys.ts";
import { openStore } from "../../../runtime/store/lmdb.ts";
import { startStorage } from "../../../runtime/store/storage.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "troupe-folder-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const refusal = (code: string) => expect.objectContaining({ code });

function codeOf(work: () => unknown): unknown {
  try {
    work();
    return "no error";
  } catch (error) {
    return error;
  }
}

test("a missing folder is made, with its parents, for its user only", () => {
  const path = join(root, "a/b");

  openFolder(path).release();

  expect(statSync(path).mode & 0o777).toBe(0o700);
});

test("a folder in use is refused and names the owner; after release it is free", () => {
  const first = openFolder(root);

  const second = codeOf(() => openFolder(root));
  first.release();

  expect(second).toEqual(refusal("DATA_LOCKED"));
  expect(String(second)).toContain(String(process.pid));
  openFolder(root).release();
  expect(readdirSync(root)).toEqual([]);
});

test("a lock of a dead process, of an earlier boot, or of a reused process id is taken over", () => {
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;
  openFolder(root);
  const own = JSON.parse(readFileSync(join(root, "lock"), "utf8")) as Record<string, unknown>;
  const stale = [
    { ...own, pid: dead, token: "dead" },
    { ...own, boot: "another boot", token: "boot" },
    { ...own, started: "1", token: "reused" },
  ];

  for (const owner of stale) {
    writeFileSync(join(root, "lock"), JSON.stringify(owner));
    openFolder(root);
    expect(readFileSync(join(root, "lock"), "utf8")).toContain(`"pid":${process.pid}`);
  }
  writeFileSync(join(root, "lock"), "half a lo");
  openFolder(root).release();
});

test("a folder with other things in it is refused and left as it was", () => {
  writeFileSync(join(root, "holiday.jpg"), "jpg");
  const mode = statSync(root).mode;

  expect(codeOf(() => openFolder(root))).toEqual(refusal("FOREIGN_DATA"));
  expect(readdirSync(root)).toEqual(["holiday.jpg"]);
  expect(statSync(root).mode).toBe(mode);
});

test("a hot.mdb that is no LMDB file is refused before LMDB sees it", () => {
  writeFileSync(join(root, "hot.mdb"), "x".repeat(8192));

  expect(codeOf(() => openFolder(root))).toEqual(refusal("FOREIGN_DATA"));
});

test("a header of another format, other shards, another environment or nonsense is refused", () => {
  const good = nextHeader(undefined, "hot");
  expect(nextHeader(encode(good), "hot")).toEqual({ ...good, boots: 2 });
  const bad = [
    { ...good, format: FOLDER_FORMAT + 1 },
    { ...good, format: 2 },
    { ...good, shards: 512 },
    { ...good, environment: "bulk" },
    { some: "row" },
    null,
  ];

  for (const header of bad) {
    expect(codeOf(() => nextHeader(encode(header), "hot"))).toEqual(refusal("FOREIGN_DATA"));
  }
  // What a version wrote whose values had another format.
  for (const bytes of [
    [9, 9, 9],
    [0x81, 0, 0x81, 0xa1, 0x61, 1],
  ]) {
    const header = new Uint8Array(bytes);
    expect(codeOf(() => nextHeader(header, "hot"))).toEqual(refusal("FOREIGN_DATA"));
    expect(() => nextHeader(header, "hot")).toThrow("written by another version");
  }
});

test("a store with a newer header is not opened and not changed", async () => {
  const path = join(root, "data");
  mkdirSync(path);
  const first = await startStorage({ path, environments: ["hot"], onDeath: () => {} });
  const store = openStore({ path, environment: "hot", port: first.connect("hot") });
  const header = encode({ ...nextHeader(undefined, "hot"), format: FOLDER_FORMAT + 1 });
  await store.commit({ ops: [{ op: "put", key: keys.header, value: header }] }).flushed;
  await store.close();
  await first.close();
  const before = readFileSync(join(path, "hot.mdb"));

  const deaths: unknown[] = [];
  const second = startStorage({
    path,
    environments: ["hot"],
    onDeath: (_, error) => deaths.push(error),
  });

  await expect(second).rejects.toMatchObject({ code: "FOREIGN_DATA" });
  expect(readFileSync(join(path, "hot.mdb")).equals(before)).toBe(true);
  expect(deaths).toEqual([]);
});
