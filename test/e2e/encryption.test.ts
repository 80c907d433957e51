// `encryption: on` at the real process: of all that a tenant says, asks and uploads nothing lies in clear
// in the data folder or in a backup, a killed process is taken up again, and with the tenant its key goes:
// a backup of before does not open its text any more, and opens everybody else's.

import { cpSync, existsSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { run as restore } from "../../adapters/cli/restore.ts";
import { indexFolder } from "../../adapters/knowledge/index-folder.ts";
import type { Place } from "../../adapters/knowledge/rows.ts";
import { mergeCollections } from "../../adapters/merge-tasks.ts";
import { emptyMasterKeys, replaceMasterKeys } from "../../adapters/vault/master-keys.ts";
import { sealedFolder } from "../../adapters/vault/sealed-folder.ts";
import { sealerSource } from "../../adapters/vault/sealing.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { decode } from "../../runtime/store/codec.ts";
import { openFolderReader } from "../../runtime/store/folder-reader.ts";
import type { Environment, Row } from "../../runtime/store/store.ts";
import { tenantOfKey } from "../../runtime/store/tenant-rows.ts";
import { type Planted, plantTenant } from "../support/planted-tenant.ts";
import { type Product, startProduct } from "../support/product.ts";
import { startServer } from "../support/running-server.ts";
import type { Answer, Json } from "../support/wire-client.ts";

const TIMEOUT_MS = 120_000;
const env = { TROUPE_WORKERS: "1", TROUPE_ENCRYPTION: "on" };
const MARK = "zqxsealedvk7";
const OTHER = "zqxotherwvk7";

let product: Product;
let data: string;
let planted: Planted;
let other: { readonly tenant: string; readonly key: string };

beforeAll(async () => {
  product = await startProduct({ env });
  data = join(product.folder, "data");
  planted = await plantTenant(product, MARK);
  const { body: tenant } = await product.call("POST", "/admin/tenants", { name: OTHER });
  await product.call("POST", `/admin/tenants/${tenant.id}/credit`, { amount: 1_000 });
  const named = { name: "k", tenant: tenant.id, role: "owner", allowed_services: ["*"] };
  const { body } = await product.call("POST", "/admin/keys", named);
  const agent = { name: "other", system_message: `${OTHER} prompt` };
  await product.call("POST", "/v2/agents", agent, { key: body.key });
  other = { tenant: tenant.id, key: body.key };
}, TIMEOUT_MS);
afterAll(() => product.end());

/** Every file of a folder in which a text stands in clear, in one of the forms that a value has. */
function holding(folder: string, text: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile()) return [];
    const bytes = readFileSync(path);
    const isThere = bytes.includes(text) || bytes.includes(Buffer.from(text, "utf16le"));
    return isThere ? [path.slice(folder.length + 1)] : [];
  });
}

const inClear = (folder: string): readonly string[] =>
  [...planted.texts, OTHER].filter((text) => holding(folder, text).length > 0);

/** Texts that are a part of a row's key: these stand in clear, which the README says. */
async function namesIn(folder: string): Promise<readonly string[]> {
  const reader = openFolderReader(folder);
  let keys = "";
  for (const environment of ["hot", "bulk"] as const satisfies readonly Environment[]) {
    for (let from = " "; ; ) {
      const rows: readonly Row[] = await reader[environment].range({ from, to: "~~", limit: 500 });
      const last = rows.at(-1);
      if (last === undefined) break;
      keys += rows.map(({ key }) => `${key}\n`).join("");
      from = `${last.key} `;
    }
  }
  await reader.close();
  return planted.texts.filter((text) => keys.includes(text));
}

/** Values of a tenant's rows in a folder that no server has open, and how many cannot be opened. */
async function valuesOf(folder: string, keys: string, tenant: string) {
  const sealed = await sealedFolder({
    ...{ encryption: "on", data: folder, tenantKeys: keys },
    ...{ masterKey: null, masterKeyFile: null, masterKeyCommand: [] },
  });
  const reader = openFolderReader(folder, sealed?.sealer);
  const found = { text: "", rows: 0, unreadable: 0 };
  for (const environment of ["hot", "bulk"] as const satisfies readonly Environment[]) {
    for (let from = " "; ; ) {
      const rows: readonly Row[] = await reader[environment].range({ from, to: "~~", limit: 500 });
      for (const { key, value } of rows) {
        if (tenantOfKey(environment, key) !== tenant || key.startsWith("!")) continue;
        found.rows += 1;
        try {
          found.text += `${JSON.stringify(decode(value))}\n`;
        } catch (error) {
          if (!(error instanceof RuntimeError) || error.code !== "SECRET_UNREADABLE") throw error;
          found.unreadable += 1;
        }
      }
      const last = rows.at(-1);
      if (last === undefined) break;
      from = `${last.key} `;
    }
  }
  await reader.close();
  return found;
}

