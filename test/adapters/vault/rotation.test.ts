// Secrets of a data folder over its life: rows that were stored in clear are sealed, a new master key wraps
// everything anew while rows change, a cut pass is gone on with, and the wrong key changes nothing.

import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { renewedRow, rowSeals } from "../../../adapters/secret-rows.ts";
import { rewrapAll } from "../../../adapters/vault/rewrap.ts";
import { prepareVault } from "../../../adapters/vault/start.ts";
import type { Vault } from "../../../adapters/vault/vault.ts";
import { silentLog } from "../../../runtime/log.ts";
import { type RunningSystem, startSystem } from "../../../runtime/pool.ts";

const tenant = "tn_1";
const SECRET = "Bearer planted-secret-of-the-shop";
const tool = (secret: string) => ({
  record: {
    name: "shop",
    config: { url: "https://x.example", headers: { Authorization: secret } },
  },
});
const rows = [
  ["tools", "tl_1", tool(SECRET)],
  ["agents", "ag_1", { agent: { tools: [{ tool: "http_request", ...tool(SECRET).record }] } }],
  ["webhook-secrets", "signing", { secret: SECRET, previous: { secret: SECRET, untilMs: 1 } }],
  [
    "a2a-push",
    "rn_1.x",
    { token: SECRET, authentication: { scheme: "Bearer", credentials: SECRET } },
  ],
  ["idempotency", "k", { result: tool(SECRET) }],
] as const;

let folder: string;
let system: RunningSystem | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "troupe-vault-"));
});
afterEach(async () => {
  await system?.stop(0);
  system = undefined;
  await rm(folder, { recursive: true, force: true });
});

const keyless = { masterKey: null, masterKeyFile: null, masterKeyCommand: [] };

async function open(masterKey: string | null = null, hook?: (vault: Vault) => Vault) {
  const prepared = await prepareVault({ ...keyless, masterKey, data: folder }, (vault) =>
    renewedRow(hook?.(vault) ?? vault),
  );
  const { vault } = prepared;
  system = await begin({ seals: rowSeals(vault) });
  const rotation = await prepared.settle(system, silentLog);
  return { vault, system, rotation };
}
const begin = (more: { readonly seals?: ReturnType<typeof rowSeals> }): Promise<RunningSystem> =>
  startSystem({
    ...{
      folder,
      workerUrl: new URL("./unused.js", import.meta.url),
      config: { workers: 0 },
      ...more,
    },
    loadHost: () => ({ definitions: [], createPorts: () => ({}) }),
    log: silentLog,
  });
const stop = async (): Promise<void> => {
  await system?.stop(0);
  system = undefined;
};
const stored = async (of: RunningSystem): Promise<string> =>
  JSON.stringify(await of.rows(null, 200));
const put = async (of: RunningSystem): Promise<void> => {
  for (const [table, id, value] of rows)
    await of.tables.write(tenant, [{ type: "put", table, id, value }]);
};
const allRead = async (of: RunningSystem): Promise<void> => {
  for (const [table, id, value] of rows) {
    expect((await of.tables.get(tenant, table, id))?.value).toEqual(value);
  }
};
/** In the audit: the key that was there before. */
const toldOf = (key: string): string => `"before":"${key}"`;
const dataFiles = async (): Promise<Buffer> =>
  Buffer.concat(
    await Promise.all(
      ["hot.lmdb", "hot.mdb", "hot"].map((name) =>
        readFile(join(folder, name)).catch(() => Buffer.alloc(0)),
      ),
    ),
  );
const isDone = (of: { state(): { readonly state: string; readonly keys: readonly string[] } }) =>
  expect.poll(() => of.state().state, { timeout: 10_000 }).toBe("done");

test("secrets in rows are sealed when they are written, and read by who asks for the row", async () => {
  const { system: of } = await open();
  await put(of);

  expect(await stored(of)).not.toContain("planted-secret");
  await allRead(of);
  const list = await of.tables.list(tenant, "tools", { limit: 10 });
  expect(JSON.stringify(list)).not.toContain("planted-secret");
  await stop();
  const bytes = await dataFiles();
  expect(bytes.length).toBeGreaterThan(0);
  expect(bytes.includes("planted-secret")).toBe(false);
});

test("rows that were stored in clear are sealed by the next start", async () => {
  system = await begin({});
  await put(system);
  expect(await stored(system)).toContain("planted-secret");
  await stop();
  const { system: of, rotation } = await open();

  await expect.poll(() => rotation.state().progress.changed, { timeout: 10_000 }).toBe(rows.length);
  await isDone(rotation);
  expect(await stored(of)).not.toContain("planted-secret");
  await allRead(of);
});

test("a rotation wraps everything anew, drops the old key, and the next start needs the new one alone", async () => {
  const { system: of, rotation } = await open();
  await put(of);
  const [before = ""] = rotation.state().keys;
  const begun = await rotation.rotate();
  expect(begun.keys.at(-1)).toBe(before);
  await expect(rotation.rotate()).rejects.toMatchObject({ code: "CONFLICT" });

  await isDone(rotation);
  expect(await stored(of)).toContain(toldOf(before));
  expect(rotation.state().keys).toHaveLength(1);
  expect((await stored(of)).replace(toldOf(before), "")).not.toContain(before);
  expect((await readFile(join(folder, "master-key"), "utf8")).trim().split("\n")).toHaveLength(1);
  await allRead(of);
  await stop();
  await allRead((await open()).system);
});

