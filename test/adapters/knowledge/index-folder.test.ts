// A folder of index files goes while files are still made in it.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { indexFolder, removeIndexFolder } from "../../../adapters/knowledge/index-folder.ts";

const ROUNDS = 60;
const WRITERS = 3;

const data = mkdtempSync(join(tmpdir(), "troupe-folder-"));
let folders = 0;

afterAll(() => rmSync(data, { recursive: true, force: true }));

function newFolder(files = 4): string {
  folders += 1;
  const folder = indexFolder(data, { tenant: "t1", collection: `cl_${folders}` });
  mkdirSync(folder, { recursive: true });
  for (let at = 0; at < files; at += 1) writeFileSync(join(folder, `sg_${at}.vectors`), "vectors");
  return folder;
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ENOENT";

/** Makes files as a merge does, under another name first, until the folder is gone. */
async function write(folder: string, writer: number): Promise<void> {
  for (let at = 0; ; at += 1) {
    const path = join(folder, `sg_${writer}.${at}`);
    try {
      await writeFile(`${path}.tmp`, "postings");
      await rename(`${path}.tmp`, path);
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
  }
}

test("a folder that is written to goes, with all that is made meanwhile", async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const folder = newFolder();
    const writing = Array.from({ length: WRITERS }, (_, writer) => write(folder, writer));
    await expect.poll(() => readdirSync(folder).length, { interval: 1 }).toBeGreaterThan(6);

    await removeIndexFolder(folder);
    expect(existsSync(folder)).toBe(false);
    await Promise.all(writing);

    expect(readdirSync(dirname(folder))).toEqual([]);
  }
}, 30_000);

test("several removals of one folder at once all succeed", async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const folder = newFolder(20);
    await Promise.all([1, 2, 3].map(() => removeIndexFolder(folder)));
    expect(readdirSync(dirname(folder))).toEqual([]);
  }
}, 30_000);

test("what a removal that was cut off has left goes with the next one", async () => {
  const folder = newFolder();
  await rename(folder, join(dirname(folder), `.cl_${folders}`));

  await removeIndexFolder(folder);

  expect(readdirSync(dirname(folder))).toEqual([]);
});

test("no collection's folder has the name of one that is being removed", () => {
  const [one, other] = ["cl_1", ".cl_1"].map((collection) =>
    indexFolder(data, { tenant: "t1", collection }),
  );
  expect(join(dirname(one ?? ""), ".cl_1")).not.toBe(other);
});