/** Makes a collection's index files as the thread of merges does, of however few chunks. */
async function indexed(place: Place): Promise<readonly string[]> {
  const memory = emptyMasterKeys();
  const master = readFileSync(join(data, "master-key"), "utf8").trim();
  replaceMasterKeys(memory, [Buffer.from(master, "base64")]);
  const sealer = sealerSource({ encryption: "on", tenantKeys: null, data }, memory);
  const folder = indexFolder(data, place);
  const results = await mergeCollections([{ ...place, data, sealer, folder, isForced: true }]);
  expect(results).toMatchObject([{ ok: true }]);
  return readdirSync(folder);
}

test("nothing that a tenant has stored stands in clear, and a killed server reads all of it again", {
  timeout: TIMEOUT_MS,
}, async () => {
  const { key } = planted;
  const collections = "/v2/knowledge/collections";
  const { body: listed } = await product.call("GET", collections, undefined, { key });
  const { id: collection } = listed.data[0];
  await product.call("POST", "/admin/vault/rotate");
  const state = async (): Promise<Json> => (await product.call("GET", "/admin/vault")).body;
  await expect.poll(async () => (await state()).state, { timeout: 30_000 }).toBe("done");
  const { current_key: masterKey } = await state();
  await product.kill();
  const files = await indexed({ tenant: planted.tenant, collection });
  const found = inClear(data);
  const names = await namesIn(data);
  await product.start();
  const { body: agents } = await product.call("GET", "/v2/agents", undefined, { key });
  const { body: runs } = await product.call("GET", "/v2/runs", undefined, { key });
  const search = { query: `${MARK}document` };
  const path = `${collections}/${collection}/search`;
  const { body: passages } = await product.call("POST", path, search, { key });
  const exported = await fetch(`${product.url}/admin/tenants/${planted.tenant}/export`, {
    method: "POST",
    headers: { "X-API-Key": product.adminKey },
  });
  const text = await exported.text();

  const wrapped = readdirSync(join(data, "tenant-keys")).map((name) =>
    readFileSync(join(data, "tenant-keys", name), "latin1"),
  );
  expect(wrapped.length).toBeGreaterThan(2);
  expect(wrapped.filter((line) => !line.startsWith(`${masterKey}:`))).toEqual([]);
  expect(files.map((name) => name.replace(/^.*\./, "")).sort()).toEqual(["postings", "vectors"]);
  // An export is of what the tenant has, in clear, and still without secrets.
  const isSecret = (one: string): boolean => planted.secrets.includes(one);
  expect(planted.texts.filter((one) => !isSecret(one) && !text.includes(one))).toEqual([]);
  expect(planted.texts.filter((one) => isSecret(one) && text.includes(one))).toEqual([]);
  // The search finds what is there, names, and nothing else.
  expect(found).toEqual(names);
  expect(names).toEqual(expect.arrayContaining([`${MARK}user`, `${MARK}pack`]));
  expect(names.length).toBeLessThan(planted.texts.length / 5);
  expect(agents.data).toMatchObject([{ system_message: `${MARK}systemmessage` }]);
  expect(JSON.stringify(runs.data)).toContain(`${MARK}question`);
  expect(passages.data[0].text).toContain(`${MARK}document`);
});

