// A tenant is removed from the real process: nobody reaches it any more, a kill in between loses nothing
// of the removal, the next start compacts, and then no file of the data folder holds any of its texts.
// Another tenant's rows are what they were.

import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openFolderReader } from "../../runtime/store/folder-reader.ts";
import type { Environment, Row } from "../../runtime/store/store.ts";
import { tenantOfKey } from "../../runtime/store/tenant-rows.ts";
import { INDEXED, type Planted, plantTenant } from "../support/planted-tenant.ts";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const command = fileURLToPath(new URL("../../../adapters/cli/troupe.js", import.meta.url));
const TIMEOUT_MS = 120_000;
/** No letters that words of a language would have next to each other. */
const MARKS = { gone: "zqxgonevk7", stays: "zqxstaysvk7" } as const;

let product: Product;
let data: string;
let gone: Planted;
let stays: Planted;

beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "2" } });
  data = join(product.folder, "data");
  gone = await plantTenant(product, MARKS.gone, INDEXED);
  stays = await plantTenant(product, MARKS.stays);
}, TIMEOUT_MS);
afterAll(() => product.end());

/** Every file below the data folder that holds a text, with the folder's own name where it has it. */
function holding(text: string): readonly string[] {
  return readdirSync(data, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(data.length + 1);
    if (name.includes(text)) return [name];
    return entry.isFile() && bytesOf(path).includes(text) ? [name] : [];
  });
}

/** A file that is written and renamed while the folder is read is there under its other name. */
function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

/** Tables that must have held something of the one that goes, beside those of its records. */
const TABLES = [
  ...["alerts", "alert-states", "audit-log", "audit-content", "integrations"],
  ...[
    "guardrails",
    "guardrails-versions",
    "budgets",
    "ledger",

    "tokens",
    "token-secrets",
    "usage",
    "webhook-secrets",
    "skill-files",
  ],
] as const;

const tableOf = (row: string): readonly string[] =>
  row.startsWith("t/") ? [row.split("/")[2] ?? ""] : [];

/** Everything that was told is in the chains of the operator and of both tenants. */
async function chained(): Promise<void> {
  for (const tenant of ["tn_system", gone.tenant, stays.tenant]) {
    const url = `${product.url}/admin/audit/export?tenant=${tenant}`;
    await (await fetch(url, { headers: { "X-API-Key": product.adminKey } })).text();
  }
}

type Rows = Record<Environment, readonly string[]>;

/** Rows of a tenant as they lie there. The server must be stopped. */
async function rowsOf(tenant: string): Promise<Rows> {
  const reader = openFolderReader(data);
  const of = async (environment: Environment): Promise<readonly string[]> => {
    const found: string[] = [];
    for (let from = " "; ; ) {
      const rows: readonly Row[] = await reader[environment].range({ from, to: "~~", limit: 500 });
      for (const { key, value } of rows) {
        if (tenantOfKey(environment, key) !== tenant) continue;
        found.push(`${key} ${Buffer.from(value).toString("base64")}`);
      }
      const last = rows.at(-1);
      if (last === undefined) return found;
      from = `${last.key} `;
    }
  };
  const rows = { hot: await of("hot"), bulk: await of("bulk") };
  await reader.close();
  return rows;
}

const record = async (): Promise<Json> =>
  (await product.call("GET", `/admin/tenants/${gone.tenant}`)).body;

