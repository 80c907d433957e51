// A data folder that cannot be used: refused before LMDB maps it, with what, where and what to do.

import { execFileSync, spawnSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { encode } from "../../../runtime/store/codec.ts";
import { openFolder } from "../../../runtime/store/folder.ts";
import { openStore } from "../../../runtime/store/lmdb.ts";
import { startStorage } from "../../../runtime/store/storage.ts";

const PAGE = 4096;
const NOBODY = 65_534;
let root = "";
/** A sound store's bytes. */
let sound = Buffer.alloc(0);

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "troupe-damage-"));
  const path = join(root, "sound");
  const folder = openFolder(path);
  const storage = await startStorage({ path, environments: ["hot"], onDeath: () => {} });
  const store = openStore({ path, environment: "hot", port: storage.connect("hot") });
  const value = encode("x".repeat(150));
  const ops = Array.from(
    { length: 3_000 },
    (_, at) => ({ op: "put", key: `a/${at}`, value }) as const,
  );
  await store.commit({ ops }).flushed;
  await store.close();
  await storage.close();
  folder.release();
  sound = readFileSync(join(path, "hot.mdb"));
});
afterAll(() => rmSync(root, { recursive: true }));

/** A folder with these bytes as its store. */
function folderWith(bytes: Uint8Array): string {
  const path = mkdtempSync(join(root, "folder-"));
  writeFileSync(join(path, "hot.mdb"), bytes);
  return path;
}

function refusalOf(path: string): { readonly code: string; readonly message: string } {
  try {
    openFolder(path).release();
  } catch (error) {
    return error as { code: string; message: string };
  }
  return { code: "opened", message: "" };
}

test("a sound store is opened, also after a life that was killed", () => {
  const path = folderWith(sound);

  expect(refusalOf(path).code).toBe("opened");
  writeFileSync(join(path, "lock"), "left by one that was killed");
  expect(refusalOf(path).code).toBe("opened");
});

test("a store that is cut off is refused and says how much is missing", () => {
  for (const bytes of [100, PAGE, 10 * PAGE]) {
    const path = folderWith(sound);
    truncateSync(join(path, "hot.mdb"), bytes);

    const refusal = refusalOf(path);

    expect(refusal.code, `${bytes} bytes`).toMatch(/DATA_DAMAGED|FOREIGN_DATA/);
    expect(refusal.message).toContain(join(path, "hot.mdb"));
  }
  const cut = folderWith(sound.subarray(0, 10 * PAGE));
  expect(refusalOf(cut)).toMatchObject({ code: "DATA_DAMAGED" });
  expect(refusalOf(cut).message).toMatch(/has 40960 bytes and should have \d+.*Put a copy/);
});

test("zeroed head pages are damage, another program's file is foreign", () => {
  for (const at of [0, PAGE]) {
    const bytes = Buffer.from(sound);
    bytes.fill(0, at, at + PAGE);
    expect(refusalOf(folderWith(bytes)).code).toBe("DATA_DAMAGED");
  }
  expect(refusalOf(folderWith(Buffer.alloc(2 * PAGE))).code).toBe("DATA_DAMAGED");
  expect(refusalOf(folderWith(Buffer.from("SQLite format 3\0".repeat(600)))).code).toBe(
    "FOREIGN_DATA",
  );
});

test("random bytes in the tree are found after a life that was killed, at every start again", () => {
  let found = 0;
  for (let page = 2; page < 60; page += 1) {
    const bytes = Buffer.from(sound);
    if (bytes.readBigUInt64LE(page * PAGE) !== BigInt(page)) continue;
    randomFillSync(bytes, page * PAGE, PAGE);
    const path = folderWith(bytes);
    writeFileSync(join(path, "lock"), "left by one that was killed");

    const [first, second] = [refusalOf(path), refusalOf(path)];

    expect(second.code).toBe(first.code);
    if (first.code !== "DATA_DAMAGED") continue;
    found += 1;
    expect(first.message).toMatch(/page \d+.*Put a copy/);
    expect(readFileSync(join(path, "hot.mdb")).equals(bytes)).toBe(true);
  }
  expect(found).toBeGreaterThan(20);
});

test("a file instead of a folder, and a path through a file, are refused in words", () => {
  const file = join(root, "file");
  writeFileSync(file, "");

  expect(refusalOf(file)).toMatchObject({ code: "DATA_UNUSABLE" });
  expect(refusalOf(file).message).toContain(`${file} cannot be the data folder: it is a file`);
  expect(refusalOf(join(file, "data")).message).toContain("part of its path is a file");
});

test("a folder on a read-only file system is refused in words", (context) => {
  const disk = mkdtempSync(join(root, "disk-"));
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]).status !== 0) {
    context.skip("This user cannot mount a file system.");
  }
  onTestFinished(() => void execFileSync("umount", [disk]));
  mkdirSync(join(disk, "data"));
  execFileSync("mount", ["-o", "remount,ro", disk]);

  expect(refusalOf(join(disk, "data")).code).toBe("DATA_UNUSABLE");
  expect(refusalOf(join(disk, "data")).message).toContain("read-only");
});

test("a folder of another user is refused in words", () => {
  const path = mkdtempSync(join(root, "closed-"));
  chmodSync(path, 0);
  onTestFinished(() => chmodSync(path, 0o700));
  // Root may read and write everything: it becomes another for the while.
  if (process.getuid?.() === 0) {
    chmodSync(root, 0o755);
    process.seteuid?.(NOBODY);
    onTestFinished(() => process.seteuid?.(0));
  }

  expect(refusalOf(join(path, "data")).code).toBe("DATA_UNUSABLE");
});

/** Starts and ends the storage of a folder as a system does. */
async function startAndEnd(path: string, later: readonly "bulk"[] = ["bulk"]): Promise<void> {
  const folder = openFolder(path);
  try {
    const start = { path, environments: ["hot"], later, onDeath: () => {} } as const;
    await (await startStorage(start)).close();
  } finally {
    folder.release();
  }
}

test("a folder whose bulk.mdb is gone is refused, and as it was when the file is back", async () => {
  const path = mkdtempSync(join(root, "folder-"));
  await startAndEnd(path);
  await startAndEnd(path);
  const bulk = join(path, "bulk.mdb");
  renameSync(bulk, join(root, "away.mdb"));
  const hot = readFileSync(join(path, "hot.mdb"));

  for (const _start of [1, 2]) {
    const refused = startAndEnd(path);
    await expect(refused).rejects.toMatchObject({
      code: "DATA_DAMAGED",
      message: expect.stringMatching(/its bulk\.mdb.* is missing\. Put it back/),
    });
  }
  expect(existsSync(bulk)).toBe(false);
  expect(readFileSync(join(path, "hot.mdb")).equals(hot)).toBe(true);
  renameSync(join(root, "away.mdb"), bulk);
  await startAndEnd(path);
});

test("a folder that never had a bulk.mdb, or was killed before it had, starts", async () => {
  const never = mkdtempSync(join(root, "folder-"));
  await startAndEnd(never, []);
  for (const path of [never, folderWith(sound), folderWith(Buffer.alloc(0))]) {
    await startAndEnd(path);
    expect(existsSync(join(path, "bulk.mdb"))).toBe(true);
    await startAndEnd(path);
  }
});
