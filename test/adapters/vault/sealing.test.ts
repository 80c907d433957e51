// The keys of tenants at a start, at a rotation and where somebody has cut a destruction short.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import {
  createMasterKeys,
  emptyMasterKeys,
  replaceMasterKeys,
} from "../../../adapters/vault/master-keys.ts";
import { createSealing } from "../../../adapters/vault/sealing.ts";
import { createTenantKeys } from "../../../adapters/vault/tenant-keys.ts";
import { createSealer } from "../../../adapters/vault/tenant-sealer.ts";

const [first, second] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** Tenants of which something lies sealed. */
async function* sealedOf(...tenants: readonly string[]): AsyncGenerator<string> {
  yield* tenants;
}

/** A data folder with keys of these tenants, wrapped under the first master key. */
async function folderWith(...tenants: readonly string[]) {
  const data = mkdtempSync(join(tmpdir(), "troupe-sealing-"));
  folders.push(data);
  const memory = emptyMasterKeys();
  replaceMasterKeys(memory, [first]);
  const settings = { encryption: "on", tenantKeys: null, data } as const;
  const sealing = createSealing(settings, memory, async () => undefined);
  await sealing.prepare(true, sealedOf());
  const sealer = createSealer(sealing.source.data);
  const texts = tenants.map((one) => sealer.seal(one, "p", Buffer.from(`of ${one}`)));
  const keys = join(data, "tenant-keys");
  return { data, memory, settings, sealing, texts, keys };
}

const opened = (sealer: ReturnType<typeof createSealer>, tenant: string, text?: Uint8Array) => {
  const bytes = text && sealer.open(tenant, "p", text);
  return bytes && Buffer.from(bytes).toString();
};

test("a start with another master key, or without the keys of tenants, says so and makes none", async () => {
  const { settings, keys } = await folderWith("tn_a");
  const other = emptyMasterKeys();
  replaceMasterKeys(other, [second]);
  const before = readdirSync(keys);

  const wrong = createSealing(settings, other, async () => undefined).prepare(false, sealedOf());
  await expect(wrong).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringMatching(/keys of tenants cannot be opened.*Put the right one back/),
  });
  const without = { ...settings, tenantKeys: join(keys, "elsewhere") };
  const lost = createSealing(without, other, async () => undefined).prepare(false, sealedOf());
  await expect(lost).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining("They are in no backup"),
  });
  expect(readdirSync(keys)).toEqual(before);
});

test("a new master key opens what was sealed before, and the old one is not needed after", async () => {
  const { memory, sealing, settings, texts, keys } = await folderWith("tn_a", "tn_b");
  const wrapped = readFileSync(join(keys, "tn_a"), "latin1");
  replaceMasterKeys(memory, [second, first]);

  const done = sealing.rewrap();

  const alone = emptyMasterKeys();
  replaceMasterKeys(alone, [second]);
  const sealer = createSealer(createSealing(settings, alone, async () => undefined).source.data);
  expect(done).toEqual({ changed: 3, unreadable: 0 });
  expect(sealing.rewrap()).toEqual({ changed: 0, unreadable: 0 });
  expect([opened(sealer, "tn_a", texts[0]), opened(sealer, "tn_b", texts[1])]).toEqual([
    "of tn_a",
    "of tn_b",
  ]);
  expect(readdirSync(keys).sort()).toEqual(["tn_a", "tn_b", "tn_system"]);
  expect(readFileSync(join(keys, "tn_a"), "latin1")).not.toBe(wrapped);
});

test("a mirror of before a rotation opens with the master key of before, whichever stands first, and with no later one alone", async () => {
  const { memory, sealing, settings, texts, keys } = await folderWith("tn_a");
  const mirror = readdirSync(keys).map((name) => [name, readFileSync(join(keys, name))] as const);
  replaceMasterKeys(memory, [second, first]);
  sealing.rewrap();
  const openedWith = (...masters: readonly Uint8Array[]): string | undefined => {
    const alone = emptyMasterKeys();
    replaceMasterKeys(alone, masters);
    const { data } = createSealing(settings, alone, async () => undefined).source;
    return opened(createSealer(data), "tn_a", texts[0]);
  };

  const after = openedWith(second);
  for (const [name, bytes] of mirror) writeFileSync(join(keys, name), bytes);

  expect([after, openedWith(first), openedWith(second, first)]).toEqual(Array(3).fill("of tn_a"));
  expect(openedWith(second)).toBeUndefined();
});

