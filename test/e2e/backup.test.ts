// Backup and restore as an operator does them: `troupe backup` of a server that chats, answers and
// takes documents, killed in the middle of one, and what is restored taken up by a new server.

import { spawn } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, renameSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { answerLoad, startLoad } from "../support/chat-load.ts";
import { makeDesk, type Product, startProduct } from "../support/product.ts";
import { spawnServer } from "../support/running-server.ts";
import type { Json } from "../support/wire-client.ts";

const program = fileURLToPath(new URL("../../../adapters/cli/troupe.js", import.meta.url));
const CLIENTS = 6;

let product: Product;
beforeEach(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" } });
});
afterEach(() => product.end());

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

/** Runs a command as it is typed, on the product's data folder. */
function troupe(...args: readonly string[]): Promise<Said> {
  const env = { ...process.env, TROUPE_DATA: join(product.folder, "data") };
  const child = spawn(process.execPath, [program, ...args], { env, cwd: product.folder });
  let [out, errors] = ["", ""];
  child.stdout.on("data", (bytes) => {
    out += String(bytes);
  });
  child.stderr.on("data", (bytes) => {
    errors += String(bytes);
  });
  return new Promise((resolve) => {
    child.on("close", (code) => resolve({ code, out, errors }));
  });
}

const place = (name: string): string => join(product.folder, name);
const server = (): readonly string[] => ["--url", product.url, "--key", product.adminKey];

/** Puts what the backup holds in the place of the data folder and starts a server on it. */
async function startRestored(file: string, ...more: readonly string[]): Promise<Said> {
  const before = place(`data-before-${readdirSync(product.folder).length}`);
  renameSync(place("data"), before);
  const said = await troupe("restore", file, "--to", place("data"), ...more);
  expect(said).toMatchObject({ code: 0 });
  // Kept apart from backups, as the operator is told.
  if (!existsSync(place("data/master-key"))) {
    copyFileSync(join(before, "master-key"), place("data/master-key"));
  }
  await product.start();
  return said;
}

test("a backup under load, restored: each turn that was acknowledged before, the documents, and the runs that were open go on", {
  timeout: 90_000,
}, async () => {
  const agent = await makeDesk(product);
  answerLoad(product);
  const collections = "/v2/knowledge/collections";
  const { body: collection } = await product.call("POST", collections, { name: "pages" });
  const text = "The lighthouse of Ardmore is painted in violet stripes.";
  const added = await product.call("POST", `${collections}/${collection.id}/documents`, {
    ...{ title: "Lighthouse", text },
  });
  expect(added.status).toBeLessThan(300);
  const search = async (): Promise<number> => {
    const path = `${collections}/${collection.id}/search`;
    const { body } = await product.call("POST", path, { query: "violet stripes lighthouse" });
    return body.data.length;
  };
  await expect.poll(search, { timeout: 20_000 }).toBe(1);
  product.provider.when("hang-here", { hang: "at-once", times: 1 });
  const open = await product.call("POST", `/v2/agents/${agent}/runs`, {
    ...{ input: "refund hang-here", mode: "background" },
  });
  await product.provider.until((call) => call.lastUser.includes("hang-here"));
  const load = startLoad(product, agent, CLIENTS);
  await expect.poll(() => load.acknowledged(), { timeout: 30_000 }).toBeGreaterThan(30);

  const acknowledged = load.talks.map(({ key, turns }) => ({
    key,
    turns: turns.filter(({ run }) => run !== "").map(({ text: said }) => said),
  }));
  const said = await troupe("backup", place("a.backup"), ...server());
  const meanwhile = load.acknowledged();
  await expect.poll(() => load.acknowledged(), { timeout: 30_000 }).toBeGreaterThan(meanwhile);
  await load.finish();
  await product.kill();
  const restored = await startRestored(place("a.backup"));

  expect(said).toMatchObject({ code: 0, out: expect.stringContaining("NO KEYS ARE IN IT") });
  expect(restored.out).toMatch(/is whole: rows: \d+ hot, \d+ bulk/);
  const total = acknowledged.reduce((sum, { turns }) => sum + turns.length, 0);
  expect(total).toBeGreaterThan(30);
  for (const { key, turns } of acknowledged) {
    if (key === null || turns.length === 0) continue;
    const history = await product.history(key);
    const expected = turns.flatMap((one) => [
      ["user", one],
      ["assistant", `Echo: ${one}`],
    ]);
    expect(history.slice(0, expected.length)).toEqual(expected);
  }
  expect(await search()).toBe(1);
  const status = async (): Promise<Json> =>
    (await product.call("GET", `/v2/runs/${open.body.id}`)).body.status;
  await expect.poll(status, { timeout: 20_000 }).toBe("completed");
  expect((await product.call("GET", "/admin/dead-letters")).body.data).toEqual([]);
});

