// What is counted of each tenant is what a scan finds, whatever is written, whenever a process dies, and
// in a folder of before there was a count.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { decode, decodeCounter, encode } from "../../../runtime/store/codec.ts";
import { compactFolder } from "../../../runtime/store/compact.ts";
import { CopiedCount } from "../../../runtime/store/copied-count.ts";
import { type Header, openFolder } from "../../../runtime/store/folder.ts";
import { keys } from "../../../runtime/store/keys.ts";
import { environmentFile, openStore } from "../../../runtime/store/lmdb.ts";
import { open } from "../../../runtime/store/lmdb-library.ts";
import { startStorage } from "../../../runtime/store/storage.ts";
import type { Environment, Row, StoreOp } from "../../../runtime/store/store.ts";
import { type Countable, StoredBytes } from "../../../runtime/store/stored-bytes.ts";
import { counted, scanned, storedBytesOf } from "../../support/stored-bytes.ts";

const roots: string[] = [];
afterEach(() => {
  for (const path of roots.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** An environment in memory whose transactions can be lost. */
class Rows implements Countable {
  rows = new Map<string, Uint8Array>();

  getBinary(key: string): Uint8Array | undefined {
    return this.rows.get(key);
  }

  getBinaryFast(key: string): Uint8Array | undefined {
    return this.rows.get(key);
  }

  *getRange({
    start,
    end = "~~",
    limit = 1e9,
  }: Parameters<Countable["getRange"]>[0]): Iterable<Row> {
    const found = [...this.rows.keys()].sort().filter((key) => key >= start && key < end);
    for (const key of found.slice(0, limit)) yield { key, value: this.rows.get(key) ?? encode(0) };
  }

  write(staged: ReadonlyMap<string, Uint8Array | undefined>): void {
    for (const [key, value] of staged) {
      if (value === undefined) this.rows.delete(key);
      else this.rows.set(key, value);
    }
  }

  *all(): Iterable<Row> {
    yield* this.getRange({ start: "" });
  }
}

/** A life of a storage thread, as far as it counts. */
function begin(disk: Rows, { hasRoom }: { readonly hasRoom: boolean }): StoredBytes {
  const count = new StoredBytes("hot", disk);
  const stored = disk.rows.get(keys.header);
  const before = stored && (decode(stored) as Header).boots;
  const boots = (before ?? 0) + 1;
  const staged = new Map<string, Uint8Array | undefined>([[keys.header, encode({ boots })]]);
  count.begin(before, boots, staged);
  if (hasRoom || before === undefined) {
    disk.write(staged);
    count.begun();
  }
  return count;
}

const tenant = fc.constantFrom("tn_a", "tn_ab", "tn_b");
const write = fc.record({
  key: fc
    .tuple(tenant, fc.integer({ min: 0, max: 9 }))
    .map(([of, n]) => keys.table(of, "t", `${n}`)),
  size: fc.option(fc.integer({ min: 1, max: 300 }), { nil: null }),
});
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("group" as const),
      writes: fc.array(write, { maxLength: 8 }),
      isLost: fc.boolean(),
      isRead: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("slice" as const),
      writes: fc.array(write, { maxLength: 3 }),
      isLost: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("restart" as const), hasRoom: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("other" as const),
      writes: fc.array(write, { maxLength: 5 }),
    }),
  },
);

test("what is counted is what a scan finds, over lost groups, restarts, and programs that do not count", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const disk = new Rows();
      let count = begin(disk, { hasRoom: true });
      const group = (
        writes: readonly { key: string; size: number | null }[],
        isLost: boolean,
        hasSlice: boolean,
      ) => {
        const staged = new Map<string, Uint8Array | undefined>();
        for (const { key, size } of writes) {
          staged.set(key, size === null ? undefined : new Uint8Array(size).fill(7));
        }
        count.stage(staged, hasSlice);
        if (isLost) return;
        disk.write(staged);
        count.committed(staged);
      };
      for (const one of steps) {
        if (one.type === "restart") count = begin(disk, one);
        else if (one.type === "other") {
          // Another program starts, writes what it does not count, and ends.
          const { boots } = decode(disk.rows.get(keys.header) ?? encode(null)) as Header;
          disk.rows.set(keys.header, encode({ boots: boots + 1 }));
          for (const { key, size } of one.writes) {
            if (size === null) disk.rows.delete(key);
            else disk.rows.set(key, new Uint8Array(size).fill(7));
          }
          count = begin(disk, { hasRoom: true });
        } else {
          if (one.type === "group" && one.isRead) {
            for (const { key } of one.writes) count.seen(key, disk.rows.get(key));
          }
          group(one.writes, one.isLost, one.type === "slice");
        }
      }
      count = begin(disk, { hasRoom: true });
      while (!count.isWhole) group([], false, true);

      expect(counted(disk.all())).toEqual(scanned("hot", disk.all()));
    }),
    { numRuns: 300 },
  );
});

test("a start that found no room is no boot: a program that does not count is noticed after it", () => {
  const disk = new Rows();
  const row = keys.table("tn_a", "t", "1");
  const other = (write: () => void): void => {
    const { boots } = decode(disk.rows.get(keys.header) ?? encode(null)) as Header;
    disk.rows.set(keys.header, encode({ boots: boots + 1 }));
    write();
  };
  const slice = (count: StoredBytes): void => {
    const staged = new Map<string, Uint8Array | undefined>();
    count.stage(staged, true);
    disk.write(staged);
    count.committed(staged);
  };
  begin(disk, { hasRoom: true });
  other(() => disk.rows.set(row, encode("x")));
  begin(disk, { hasRoom: true });
  // The rows that nobody counted are, by one whose own header could not be written.
  slice(begin(disk, { hasRoom: false }));
  const first = counted(disk.all());
  other(() => disk.rows.delete(row));
  const last = begin(disk, { hasRoom: true });
  while (!last.isWhole) slice(last);

  expect(Object.keys(first)).toEqual(["tn_a"]);
  expect(counted(disk.all())).toEqual({});
});

