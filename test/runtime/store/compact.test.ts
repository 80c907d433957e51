// A compaction leaves every row that stays as it was and nothing of what was removed, whenever it is
// interrupted.

import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { encode } from "../../../runtime/store/codec.ts";
import { compactFolder } from "../../../runtime/store/compact.ts";
import { openFolder } from "../../../runtime/store/folder.ts";
import { openFolderReader } from "../../../runtime/store/folder-reader.ts";
import { keys } from "../../../runtime/store/keys.ts";
import { openStore } from "../../../runtime/store/lmdb.ts";
import { startStorage } from "../../../runtime/store/storage.ts";
import type { Environment, StoreOp } from "../../../runtime/store/store.ts";

const GONE = "tn_a";
const STAYS = "tn_ab";
const SECRET = "planted-4b7f21-text";
const cleanUps: (() => void)[] = [];

afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

/** A folder in which two tenants had rows, all of one's were removed, and its mark says so. */
async function folderWithPast(isRemoved: boolean): Promise<string> {
  const path = mkdtempSync(join(tmpdir(), "troupe-compact-"));
  cleanUps.push(() => rmSync(path, { recursive: true, force: true }));
  const folder = openFolder(path);
  const storage = await startStorage({
    path,
    onDeath: (_, error) => {
      throw error;
    },
  });
  const put = (key: string, text: string): StoreOp => ({ op: "put", key, value: encode(text) });
  for (const environment of ["hot", "bulk"] as const) {
    const store = openStore({ path, environment, port: storage.connect(environment) });
    const key = (tenant: string, n: number): string =>
      environment === "hot" ? keys.table(tenant, "t", `${n}`) : keys.document(tenant, "c", `${n}`);
    const numbers = Array.from({ length: 300 }, (_, n) => n);
    const rows = numbers.flatMap((n) => [
      put(key(GONE, n), `${SECRET} ${"x".repeat(n * 7)}`),
      put(key(STAYS, n), `other ${"y".repeat(n * 11)}`),
    ]);
    await store.commit({ ops: rows }).flushed;
    if (isRemoved) {
      const removes = numbers.map((n): StoreOp => ({ op: "remove", key: key(GONE, n) }));
      await store.commit({ ops: removes }).flushed;
    }
    if (environment === "hot") {
      const mark = { op: "put", key: keys.suspended(GONE), value: encode({ state: "removing" }) };
      await store.commit({ ops: [mark as StoreOp] }).flushed;
    }
    await store.close();
  }
  await storage.close();
  folder.release();
  return path;
}

async function rowsOf(path: string): Promise<Record<Environment, readonly string[]>> {
  const reader = openFolderReader(path);
  const of = (environment: Environment): readonly string[] => {
    const rows = reader[environment].range({ from: " ", to: "~~", limit: 10_000 });
    return (rows as { key: string; value: Uint8Array }[]).map(
      ({ key, value }) => `${key}=${Buffer.from(value).toString("hex")}`,
    );
  };
  const all = { hot: of("hot"), bulk: of("bulk") };
  await reader.close();
  return all;
}

const isOf = (tenant: string) => (row: string) => row.split("=")[0]?.split("/").includes(tenant);

function holdsSecret(path: string): readonly string[] {
  return readdirSync(path).filter((name) => readFileSync(join(path, name)).includes(SECRET));
}

test.each([true, false])(
  "nothing of a removed tenant is in any file, and every other row is as it was (removed before: %s)",
  async (isRemoved) => {
    const path = await folderWithPast(isRemoved);
    const before = await rowsOf(path);
    const held = holdsSecret(path);

    const { removed, environments } = await compactFolder(path);
    const after = await rowsOf(path);

    expect(held).toEqual(["bulk.mdb", "hot.mdb"]);
    expect(removed).toEqual([GONE]);
    expect(holdsSecret(path)).toEqual([]);
    for (const environment of ["hot", "bulk"] as const) {
      const isMark = (row: string): boolean => row.startsWith(`${keys.suspended(GONE)}=`);
      const stay = before[environment].filter((row) => !isOf(GONE)(row) || isMark(row));
      const unmarked = (row: string): string => (isMark(row) ? "" : row);
      expect(after[environment].map(unmarked)).toEqual(stay.map(unmarked));
      const figures = environments.find((one) => one.environment === environment);
      expect(figures?.rows).toBe(stay.length);
      expect(figures?.dropped).toBe(before[environment].length - stay.length);
    }
    expect(readdirSync(path).filter((name) => name.includes(".new"))).toEqual([]);
  },
);

test("a server starts on a compacted folder: it counts one boot more", async () => {
  const path = await folderWithPast(true);

  await compactFolder(path);
  const folder = openFolder(path);
  const storage = await startStorage({ path, onDeath: () => undefined });
  await storage.close();
  folder.release();

  expect(storage.boots).toBe(2);
});

test("cut off between the two files, either is whole, and the next one finishes", async () => {
  const path = await folderWithPast(true);
  const hot = join(path, "hot.mdb");
  copyFileSync(hot, `${hot}.before`);
  await compactFolder(path);
  // As it lies after a crash: the new `bulk`, the old `hot`, and the copy of that one.
  copyFileSync(hot, `${hot}.new`);
  copyFileSync(`${hot}.before`, hot);
  rmSync(`${hot}.before`);

  const folder = openFolder(path);
  const isLeft = existsSync(`${hot}.new`);
  folder.release();
  const { removed } = await compactFolder(path);

  expect(isLeft).toBe(false);
  expect(removed).toEqual([GONE]);
  expect(holdsSecret(path)).toEqual([]);
});

test("a folder that a process has open is not compacted", async () => {
  const path = await folderWithPast(true);
  const folder = openFolder(path);

  const refused = compactFolder(path).catch((error: { code: string }) => error.code);

  expect(await refused).toBe("DATA_LOCKED");
  expect(holdsSecret(path)).toEqual(["bulk.mdb", "hot.mdb"]);
  folder.release();
});
