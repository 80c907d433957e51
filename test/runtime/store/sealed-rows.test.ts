// What is a tenant's, sealed on the disk: through the storage threads, with the real sealer and keys.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import {
  createMasterKeys,
  emptyMasterKeys,
  replaceMasterKeys,
} from "../../../adapters/vault/master-keys.ts";
import { createTenantKeys } from "../../../adapters/vault/tenant-keys.ts";
import {
  createSealer,
  forgetKeys,
  sharedChanges,
  type TenantSealing,
} from "../../../adapters/vault/tenant-sealer.ts";
import { scanRows } from "../../../runtime/door/tables.ts";
import { openBulkReader } from "../../../runtime/store/bulk-reader.ts";
import { decode, decodeCounter, encode } from "../../../runtime/store/codec.ts";
import { compactFolder } from "../../../runtime/store/compact.ts";
import { openFolderReader } from "../../../runtime/store/folder-reader.ts";
import { environmentFile, openStore } from "../../../runtime/store/lmdb.ts";
import { open } from "../../../runtime/store/lmdb-library.ts";
import { sealsOf } from "../../../runtime/store/sealed-rows.ts";
import { type Storage, startStorage } from "../../../runtime/store/storage.ts";
import type { Environment, Store } from "../../../runtime/store/store.ts";

const cleanUps: (() => Promise<void> | void)[] = [];
const url = new URL("../../../adapters/vault/tenant-sealer.js", import.meta.url).href;

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A folder and its keys, which lie beside it. */
class Sealed {
  readonly path = mkdtempSync(join(tmpdir(), "troupe-sealed-"));
  readonly data: TenantSealing;

  constructor(master: Uint8Array = new Uint8Array(32).fill(7)) {
    cleanUps.push(() => rmSync(this.path, { recursive: true }));
    const masterKeys = emptyMasterKeys();
    replaceMasterKeys(masterKeys, [master]);
    const folder = mkdtempSync(join(tmpdir(), "troupe-sealed-keys-"));
    cleanUps.push(() => rmSync(folder, { recursive: true }));
    this.data = { folder, masterKeys, changes: sharedChanges() };
  }

  async start(environments: readonly Environment[] = ["hot", "bulk"]): Promise<Storage> {
    const storage = await startStorage({
      ...{ path: this.path, environments, sealer: { url, data: this.data } },
      onDeath: (_, error) => {
        throw error;
      },
    });
    cleanUps.push(() => storage.close());
    return storage;
  }

  connect(storage: Storage, environment: Environment = "hot"): Store {
    const store = openStore({
      ...{ path: this.path, environment, port: storage.connect(environment) },
      seals: sealsOf(createSealer(this.data))[environment],
    });
    cleanUps.push(() => store.close());
    return store;
  }

  keys() {
    return createTenantKeys(this.data.folder, createMasterKeys(this.data.masterKeys));
  }

  /** Files of the folder in which a text stands in clear. */
  found(text: string): readonly string[] {
    return readdirSync(this.path).filter((name) => {
      const bytes = readFileSync(join(this.path, name));
      return ["latin1", "utf16le"].some((one) => bytes.includes(text, 0, one as BufferEncoding));
    });
  }
}

const row = (tenant: string, id: string): string => `t/${tenant}/agents/${id}`;
const put = (key: string, value: unknown) => ({ op: "put", key, value: encode(value) }) as const;

async function read(store: Pick<Store, "get">, key: string): Promise<unknown> {
  const bytes = await store.get(key);
  return bytes === undefined ? undefined : decode(bytes);
}

test("a tenant's rows of both environments are read as they were and lie nowhere in clear", async () => {
  const sealed = new Sealed();
  const storage = await sealed.start();
  const [hot, bulk] = [sealed.connect(storage), sealed.connect(storage, "bulk")];
  const [own, text] = [row("tn_a", "ag_1"), "w/tn_a/c/d/w1"];
  const value = { prompt: "MARKhot Übung Ω" };
  await hot.commit({ ops: [put(own, value), put("!suspended/tn_a", { state: "MARKopen" })] })
    .flushed;
  await bulk.commit({ ops: [put(text, "MARKbulk")] }).flushed;

  const other = sealed.connect(storage);
  const [first] = await other.range({ from: "t/tn_a/", to: "t/tn_a/~", limit: 5 });

  expect(first && decode(first.value)).toEqual(value);
  expect(await read(openBulkReader(sealed.path, createSealer(sealed.data)), text)).toBe("MARKbulk");
  expect(sealed.found("MARKhot")).toEqual([]);
  expect(sealed.found("MARKbulk")).toEqual([]);
  // That the search finds what is in clear.
  expect(sealed.found("MARKopen")).toEqual(["hot.mdb"]);
});

