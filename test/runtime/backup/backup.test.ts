// Backups of a folder that is being written to: of one moment, whole or not at all, and restored to the
// same rows. What is damaged is refused, wherever the damage is.

import {
  existsSync,
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
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createBackups, doneOf } from "../../../runtime/backup/backups.ts";
import { restoreBackup } from "../../../runtime/backup/restore-backup.ts";
import { openSnapshot } from "../../../runtime/backup/snapshot.ts";
import { type BackupRequest, writeBackup } from "../../../runtime/backup/write-backup.ts";
import { decode, encode } from "../../../runtime/store/codec.ts";
import { openFolder } from "../../../runtime/store/folder.ts";
import { openFolderReader } from "../../../runtime/store/folder-reader.ts";
import { open, type RootDatabase } from "../../../runtime/store/lmdb-library.ts";
import type { Reader, Row } from "../../../runtime/store/store.ts";
import { makeDiskRoom } from "../../support/disk-room.ts";
import { openData } from "../../support/open-data.ts";

const quiet = { progress: () => undefined };
const fast = { withKeys: false, mibPerSecond: 4_096, version: "0.0.0" } as const;
const ROWS = 20_000;
let root = "";
/** A folder with rows in both stores that nobody writes to. */
let still = "";

const fresh = (name: string): string => mkdtempSync(join(root, `${name}-`));

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "troupe-backup-"));
  still = join(root, "still");
  mkdirSync(still);
  const data = await openData(still);
  const [hot, bulk] = [data.connect("hot"), data.connect("bulk")];
  for (let at = 0; at < ROWS; at += 2_000) {
    const ops = Array.from({ length: 2_000 }, (_, n) => {
      return { op: "put", key: `a/${at + n}`, value: encode("x".repeat(100)) } as const;
    });
    await hot.commit({ ops }).flushed;
  }
  const large = encode(new Uint8Array(3_000_000).fill(7));
  await bulk.commit({ ops: [{ op: "put", key: "b/large", value: large }] }).flushed;
  await data.close();
  writeFileSync(join(still, "admin-key"), "the admin key");
  writeFileSync(join(still, "master-key"), "the master key");
  mkdirSync(join(still, "index"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function backupOf(folder: string, more: Partial<BackupRequest> = {}): Promise<string> {
  const target = join(fresh("to"), "a.backup");
  const request = { ...fast, folder, target, ...more };
  await writeBackup(request, { signal: new AbortController().signal, ...quiet });
  return target;
}

/** Where its blocks end. */
function blockEnds(file: Buffer): readonly number[] {
  const ends: number[] = [];
  for (let at = 16; at < file.length; ends.push(at)) at += 5 + file.readUInt32LE(at) + 32;
  return ends;
}

const restored = async (file: string): Promise<string> => {
  const to = join(fresh("restored"), "data");
  await restoreBackup({ file, to }, quiet);
  return to;
};

async function rowsOf(reader: Reader): Promise<readonly Row[]> {
  return await reader.range({ from: " ", to: "~", limit: 1_000_000 });
}

/** Every row with all its bytes, as one text. */
async function textOf(reader: Reader): Promise<string> {
  const rows = await rowsOf(reader);
  return rows.map(({ key, value }) => `${key}=${Buffer.from(value).toString("hex")}`).join("\n");
}

test("a folder that is restored has the same rows in both stores, and can be used", async () => {
  const folder = await restored(await backupOf(still));

  const [was, is] = [openFolderReader(still), openFolderReader(folder)];
  const rows = (await rowsOf(is.hot)).filter(({ key }) => !key.startsWith("!"));
  expect(rows.length).toBe(ROWS);
  for (const store of ["hot", "bulk"] as const) {
    expect(await textOf(is[store])).toBe(await textOf(was[store]));
  }
  await Promise.all([was.close(), is.close()]);
  openFolder(folder).release();
  const data = await openData(folder);
  await data.connect("hot").commit({ ops: [{ op: "put", key: "a/new", value: encode(1) }] })
    .flushed;
  await data.close();
  expect(statSync(join(folder, "hot.mdb")).mode & 0o777).toBe(0o600);
});

test("what was acknowledged before is in it, and both stores are of one moment", {
  timeout: 60_000,
}, async () => {
  const path = fresh("busy");
  const data = await openData(path);
  const [hot, bulk] = [data.connect("hot"), data.connect("bulk")];
  const backups = createBackups(path);
  let [number, isEnding] = [0, false];
  // As documents are stored: what `hot` says was done in `bulk` before. And as they are removed: what
  // goes from `bulk` was let go in `hot` before.
  const writing = (async () => {
    while (!isEnding) {
      const next = number + 1;
      const value = encode(next);
      await bulk.commit({ ops: [{ op: "put", key: `b/${next}`, value }] }).committed;
      await hot.commit({
        ops: [
          { op: "put", key: "n", value },
          { op: "put", key: `a/${next}`, value },
        ],
      }).committed;
      number = next;
      if (next % 2 === 1) continue;
      await hot.commit({ ops: [{ op: "remove", key: `a/${next}` }] }).committed;
      await bulk.commit({ ops: [{ op: "remove", key: `b/${next}` }] }).committed;
    }
  })();

  for (let round = 0; round < 8; round += 1) {
    const before = number;
    await expect.poll(() => number, { timeout: 10_000 }).toBeGreaterThan(before + 5);
    const acknowledged = number;
    const target = join(fresh("to"), "busy.backup");
    await backups.start({ ...fast, target });
    const { path: file } = doneOf(await backups.ended());
    const reader = openFolderReader(await restored(file));
    const keysIn = async (of: Reader, prefix: string): Promise<readonly string[]> =>
      (await rowsOf(of)).flatMap(({ key }) => (key.startsWith(prefix) ? [key.slice(2)] : []));
    const said = new Set(await keysIn(reader.hot, "a/"));
    const stored = new Set(await keysIn(reader.bulk, "b/"));
    const last = Number(decode((await reader.hot.get("n")) ?? encode(0)));
    await reader.close();

    expect(last).toBeGreaterThanOrEqual(acknowledged);
    const odd = Array.from({ length: last }, (_, at) => at + 1).filter((one) => one % 2 === 1);
    expect(odd.filter((one) => !said.has(String(one)))).toEqual([]);
    expect([...said].filter((one) => !stored.has(one))).toEqual([]);
  }
  isEnding = true;
  await writing;
  await backups.close();
  await data.close();
});

test("a commit between the two snapshots makes both be taken anew", async () => {
  const path = fresh("between");
  const [hot, bulk] = ["hot", "bulk"].map((name) =>
    open<Uint8Array, string>({ path: join(path, `${name}.mdb`), encoding: "binary" }),
  ) as [RootDatabase<Uint8Array, string>, RootDatabase<Uint8Array, string>];
  const store = (number: number): void => {
    hot.putSync("n", encode(number));
    bulk.putSync("n", encode(number));
  };
  store(1);

  const snapshot = await openSnapshot(path, {
    between: (attempt) => {
      if (attempt < 3) store(attempt + 2);
    },
  });

  const found = snapshot.parts.map((part) => [...part.all()].map(({ value }) => decode(value)));
  expect(found).toEqual([[4], [4]]);
  await snapshot.close();
  await Promise.all([hot.close(), bulk.close()]);
});

test("one at a time; a cancelled one leaves nothing, and the next can begin", async () => {
  const backups = createBackups(still);
  const folder = fresh("cancelled");
  const target = join(folder, "slow.backup");
  await backups.start({ ...fast, target, mibPerSecond: 1 });

  await expect(backups.start({ ...fast, target: join(folder, "b") })).rejects.toMatchObject({
    code: "CONFLICT",
  });
  await expect.poll(() => backups.state()?.progress.rows, { timeout: 10_000 }).toBeGreaterThan(0);
  expect(backups.state()?.status).toBe("running");
  expect(await backups.cancel()).toMatchObject({
    status: "cancelled",
    done: null,
    error: { code: "CANCELLED" },
  });
  expect(readdirSync(folder)).toEqual([]);
  await backups.start({ ...fast, target });
  expect(await backups.ended()).toMatchObject({ status: "completed", error: null });
  expect(readdirSync(folder)).toEqual(["slow.backup"]);
  await backups.close();
  await expect(backups.start({ ...fast, target })).rejects.toMatchObject({ code: "CONFLICT" });
  const other = join(folder, "c");
  await expect(backups.start({ ...fast, target: other })).rejects.toMatchObject({
    code: "SHUTTING_DOWN",
  });
});

test("it is written no faster than was asked for", async () => {
  const sinceMs = performance.now();

  const file = await backupOf(still, { mibPerSecond: 2 });

  const mib = statSync(file).size / 1024 ** 2;
  expect(mib).toBeGreaterThan(5);
  expect(performance.now() - sinceMs).toBeGreaterThan(((mib - 1) / 2) * 1_000);
});

test("keys are not in it unless asked for, and the manifest says what was left out", async () => {
  const file = await backupOf(still);
  const keyed = await backupOf(still, { withKeys: true });

  const manifest = await restoreBackup({ file, to: null }, quiet);
  expect(manifest).toMatchObject({ files: {}, version: "0.0.0", node: process.version });
  expect([...manifest.leftOut].sort()).toEqual(["admin-key", "index", "master-key"]);
  expect(readFileSync(file).includes("the master key")).toBe(false);
  expect(existsSync(join(await restored(file), "admin-key"))).toBe(false);
  const folder = await restored(keyed);
  expect(readFileSync(join(folder, "master-key"), "utf8")).toBe("the master key");
  expect(readFileSync(join(folder, "admin-key"), "utf8")).toBe("the admin key");
  expect(statSync(join(folder, "master-key")).mode & 0o777).toBe(0o600);
  expect(statSync(keyed).mode & 0o777).toBe(0o600);
});

test("places that cannot be are refused, and nothing that is there is overwritten", async () => {
  const folder = fresh("places");
  const there = join(folder, "there");
  writeFileSync(there, "mine");

  const refusal = (target: string) => backupOf(still, { target }).catch((error: unknown) => error);
  expect(await refusal(there)).toMatchObject({ code: "CONFLICT", details: { pointer: "/path" } });
  expect(readFileSync(there, "utf8")).toBe("mine");
  expect(await refusal(join(still, "in.backup"))).toMatchObject({ code: "INVALID" });
  expect(await refusal("/proc/nowhere/a.backup")).toMatchObject({ code: "INVALID" });
  expect(await refusal(join(there, "below"))).toMatchObject({ code: "INVALID" });
  await backupOf(still, { target: folder });
  const [name = ""] = readdirSync(folder).filter((one) => one !== "there");
  expect(name).toMatch(/^troupe-\d{4}-.*Z\.backup$/);
  const full = restoreBackup({ file: join(folder, name), to: folder }, quiet);
  await expect(full).rejects.toMatchObject({ code: "CONFLICT" });
});

test("where the disk has no room it is refused before, and a disk that fills leaves nothing", async ({
  skip,
}) => {
  const small = makeDiskRoom("a file system of its own", 8);
  if (small === null) return skip("this user may not mount a file system");
  const disk = join(small.folder, "..");
  try {
    const asked = backupOf(still, { target: join(disk, "a.backup") });
    await expect(asked).rejects.toMatchObject({
      code: "STORE_FULL",
      message: expect.stringMatching(/takes up to \d+ MiB and the disk .* has \d+ MiB left/),
    });
    expect(readdirSync(disk)).toEqual([]);
  } finally {
    small.end();
  }
});

test("a backup with any byte changed, cut or added is refused, with where, and nothing is made", {
  timeout: 60_000,
}, async () => {
  const whole = readFileSync(await backupOf(still));
  const file = join(fresh("damaged"), "a.backup");
  const refusal = async (bytes: Uint8Array): Promise<unknown> => {
    writeFileSync(file, bytes);
    const parent = fresh("none");
    const error = await restoreBackup({ file, to: join(parent, "data") }, quiet).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(readdirSync(parent)).toEqual([]);
    return error;
  };
  const damaged = {
    code: "DATA_DAMAGED",
    message: expect.stringMatching(/is damaged: block \d+, at byte \d+, is/),
  };

  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 16, max: whole.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      async (at, change) => {
        const bytes = Uint8Array.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ change;
        expect(await refusal(bytes)).toMatchObject(damaged);
      },
    ),
    { numRuns: 12 },
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 16, max: whole.length - 1 }), async (length) => {
      expect(await refusal(whole.subarray(0, length))).toMatchObject(damaged);
    }),
    { numRuns: 8 },
  );
  expect(await refusal(Buffer.concat([whole, Buffer.from("x")]))).toMatchObject(damaged);
  // A block that is taken out whole, and two that have changed places.
  const [first, second, third] = [16, ...blockEnds(whole)] as [number, number, number];
  const [a, b] = [whole.subarray(first, second), whole.subarray(second, third)];
  const [head, tail] = [whole.subarray(0, first), whole.subarray(third)];
  expect(await refusal(Buffer.concat([head, b, tail]))).toMatchObject(damaged);
  expect(await refusal(Buffer.concat([head, b, a, tail]))).toMatchObject(damaged);
  expect(await refusal(Buffer.from("something else"))).toMatchObject({ code: "FOREIGN_DATA" });
});