test("a copy of rows that are not counted yet changes the count by those alone that are", () => {
  const row = (n: number): Row => ({ key: keys.table("tn_a", "t", `${n}`), value: encode("abcd") });
  const short = encode("a");
  const left = row(1).value.length - short.length;
  const sumAfter = (through: string | null | undefined): number => {
    const copy = new CopiedCount("hot", "tn_a");
    copy.takes({ key: keys.bytes("tn_a"), value: encode(1_000) });
    if (through !== undefined)
      copy.takes({ key: keys.counted, value: encode({ through, boots: 1 }) });
    for (const n of [1, 2]) copy.copied(row(n), short);
    copy.copied({ ...row(1), key: keys.table("tn_b", "t", "1") }, short);
    return decodeCounter(copy.last?.value);
  };

  expect(sumAfter(null)).toBe(1_000 - 2 * left);
  expect(sumAfter(row(1).key)).toBe(1_000 - left);
  expect(sumAfter(undefined)).toBe(1_000);
});

async function written(
  path: string,
  of: Partial<Record<Environment, readonly (readonly StoreOp[])[]>>,
): Promise<void> {
  const folder = openFolder(path);
  const storage = await startStorage({
    path,
    onDeath: (_, error) => {
      throw error;
    },
  });
  for (const environment of ["hot", "bulk"] as const) {
    const store = openStore({ path, environment, port: storage.connect(environment) });
    for (const ops of of[environment] ?? []) await store.commit({ ops }).committed;
    const isWhole = async (): Promise<unknown> => {
      const row = await store.committed.get(keys.counted);
      return row && (decode(row) as { readonly through: unknown }).through;
    };
    await expect.poll(isWhole, { timeout: 10_000, interval: 20 }).toBeNull();
    await store.close();
  }
  await storage.close();
  folder.release();
}

function newFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "troupe-bytes-"));
  roots.push(path);
  return path;
}

const put = (key: string, bytes: number): StoreOp => ({
  op: "put",
  key,
  value: encode("x".repeat(bytes)),
});

test("both stores count what is put, replaced, added to and removed, and one that has nothing has no row", async () => {
  const path = newFolder();
  const row = (of: string, n: number): string => keys.table(of, "t", `${n}`);
  const document = (of: string, n: number): string => keys.document(of, "c", `${n}`);
  const many = Array.from({ length: 400 }, (_, n) => put(row("tn_a", n), n * 90));

  await written(path, {
    hot: [
      [...many, { op: "add", key: keys.counter("tn_b", "n"), delta: 5 }],
      [put(row("tn_a", 1), 20_000), { op: "insert", key: row("tn_c", 1), value: encode(1) }],
      [
        { op: "remove", key: row("tn_c", 1) },
        { op: "remove", key: row("tn_c", 2) },
        { op: "add", key: keys.counter("tn_b", "n"), delta: 1e9 },
        { op: "swap", key: row("tn_a", 2), expected: encode("x".repeat(180)), value: encode("y") },
      ],
    ],
    bulk: [[put(document("tn_c", 1), 70), put(document("tn_a", 1), 70_000)]],
  });
  const { counted, scanned } = await storedBytesOf(path);

  expect(counted).toEqual(scanned);
  expect(counted.map((sums) => Object.keys(sums).sort())).toEqual([
    ["tn_a", "tn_b"],
    ["tn_a", "tn_c"],
  ]);
});

test("a folder of before is counted while it is written to, and a compaction that rewrites keeps the count", async () => {
  const path = newFolder();
  const row = (n: number, of = "tn_a"): string => keys.table(of, "t", `${n}`.padStart(5, "0"));
  const all = Array.from({ length: 3_000 }, (_, n) =>
    put(row(n, n % 3 === 0 ? "tn_b" : "tn_a"), n),
  );
  await written(path, { hot: [all] });
  const stored = open<Uint8Array, string>({
    path: environmentFile(path, "hot"),
    encoding: "binary",
  });
  for (const key of [keys.counted, keys.bytes("tn_a"), keys.bytes("tn_b")]) stored.removeSync(key);
  await stored.close();
  const before = await storedBytesOf(path);

  const later = Array.from({ length: 60 }, (_, n) => [
    put(row(n * 47), 3),
    { op: "remove", key: row(n * 31) } as const,
    put(row(n, "tn_c"), n),
  ]);
  await written(path, { hot: later });
  const after = await storedBytesOf(path);
  await compactFolder(path, {
    rewrite: {
      system: "tn_a",
      row: (_table, id) =>
        Number(id) % 2 === 0 ? "keep" : Number(id) % 5 === 0 ? "drop" : { value: encode(id) },
    },
  });
  const compacted = await storedBytesOf(path);

  expect([before.isWhole, after.isWhole, compacted.isWhole]).toEqual([false, true, true]);
  expect(after.counted).toEqual(after.scanned);
  expect(compacted.counted).toEqual(compacted.scanned);
  expect(compacted.counted[0]?.["tn_a"]).toBeLessThan(after.counted[0]?.["tn_a"] ?? 0);
});