test("conditions and counters are judged on what was sealed", async () => {
  const sealed = new Sealed();
  const store = sealed.connect(await sealed.start(["hot"]));
  const key = row("tn_a", "ag_1");
  const counter = "c/tn_a/balance";
  await store.commit({ ops: [put(key, 1), put(counter, 40)] }).committed;

  const swap = { op: "swap", key, expected: encode(1), value: encode(2) } as const;
  const add = { op: "add", key: counter, delta: 2, min: 0 } as const;
  const { counters } = await store.commit({ ops: [swap, add] }).committed;
  const again = store.commit({ ops: [swap] }).committed;

  expect(counters.get(counter)).toBe(42);
  await expect(again).rejects.toMatchObject({ code: "CONDITION_FAILED" });
  store.reset();
  const taken = store.commit({ ops: [{ op: "insert", key, value: encode(3) }] }).committed;
  await expect(taken).rejects.toMatchObject({ code: "CONDITION_FAILED" });
  store.reset();
  expect(await read(store, key)).toBe(2);
  expect(decodeCounter(await store.get(counter))).toBe(42);
});

test("a value in another row's, tenant's or environment's place, or changed, is an error", async () => {
  const sealed = new Sealed();
  const storage = await sealed.start();
  const [hot, bulk] = [sealed.connect(storage), sealed.connect(storage, "bulk")];
  const keys = [row("tn_a", "one"), row("tn_a", "two"), row("tn_b", "one"), row("tn_a", "cut")];
  await hot.commit({ ops: keys.map((key) => put(key, `text of ${key}`)) }).flushed;
  const both = "x/tn_a/l1";
  await hot.commit({ ops: [put(both, "letter")] }).flushed;
  await bulk.commit({ ops: [put(both, "source")] }).flushed;
  const [one, two, three, cut] = keys as [string, string, string, string];
  for (const open of [hot, bulk]) await open.close();
  await storage.close();

  await rewrite(sealed.path, "hot", (get) => [
    [one, get(two)],
    [two, get(three)],
    [three, get(one)],
    [cut, changed(get(cut))],
  ]);
  let letter = new Uint8Array();
  await rewrite(sealed.path, "hot", (get) => {
    letter = Uint8Array.from(get(both));
    return [];
  });
  await rewrite(sealed.path, "bulk", () => [[both, letter]]);
  const reader = openFolderReader(sealed.path, createSealer(sealed.data));
  cleanUps.push(() => reader.close());

  for (const key of keys) {
    await expect(read(reader.hot, key), key).rejects.toMatchObject({
      code: "SECRET_UNREADABLE",
    });
  }
  expect(await read(reader.hot, both)).toBe("letter");
  await expect(read(reader.bulk, both)).rejects.toMatchObject({ code: "SECRET_UNREADABLE" });
});

test("a restart and a compaction leave rows readable, and without a sealer nobody reads them", async () => {
  const sealed = new Sealed();
  const key = row("tn_a", "ag_1");
  const first = await sealed.start(["hot"]);
  const store = sealed.connect(first);
  await store.commit({ ops: [put(key, "MARKkept")] }).flushed;
  await store.close();
  await first.close();
  await compactFolder(sealed.path);

  const plain = startStorage({
    path: sealed.path,
    environments: ["hot"],
    onDeath: () => undefined,
  });
  await expect(plain).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  const second = await sealed.start(["hot"]);

  const again = sealed.connect(second);
  expect(await read(again, key)).toBe("MARKkept");
  expect(sealed.found("MARKkept")).toEqual([]);
  await again.close();
  await second.close();
  const closed = openFolderReader(sealed.path);
  cleanUps.push(() => closed.close());
  await expect(read(closed.hot, key)).rejects.toMatchObject({ code: "SECRET_UNREADABLE" });
});