test("`troupe tenant export` gives the same of a server that runs and of its folder, and overwrites nothing", {
  timeout: TIMEOUT_MS,
}, async () => {
  const file = (name: string): string => join(product.folder, name);
  const api = ["--url", product.url, "--key", product.adminKey];
  const live = await troupe("tenant", "export", stays.tenant, file("live.ndjson"), ...api);
  const again = await troupe("tenant", "export", stays.tenant, file("live.ndjson"), ...api);
  await product.stop();
  const cold = await troupe("tenant", "export", stays.tenant, file("cold.ndjson"), "--data", data);
  const nobody = await troupe("tenant", "export", "tn_none", file("none.ndjson"), "--data", data);
  await product.start();

  expect(live).toMatchObject({ code: 0, text: expect.stringContaining("whole") });
  expect(cold).toMatchObject({ code: 0, text: expect.stringContaining("whole") });
  expect([again.code, nobody.code, existsSync(file("none.ndjson"))]).toEqual([1, 1, false]);
  const read = (name: string): readonly string[] =>
    readFileSync(file(name), "utf8")
      .split("\n")
      .filter((line) => /^{"kind":"(document|message|memory|key)"/.test(line));
  expect(read("live.ndjson").length).toBeGreaterThan(50);
  expect(read("cold.ndjson")).toEqual(read("live.ndjson"));
  const stored = stays.texts.filter((text) => !stays.secrets.includes(text));
  const text = readFileSync(file("cold.ndjson"), "utf8");
  expect(stored.filter((one) => !text.includes(one))).toEqual([]);
  expect(stays.secrets.filter((one) => text.includes(one))).toEqual([]);
});

test("a removed tenant leaves no text in any file, and another one's rows are as they were", {
  timeout: TIMEOUT_MS,
}, async () => {
  // What the operator did to both is in the chain by now, no row of which can be taken out.
  await chained();
  await product.stop();
  const tables = new Set((await rowsOf(gone.tenant)).hot.flatMap(tableOf));
  const before = await rowsOf(stays.tenant);
  const held = holding(MARKS.gone);
  await product.start();

  const removed = await product.call("DELETE", `/admin/tenants/${gone.tenant}`);
  const refused = await product.call("GET", "/v2/agents", undefined, { key: gone.key });
  await product.kill();
  await product.start();
  const again = await product.call("GET", "/v2/agents", undefined, { key: gone.key });
  const phase = async (): Promise<string> => (await record()).purge?.phase;
  await expect.poll(phase, { timeout: 30_000 }).toBe("compacting");
  const left = holding(MARKS.gone);
  await product.stop();
  await product.start();
  const purged = await record();
  const others = await product.call("GET", "/v2/agents", undefined, { key: stays.key });
  const last = await product.call("GET", "/v2/agents", undefined, { key: gone.key });
  await chained();
  const chain = await product.call("GET", "/admin/audit/verify?tenant=tn_system");
  await product.stop();

  expect(held).toEqual(expect.arrayContaining(["hot.mdb", "bulk.mdb"]));
  expect(held.some((name) => name.startsWith("index/"))).toBe(true);
  expect(TABLES.filter((table) => !tables.has(table))).toEqual([]);
  expect(chain.body).toMatchObject({ fault: null, erased: expect.any(Number) });
  expect(chain.body.erased).toBeGreaterThan(0);
  expect([removed.status, refused.status, again.status, last.status]).toEqual([202, 401, 401, 401]);
  // Rows are gone, and LMDB still has their bytes: a compaction is what it takes.
  expect(left.length).toBeGreaterThan(0);
  expect(purged).toMatchObject({
    ...{ id: gone.tenant, name: "", status: "purged" },
    purge: { phase: "done", purged_at: expect.any(String) },
  });
  expect(others.body.data).toHaveLength(1);
  for (const text of [MARKS.gone, ...gone.texts]) expect(holding(text)).toEqual([]);
  expect(existsSync(join(data, "index", gone.tenant))).toBe(false);
  expect(await rowsOf(gone.tenant).then(({ hot, bulk }) => [hot.length, bulk.length])).toEqual([
    1, 0,
  ]);
  const after = await rowsOf(stays.tenant);
  expect(after.bulk).toEqual(before.bulk);
  expect(keysOnly(after.hot)).toEqual(keysOnly(before.hot));
});

/** Without what runs that go on may have written anew in their lives since, and how many bytes that makes. */
const keysOnly = (rows: readonly string[]): readonly string[] =>
  rows.filter((row) => !/^(!bytes\/|a\/.*\/j\/|o\/|d\/|m\/|n\/|i\/)/.test(row));

test("`troupe compact` finishes a removal that has only begun, and refuses a folder in use", {
  timeout: TIMEOUT_MS,
}, async () => {
  await product.start();
  const inUse = await compact();
  await product.call("DELETE", `/admin/tenants/${stays.tenant}`);
  await product.kill();

  const done = await compact();
  const left = holding(MARKS.stays);
  await product.start();
  const { body } = await product.call("GET", `/admin/tenants/${stays.tenant}`);

  expect([inUse.code, done.code]).toEqual([1, 0]);
  expect(inUse.text).toMatch(/in use/);
  expect(done.text).toContain(`purged: ${stays.tenant}`);
  expect(left).toEqual([]);
  expect(body).toMatchObject({ status: "purged", name: "", purge: { phase: "done" } });
});

const compact = (): Promise<Said> => troupe("compact", "--data", data);

interface Said {
  readonly code: number;
  readonly text: string;
}

function troupe(...args: readonly string[]): Promise<Said> {
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...args], (error, out, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code), text: out + errors });
    });
  });
}