test("a rotation that is cut is gone on with by the next start, and nothing is lost", async () => {
  const first = await open();
  await put(first.system);
  const [before = ""] = first.rotation.state().keys;
  await stop();
  // The pass of this life comes to its third secret and no further.
  let left = 3;
  const second = await open(null, (vault) => ({
    ...vault,
    rewrapped: (...of) => {
      left -= 1;
      if (left < 0) throw new Error("cut");
      return vault.rewrapped(...of);
    },
  }));
  await second.rotation.rotate();
  await expect.poll(() => second.rotation.state().state, { timeout: 10_000 }).toBe("failed");
  expect(await stored(second.system)).toContain(before);
  await allRead(second.system);
  await stop();

  const third = await open();
  expect(third.rotation.state().keys).toHaveLength(2);
  await expect.poll(() => third.rotation.state().keys.length, { timeout: 10_000 }).toBe(1);
  expect((await stored(third.system)).replace(toldOf(before), "")).not.toContain(before);
  await allRead(third.system);
});

test("a secret that changes while everything is wrapped anew stays as it was changed", async () => {
  const first = await open();
  await put(first.system);
  await stop();
  let changing: Promise<unknown> | undefined;
  const second = await open(null, (vault) => ({
    ...vault,
    rewrapped: (...of) => {
      const write = {
        type: "put",
        table: "tools",
        id: "tl_1",
        value: tool("Bearer newer"),
      } as const;
      // It is written before what is wrapped anew here.
      changing ??= second.system.tables.write(tenant, [write]);
      return vault.rewrapped(...of);
    },
  }));
  await isDone(second.rotation);
  changing = undefined;
  await second.rotation.rotate();

  await isDone(second.rotation);
  await changing;
  const row = await second.system.tables.get(tenant, "tools", "tl_1");
  expect([row?.value, second.rotation.state().keys.length]).toEqual([tool("Bearer newer"), 1]);
});

test("while a secret cannot be read no key is dropped, and all others are wrapped anew", async () => {
  const first = await open();
  await put(first.system);
  await stop();
  system = await begin({});
  const [row] = (await system.rows(null, 200)).filter(({ id }) => id === "signing");
  // Of one of its secrets a part is lost.
  const value = JSON.parse(JSON.stringify(row?.value).replace(/(vault:1:[0-9a-f]{8}:)..../, "$1"));
  const broken = { type: "put", table: "webhook-secrets", id: "signing", value } as const;
  await system.tables.write(tenant, [broken]);
  await stop();
  const { rotation } = await open();
  await isDone(rotation);

  await rotation.rotate();
  await isDone(rotation);

  expect(rotation.state()).toMatchObject({ keys: { length: 2 }, progress: { unreadable: 1 } });
});

test("a pass that has changed anything is followed by another, and one that never finds nothing ends", async () => {
  let looks = 0;
  const rewrap = (changes: number) => {
    looks = 0;
    const place = { tenant, table: "tools", id: "tl_1", revision: "1" };
    const fake = {
      rows: async () => {
        looks += 1;
        return [{ ...place, value: looks }];
      },
      tables: { write: async () => ({ counters: {} }) },
    } as unknown as RunningSystem;
    const renewed = ({ value }: { readonly value: unknown }) => (looks <= changes ? {} : value);
    return rewrapAll({ system: fake, renewed, signal: new AbortController().signal });
  };

  expect([await rewrap(0), looks]).toMatchObject([{ changed: 0 }, 1]);
  expect([await rewrap(2), looks]).toMatchObject([{ changed: 2 }, 3]);
  await expect(rewrap(99)).rejects.toMatchObject({ code: "RATE_LIMITED" });
});

test("a key of the environment is rotated by a start with both, and the wrong one is refused", async () => {
  const [one, two] = [randomBytes(32).toString("base64"), randomBytes(32).toString("base64")];
  const first = await open(one);
  await put(first.system);
  await expect(first.rotation.rotate()).rejects.toMatchObject({ code: "CONFLICT" });
  await stop();

  await expect(open(two)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  await stop();
  const both = await open(`${two},${one}`);
  await expect
    .poll(() => both.rotation.state().progress.changed, { timeout: 10_000 })
    .toBe(rows.length);
  await isDone(both.rotation);
  await stop();
  await allRead((await open(two)).system);
});

test("a folder whose key file is gone is not given another key", async () => {
  const { system: of } = await open();
  await put(of);
  await stop();
  const kept = await readFile(join(folder, "master-key"));
  await rm(join(folder, "master-key"));

  await expect(open()).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  await stop();
  await expect(readFile(join(folder, "master-key"))).rejects.toMatchObject({ code: "ENOENT" });
  await writeFile(join(folder, "master-key"), kept, { mode: 0o600 });
  await allRead((await open()).system);
});

test("a text that only looks sealed is a secret like any other", async () => {
  const { system: of, vault } = await open();
  const theirs = vault.seal({ tenant: "tn_2", user: "", integration: ":tool-headers" }, SECRET);
  await of.tables.write(tenant, [{ type: "put", table: "tools", id: "tl_2", value: tool(theirs) }]);

  expect((await of.tables.get(tenant, "tools", "tl_2"))?.value).toEqual(tool(theirs));
  expect(await stored(of)).not.toContain(theirs);
});