test("what a compaction rewrites of the system's own rows is sealed, and is what it was rewritten to", async () => {
  const sealed = new Sealed();
  const [changed, kept, gone] = ["changed", "kept", "gone"].map((id) => row("tn_sys", id)) as [
    string,
    string,
    string,
  ];
  const first = await sealed.start();
  const store = sealed.connect(first);
  await store.commit({ ops: [put(changed, "MARKold"), put(kept, "MARKkept"), put(gone, 1)] })
    .flushed;
  await store.close();
  await first.close();

  await compactFolder(sealed.path, {
    sealer: createSealer(sealed.data),
    rewrite: {
      system: "tn_sys",
      row: (_table, id, value) => {
        if (id === "gone") return "drop";
        return value === "MARKold" ? { value: encode("MARKnew") } : "keep";
      },
    },
  });
  const again = sealed.connect(await sealed.start());

  expect([await read(again, changed), await read(again, kept)]).toEqual(["MARKnew", "MARKkept"]);
  expect(await again.get(gone)).toBeUndefined();
  for (const text of ["MARKold", "MARKnew", "MARKkept"]) expect(sealed.found(text)).toEqual([]);
});

test("a folder that was made in clear is not opened sealed", async () => {
  const sealed = new Sealed();
  const { path } = sealed;
  const plain = await startStorage({ path, environments: ["hot"], onDeath: () => undefined });
  await plain.close();

  await expect(sealed.start(["hot"])).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});

test("a destroyed key opens nothing on any thread, is not made again, and leaves others' text", async () => {
  const sealed = new Sealed();
  const storage = await sealed.start(["hot"]);
  const store = sealed.connect(storage);
  const [gone, kept] = [row("tn_a", "ag_1"), row("tn_b", "ag_1")];
  await store.commit({ ops: [put(gone, "MARKgone"), put(kept, "MARKkept")] }).flushed;
  const file = join(sealed.data.folder, "tn_a");
  const wrapped = readFileSync(file, "latin1");

  sealed.keys().destroy("tn_a");
  forgetKeys(sealed.data.changes);
  await store.commit({ ops: [put(row("tn_a", "late"), "MARKlate")] }).flushed;

  for (const key of [gone, row("tn_a", "late")]) {
    await expect(read(store, key)).rejects.toMatchObject({ code: "SECRET_UNREADABLE" });
  }
  expect(await read(store, kept)).toBe("MARKkept");
  // Who looks through everybody's rows is not kept from the others'.
  expect((await scanRows(store, null, 10)).map(({ value }) => value)).toEqual([
    undefined,
    undefined,
    "MARKkept",
  ]);
  expect(readdirSync(sealed.data.folder).sort()).toEqual(["tn_a.destroyed", "tn_b"]);
  for (const name of readdirSync(sealed.data.folder)) {
    expect(readFileSync(join(sealed.data.folder, name), "latin1")).not.toContain(wrapped.slice(9));
  }
  expect(sealed.keys().destroyed()).toEqual(["tn_a"]);
});

test("threads that make a tenant's first key at once seal under the same one", async () => {
  const sealed = new Sealed();
  const storage = await sealed.start();
  const hot = sealed.connect(storage);
  const sealers = Array.from({ length: 4 }, () => createSealer(sealed.data));
  await hot.commit({ ops: [put(row("tn_a", "x"), "from main")] }).flushed;

  const texts = sealers.map((one, n) => one.seal("tn_a", "p", Buffer.from(`text ${n}`)));

  for (const [n, text] of texts.entries()) {
    const opened = sealers.map((one) => Buffer.from(one.open("tn_a", "p", text) ?? "").toString());
    expect(new Set(opened)).toEqual(new Set([`text ${n}`]));
  }
  expect(new Set(texts.map((text) => Buffer.from(text).toString("hex"))).size).toBe(4);
});

/** Changes rows as they lie on the disk; `change` is given what lies there. */
async function rewrite(
  path: string,
  environment: Environment,
  change: (get: (key: string) => Uint8Array) => readonly (readonly [string, Uint8Array])[],
): Promise<void> {
  const database = open<Uint8Array, string>({
    ...{ path: environmentFile(path, environment), encoding: "binary" },
  });
  const rows = change((key) => {
    const bytes = database.getBinary(key);
    if (bytes === undefined) throw new Error(`There is no row ${key}.`);
    return Uint8Array.from(bytes);
  });
  database.transactionSync(() => {
    for (const [key, value] of rows) database.putSync(key, Buffer.from(value));
  });
  await database.close();
}

function changed(bytes: Uint8Array): Uint8Array {
  const last = bytes.length - 20;
  bytes[last] = (bytes[last] ?? 0) ^ 1;
  return bytes;
}
