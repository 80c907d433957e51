// What the doctor says of encryption at rest, by making the fault.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readConfig } from "../../../adapters/config.ts";
import { encryptionCheck } from "../../../adapters/doctor/encryption.ts";
import { examine } from "../../../adapters/doctor/examine.ts";
import { emptyMasterKeys, replaceMasterKeys } from "../../../adapters/vault/master-keys.ts";
import { createSealing } from "../../../adapters/vault/sealing.ts";
import { openFolder } from "../../../runtime/store/folder.ts";
import { startStorage } from "../../../runtime/store/storage.ts";

const [key, other] = [1, 2].map((one) => Buffer.alloc(32, one).toString("base64")) as [
  string,
  string,
];
let root: string;
let data: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "troupe-doctor-sealed-"));
  data = join(root, "data");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function* nobody(): AsyncGenerator<string> {}

async function makeFolder(isSealed: boolean): Promise<void> {
  const memory = emptyMasterKeys();
  replaceMasterKeys(memory, [Buffer.from(key, "base64")]);
  const settings = { encryption: "on", tenantKeys: null, data } as const;
  const sealing = createSealing(settings, memory, async () => undefined);
  const owned = openFolder(data);
  const sealer = isSealed ? sealing.source : undefined;
  const storage = await startStorage({
    ...{ path: data, environments: ["hot"], sealer, onDeath: () => undefined },
  });
  if (isSealed) await sealing.prepare(true, nobody());
  await storage.close();
  owned.release();
}

async function lines(env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const settings = { TROUPE_DATA: data, TROUPE_PORT: "0", TROUPE_MASTER_KEY: key, ...env };
  const config = await readConfig(settings, root);
  const patient = { config, configError: null, data, owner: null, ask: null };
  return (await examine([encryptionCheck], patient)).map(({ level, what }) => `${level}: ${what}`);
}

test("a folder that was made the other way is an error, either way", async () => {
  await makeFolder(false);
  expect(await lines({ TROUPE_ENCRYPTION: "on" })).toEqual([
    expect.stringMatching(/^error: .*made without encryption, and encryption is on/),
  ]);
  expect(await lines({})).toEqual([expect.stringMatching(/^ok: encryption is off/)]);
  rmSync(data, { recursive: true });

  await makeFolder(true);
  expect(await lines({})).toEqual([
    expect.stringMatching(/^error: .*made with encryption, and encryption is off/),
  ]);
});

test("what is sealed and what is not is said, keys that are open to others, wrong or gone too", async () => {
  const on = { TROUPE_ENCRYPTION: "on" };
  expect(await lines(on)).toEqual([expect.stringMatching(/^ok: encryption is on; not sealed are/)]);
  await makeFolder(true);

  const sound = await lines(on);
  const mark = join(data, "tenant-keys", "tn_gone.lost");
  writeFileSync(mark, "");
  const missed = await lines(on);
  rmSync(mark);
  const wrong = await lines({ ...on, TROUPE_MASTER_KEY: other });
  chmodSync(join(data, "tenant-keys"), 0o755);
  const open = await lines(on);
  writeFileSync(join(data, "tenant-keys", "tn_system"), "no key\n");
  const garbled = await lines(on);
  rmSync(join(data, "tenant-keys"), { recursive: true });
  const gone = await lines(on);

  expect(sound).toEqual([
    expect.stringMatching(/^ok: encryption is on: 1 keys of tenants .*not sealed are/),
  ]);
  expect(wrong).toEqual([expect.stringMatching(/^error: The keys of tenants cannot be opened/)]);
  expect(missed[1]).toMatch(/^error: .*missed the keys of 1 tenants, which rest: tn_gone\./);
  expect(open[0]).toMatch(/^warning: .*other users/);
  expect(garbled).toEqual([expect.stringMatching(/^error: .*not one of these keys/)]);
  expect(gone).toEqual([expect.stringMatching(/^error: .*are missing/)]);
});