test("a removed tenant's text cannot be opened in a backup of before, another one's can", {
  timeout: TIMEOUT_MS,
}, async () => {
  const file = join(product.folder, "before.backup");
  await product.call("POST", "/admin/backup", { path: file });
  const state = async (): Promise<string> =>
    (await product.call("GET", "/admin/backup")).body.status;
  await expect.poll(state, { timeout: 30_000 }).toBe("completed");
  const keys = join(data, "tenant-keys");
  const restored = join(product.folder, "restored");
  const lines = vi.spyOn(console, "log").mockImplementation(() => undefined);
  const code = await restore([file, "--to", restored]);
  const said = lines.mock.calls.join("\n");
  lines.mockRestore();
  const told = await product.call("GET", "/admin/audit?action=backup.");
  cpSync(join(data, "master-key"), join(restored, "master-key"));
  const before = await valuesOf(restored, keys, planted.tenant);

  await product.call("DELETE", `/admin/tenants/${planted.tenant}`);
  const phase = async (): Promise<string> =>
    (await product.call("GET", `/admin/tenants/${planted.tenant}`)).body.purge?.phase;
  await expect.poll(phase, { timeout: 30_000 }).toBe("compacting");
  const after = await valuesOf(restored, keys, planted.tenant);
  const others = await valuesOf(restored, keys, other.tenant);
  const noKeys = startServer({ ...env, TROUPE_DATA: restored }).catch(String);
  const refusedStart = await noKeys;
  cpSync(keys, join(restored, "tenant-keys"), { recursive: true });
  const again = await startProduct({ env: { ...env, TROUPE_DATA: restored } });
  const asked = { headers: {}, key: other.key };
  const { body: agents } = await again.call("GET", "/v2/agents", undefined, asked);
  const refused = await again.call("GET", "/v2/agents", undefined, { key: planted.key });
  const retold = await again.call("GET", "/admin/audit?tenant=tn_system&action=backup.");
  const { body: gone } = await again.call("GET", `/admin/tenants/${planted.tenant}`);
  await again.end();
  await product.stop();
  // A compaction is due.
  await product.start();
  const { body: purged } = await product.call("GET", `/admin/tenants/${planted.tenant}`);

  expect([code, said]).toEqual([0, expect.stringContaining("KEYS OF TENANTS ARE NOT THERE")]);
  const actions = (answer: Answer) => answer.body.data.map((row: Json) => row.action);
  expect(actions(told)).toEqual(["backup.completed", "backup.start"]);
  expect(told.body.data[0].details).toMatchObject({ path: file, with_keys: false });
  expect(actions(retold)[0]).toBe("backup.restore");
  expect(retold.body.data[0].details).toMatchObject({ file, copy: false });
  expect(before.unreadable).toBe(0);
  expect(before.text).toContain(`${MARK}document`);
  expect(before.text).toContain(`${MARK}question`);
  // Counters hold a number each, which is not sealed.
  expect(after.text).toMatch(/^(-?\d+\n)*$/);
  expect(after.unreadable).toBeGreaterThan(300);
  expect(others).toMatchObject({ unreadable: 0, text: expect.stringContaining(`${OTHER} prompt`) });
  expect(holding(product.folder, `${MARK}document`)).toEqual([]);
  expect(refusedStart).toMatch(/keys of tenants .* are missing.*in no backup/);
  // Compacted, not even the names are left.
  expect(purged).toMatchObject({ status: "purged", name: "" });
  expect(holding(data, MARK)).toEqual([]);
  // The restored server finds that the tenant was removed, and removes it too.
  expect(agents.data).toMatchObject([{ system_message: `${OTHER} prompt` }]);
  expect(refused.status).toBe(401);
  expect(["purging", "purged"]).toContain(gone.status);
});

test("a tenant whose key is missing rests, is told of, and goes on when the key is put back", {
  timeout: TIMEOUT_MS,
}, async () => {
  const path = join(data, "tenant-keys", other.tenant);
  const away = join(product.folder, "kept-key");
  const asked = { headers: {}, key: other.key };
  await product.stop();
  renameSync(path, away);
  await product.start();
  const resting = await product.call("GET", "/v2/agents", undefined, asked);
  const resumed = await product.call("POST", `/admin/tenants/${other.tenant}/resume`);
  const said = product.server.errors();
  const isMade = existsSync(path);
  await product.stop();
  renameSync(away, path);
  await product.start();
  const { body: agents } = await product.call("GET", "/v2/agents", undefined, asked);

  expect([resting.status, resting.body.code]).toEqual([403, "TENANT_SUSPENDED"]);
  expect([resumed.status, resumed.body.code]).toEqual([409, "CONFLICT"]);
  expect(said).toMatch(
    new RegExp(`"tenants":\\["${other.tenant}"\\],"msg":"Keys of tenants are missing`),
  );
  expect(isMade).toBe(false);
  expect(agents.data).toMatchObject([{ system_message: `${OTHER} prompt` }]);
});