test("killed in the middle of a backup, the server leaves no backup, and the next one is whole", {
  timeout: 240_000,
}, async () => {
  await makeDesk(product);
  const { body: collection } = await product.call("POST", "/v2/knowledge/collections", {
    name: "large",
  });
  await product.call("POST", `/v2/knowledge/collections/${collection.id}/documents`, {
    title: "Large",
    text: "many words ".repeat(60_000),
  });
  const rows = async (): Promise<number> =>
    (await product.call("GET", `/v2/knowledge/collections/${collection.id}/documents`)).body.data
      .length;
  await expect.poll(rows, { timeout: 30_000 }).toBe(1);
  const target = place("cut.backup");
  const asked = { path: target, mib_per_second: 1 };
  expect((await product.call("POST", "/admin/backup", asked)).status).toBe(202);
  const look = async (): Promise<Json> => (await product.call("GET", "/admin/backup")).body;
  await expect.poll(async () => (await look()).rows, { timeout: 10_000 }).toBeGreaterThan(0);
  expect(await look()).toMatchObject({ status: "running", path: target, manifest: null });

  await product.kill();

  expect(existsSync(target)).toBe(false);
  const offline = await troupe("backup", place("offline.backup"));
  await product.start();
  expect((await look()).status).toBe("none");
  const again = await troupe("backup", target, "--json", ...server());
  const check = await troupe("restore", target, "--check");
  expect(offline).toMatchObject({ code: 0 });
  expect(JSON.parse(again.out)).toMatchObject({
    path: target,
    manifest: { environments: { hot: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } } },
  });
  expect(check).toMatchObject({ code: 0, out: expect.stringMatching(/is whole/) });
  const keyed = await troupe("backup", place("keyed.backup"), "--with-keys", ...server());
  expect(keyed.out).toContain("KEYS ARE IN IT, IN CLEAR: ");
  await product.kill();
  // Without the master key a start says what is missing and changes nothing; with the keys it goes on.
  const bare = await troupe("restore", target, "--to", place("bare"));
  const started = spawnServer({ TROUPE_DATA: place("bare") });
  const code = await new Promise((resolve) => started.process.once("close", resolve));
  expect(bare.out).toContain("put the master-key of the original there");
  expect([code, started.errors()]).toEqual([1, expect.stringContaining("master key")]);
  renameSync(place("data"), place("data-away"));
  expect(await troupe("restore", place("keyed.backup"), "--to", place("data"))).toMatchObject({
    code: 0,
    out: expect.stringMatching(/Its key files are there: .*master-key/),
  });
  await product.start();
  expect(await rows()).toBe(1);
});

test("a copy beside its original tells no webhook; restored in its place, it does", {
  timeout: 90_000,
}, async () => {
  let told = 0;
  const receiver = createServer((_request, response) => {
    told += 1;
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/told`;
  await product.end();
  const config = "webhooks:\n  hosts: [127.0.0.1]\n";
  product = await startProduct({ env: { TROUPE_WORKERS: "1" }, config });
  try {
    const agent = await makeDesk(product);
    product.provider.when("hang-here", { hang: "at-once", times: 1 });
    const input = "refund hang-here";
    const asked = { input, mode: "background", webhook: { url } };
    const run = await product.call("POST", `/v2/agents/${agent}/runs`, asked);
    expect(run.status).toBe(202);
    await product.provider.until((call) => call.lastUser.includes("hang-here"));
    expect(await troupe("backup", place("b.backup"), ...server())).toMatchObject({ code: 0 });
    await product.kill();

    const said = await startRestored(place("b.backup"), "--copy");
    const webhook = async (): Promise<string | undefined> =>
      (await product.call("GET", "/v2/runs?kind=webhook")).body.data[0]?.id;
    await expect.poll(webhook, { timeout: 20_000 }).toBeDefined();
    const stream = await product.events("GET", `/v2/runs/${await webhook()}/events`);
    const attempt = (await stream.next())?.data;
    stream.cut();
    expect(attempt).toContain("EGRESS_REFUSED");
    expect(said.out).toContain("It is a copy");
    expect(product.server.errors()).toContain("this server is a copy of another");
    expect(told).toBe(0);
    await product.kill();

    await startRestored(place("b.backup"));
    await expect.poll(() => told, { timeout: 20_000 }).toBe(1);
  } finally {
    receiver.close();
  }
});