test("a wrapped key in another tenant's place opens nothing", async () => {
  const { memory, keys, sealing, texts } = await folderWith("tn_a", "tn_b");
  writeFileSync(join(keys, "tn_b"), readFileSync(join(keys, "tn_a")));

  const sealer = createSealer(sealing.source.data);
  expect(opened(sealer, "tn_b", texts[0])).toBeUndefined();
  expect(() => createTenantKeys(keys, createMasterKeys(memory)).read("tn_b")).toThrow(/changed/);
});

test("a destruction that was cut short is finished by the next start, which tells of it", async () => {
  const { keys, sealing, texts } = await folderWith("tn_a", "tn_b");
  writeFileSync(join(keys, "tn_a.destroyed"), "");

  const { destroyed } = await sealing.prepare(false, sealedOf());

  const sealer = createSealer(sealing.source.data);
  expect(destroyed).toEqual(["tn_a"]);
  expect(existsSync(join(keys, "tn_a"))).toBe(false);
  expect([opened(sealer, "tn_a", texts[0]), opened(sealer, "tn_b", texts[1])]).toEqual([
    undefined,
    "of tn_b",
  ]);
});

test("a key that is missing is not made anew, in no life of the server, and put back it opens all", async () => {
  const { keys, sealing, texts } = await folderWith("tn_a", "tn_b");
  const kept = readFileSync(join(keys, "tn_a"));
  rmSync(join(keys, "tn_a"));

  const without = await sealing.prepare(false, sealedOf("tn_a", "tn_b", "tn_system"));
  const sealer = createSealer(sealing.source.data);
  const seal = (): unknown => sealer.seal("tn_a", "p", Buffer.from("anew"));
  expect(seal).toThrow(/key of the tenant tn_a is missing.*put the key back/);
  expect(existsSync(join(keys, "tn_a"))).toBe(false);
  expect(() => sealer.seal("tn_b", "p", Buffer.from("more"))).not.toThrow();
  writeFileSync(join(keys, "tn_a"), kept);
  const again = await sealing.prepare(false, sealedOf("tn_a", "tn_b", "tn_system"));

  const fresh = createSealer(sealing.source.data);
  expect([without.lost, again.lost]).toEqual([["tn_a"], []]);
  expect(opened(fresh, "tn_a", texts[0])).toBe("of tn_a");
  expect(readdirSync(keys).sort()).toEqual(["tn_a", "tn_b", "tn_system"]);
});

test("nothing is sealed twice under one key and nonce, also in other lives of the thread", async () => {
  const { sealing } = await folderWith("tn_a");
  const lives = [createSealer(sealing.source.data), createSealer(sealing.source.data)];

  const heads = lives.flatMap((sealer) =>
    Array.from({ length: 300 }, () =>
      Buffer.from(sealer.seal("tn_a", "p", Buffer.from("same")).subarray(0, 16)).toString("hex"),
    ),
  );

  expect(new Set(heads).size).toBe(600);
  expect(new Set(heads.map((head) => head.slice(0, 24))).size).toBe(2);
});

test("a key is overwritten where it lies before it is unlinked", async () => {
  const { keys, sealing } = await folderWith("tn_a");
  const { linkSync } = await import("node:fs");
  const before = readFileSync(join(keys, "tn_a"));
  // Another name of the same place on the disk.
  linkSync(join(keys, "tn_a"), join(keys, "witness.x"));

  sealing.destroy("tn_a");

  const after = readFileSync(join(keys, "witness.x"));
  expect(after.length).toBe(before.length);
  expect(after.includes(before.subarray(9, 40))).toBe(false);
});
