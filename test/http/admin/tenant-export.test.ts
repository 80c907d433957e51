// A tenant's export through the real door: everything that it has and nothing of anybody else, no secret,
// as of one moment, however slowly it is read.

import { once } from "node:events";
import { connect } from "node:net";
import { setImmediate as pass } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkExport } from "../../../adapters/tenants/check-export.ts";
import { TenantExports } from "../../../adapters/tenants/exports.ts";
import { familiesNamed } from "../../../runtime/backup/tenant-parts.ts";
import { environmentFile } from "../../../runtime/store/lmdb.ts";
import { open } from "../../../runtime/store/lmdb-library.ts";
import { familiesOf } from "../../../runtime/store/tenant-rows.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { type Planted, plantTenant } from "../../support/planted-tenant.ts";
import { type Json, request } from "../../support/wire-client.ts";

let host: HttpHost;
let folder: string;
let admin: { readonly key: string };
let planted: Planted;
let other: Planted;

beforeAll(async () => {
  host = await startHttpHost({
    routes: async ({ services }) => {
      folder = services.data;
      return [];
    },
  });
  admin = { key: host.adminKey };
  planted = await plantTenant(host, "zqxmine", 8);
  other = await plantTenant(host, "zqxother", 8);
}, 60_000);
afterAll(() => host.stop());

interface Told {
  readonly status: number;
  readonly text: string;
}

async function ask(tenant: string, { key }: { readonly key: string } = admin): Promise<Told> {
  const url = `${host.url}/admin/tenants/${tenant}/export`;
  const answer = await request(url, { method: "POST", body: undefined, key, headers: {} });
  return { status: answer.status, text: await answer.text() };
}

const linesOf = (text: string): readonly Json[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("an export has every text of its tenant, none of another one, and no secret in clear or sealed", async () => {
  const { key } = planted;
  const [agent] = (await host.call("GET", "/v2/agents", undefined, { key })).body.data;
  const chat = { agent_key: agent.id, message: "zqxminechat \u2028 with a line separator" };
  await host.call("POST", "/v1/proxy/core-agent-chat", chat, { key });
  const signing = (await host.call("POST", "/v2/webhooks/secret/rotate", undefined, { key })).body;

  const { text, status } = await ask(planted.tenant);

  expect(status).toBe(200);
  const lines = linesOf(text);
  const stored = planted.texts.filter((one) => !planted.secrets.includes(one));
  expect(stored.filter((one) => !text.includes(one))).toEqual([]);
  expect(text).toContain("zqxminechat");
  expect(planted.secrets.filter((one) => text.includes(one))).toEqual([]);
  expect(text).not.toContain(signing.secret);
  expect(text).not.toMatch(/vault:\d|"hash":"[0-9a-f]{64}","prefix"/);
  for (const one of ["zqxother", other.tenant, host.tenant]) expect(text).not.toContain(one);
  const kinds = lines.map(({ kind }) => kind);
  expect([kinds[0], kinds.at(-1)]).toEqual(["export", "end"]);
  expect(lines[0].tenant).toMatchObject({ id: planted.tenant, name: "zqxminetenantname" });
  const said = lines.filter(({ kind }) => kind === "message").map(({ value }) => value.content);
  expect(said).toEqual(expect.arrayContaining([chat.message, "zqxminequestion"]));
  const [shown] = lines.filter(({ kind }) => kind === "key");
  expect(shown.value).toMatchObject({ name: "zqxminekeyname", prefix: expect.any(String) });
  expect(Object.keys(shown.value)).not.toContain("hash");
  const document = lines.find(({ kind, id }) => kind === "document" && id === "d7");
  expect(document?.value.text).toBe("zqxminedocument number 7 of them.");
  expect(await checkExport(text.trimEnd().split("\n"))).toMatchObject({
    tenant: planted.tenant,
    lines: lines.length - 1,
    counts: { document: 8, key: 1 },
  });
});

test("an export that was cut or changed is known by its last line", async () => {
  const lines = (await ask(planted.tenant)).text.trimEnd().split("\n");
  const changed = lines.map((line, at) => (at === 3 ? line.replace("a", "b") : line));

  for (const wrong of [lines.slice(0, -1), lines.toSpliced(4, 1), changed]) {
    await expect(checkExport(wrong)).rejects.toMatchObject({ code: "DATA_DAMAGED" });
  }
  await expect(checkExport(['{"kind":"x"}', "{}"])).rejects.toMatchObject({ code: "FOREIGN_DATA" });
});

test("a suspended tenant is exported; an unknown one is 404, one that is removed 409", async () => {
  const { body } = await host.call("POST", "/admin/tenants", { name: "Paused" }, admin);
  await host.call("POST", `/admin/tenants/${body.id}/suspend`, undefined, admin);
  const paused = await ask(body.id);
  await host.call("DELETE", `/admin/tenants/${body.id}`, undefined, admin);
  const gone = await ask(body.id);
  const acts = await host.call(
    "GET",
    "/admin/audit?tenant=tn_system&action=tenant.export",
    undefined,
    admin,
  );

  expect([paused.status, linesOf(paused.text)[0].tenant.suspended_at]).toEqual([
    200,
    expect.any(String),
  ]);
  expect([gone.status, JSON.parse(gone.text).code]).toEqual([409, "CONFLICT"]);
  expect((await ask("tn_nobody")).status).toBe(404);
  expect(acts.body.data[0]).toMatchObject({ by: "operator", subject: body.id, outcome: "done" });
});

test("an owner exports the own tenant without the operator's acts, nobody else's, and no lesser role any", async () => {
  const { tenant, key } = planted;
  const adminKey = await host.makeKey(["*"], tenant, "admin");
  const own = await ask(tenant, { key });
  const answers = [
    await ask(other.tenant, { key }),
    await ask("tn_nobody", { key }),
    await ask(tenant, { key: adminKey }),
    await ask(tenant, { key: await host.makeKey(["agents"], tenant) }),
  ];
  const acts = await host.call("GET", "/admin/audit?action=tenant.export", undefined, { key });

  expect(own.status).toBe(200);
  const kinds = new Set(linesOf(own.text).map(({ kind }) => kind));
  expect([kinds.has("message"), kinds.has("operator-act")]).toEqual([true, false]);
  expect(await checkExport(own.text.trimEnd().split("\n"))).toMatchObject({ tenant });
  expect(own.text).not.toContain("zqxother");
  expect(answers.map(({ status }) => status)).toEqual([404, 404, 403, 403]);
  // As of one that is not there.
  const [foreign, unknown] = answers.map(({ text }) => JSON.parse(text).detail as string);
  expect(foreign?.replace(other.tenant, "tn_nobody")).toBe(unknown);
  expect(acts.body.data).toMatchObject([{ subject: tenant, outcome: "done", role: "owner" }]);
});

test("owners have one export each and two together, beside which the operator has its own", async () => {
  const exports = new TenantExports();
  const of = (tenant: string, isForOwner: boolean) =>
    exports.begin({ folder, tenant, version: "0", isForOwner });
  const first = await of(planted.tenant, true);

  await expect(of(planted.tenant, true)).rejects.toMatchObject({ details: { value: 1 } });
  const second = await of(other.tenant, true);
  await expect(of(host.tenant, true)).rejects.toMatchObject({ details: { value: 2 } });
  const operators = [await of(planted.tenant, false), await of(planted.tenant, false)];
  expect(exports.size).toBe(4);
  await Promise.all([first, second, ...operators].map((one) => one.close()));

  expect(exports.size).toBe(0);
  await (await of(planted.tenant, true)).close();
});

/** Read transactions that are held of the stores by somebody. */
function heldReads(): number {
  let held = 0;
  for (const environment of ["hot", "bulk"] as const) {
    const database = open({ path: environmentFile(folder, environment), readOnly: true });
    // A line for each reader: process, thread, and the transaction that it holds or "-".
    const lines = database.readerList().trim().split("\n").slice(1);
    held += lines.filter((line) => !line.trim().endsWith("-")).length;
    void database.close();
  }
  return held;
}

test("an export that is given up lets go of what it holds of the stores before it says so", async () => {
  const exports = new TenantExports();
  await expect.poll(heldReads, { timeout: 10_000 }).toBe(0);
  const under = await exports.begin({ folder, tenant: planted.tenant, version: "0" });
  const held = heldReads();

  await under.close();

  expect([held, heldReads()]).toEqual([2, 0]);
});

test("who goes away before, at or after the first byte of an export leaves nothing held", async () => {
  // More than the sockets hold: else the export ends by itself, whoever has gone.
  const { id } = (await host.call("POST", "/admin/tenants", { name: "Large" }, admin)).body;
  const text = "x".repeat(20_000);
  for (let at = 0; at < 40; at += 1) {
    const rows = Array.from({ length: 40 }, (_, row) => `${at}-${row}`);
    const puts = rows.map(
      (row) => ({ type: "put", table: "notes", id: row, value: text }) as const,
    );
    await host.system.tables.write(id, puts);
  }
  for (const when of ["at once", "later"] as const) {
    for (let at = 0; at < 4; at += 1) await leave(when, id);
    // Two at once are the most: both places are given back.
    await expect
      .poll(async () => (await ask(planted.tenant)).status, { timeout: 10_000 })
      .toBe(200);
    await expect.poll(heldReads, { timeout: 10_000 }).toBe(0);
  }
});

test("an export that is read slowly shows one moment, and no more of it waits in memory than a little", async () => {
  const { tenant, key } = planted;
  const exports = new TenantExports();
  const under = await exports.begin({ folder, tenant, version: "0" });
  const pieces = under.pieces()[Symbol.asyncIterator]();
  const first = (await pieces.next()).value as string;

  await host.call("POST", "/v2/prompts", { name: "zqxminelater", template: "Hi" }, { key });
  await host.call("PATCH", `/admin/tenants/${tenant}`, { name: "zqxminelater" }, admin);
  let text = first;
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
    text += next.value;
    await pass();
  }
  await under.close();

  expect(text).not.toContain("zqxminelater");
  expect(first.length).toBeLessThan(200_000);
  expect(text.length).toBeGreaterThan(first.length);
  await expect(checkExport(text.trimEnd().split("\n"))).resolves.toMatchObject({ tenant });
});

test("two exports at once are the most, and one that nobody reads gives its place back", async () => {
  const exports = new TenantExports();
  const request = { folder, tenant: planted.tenant, version: "0" };
  const [first, second] = [await exports.begin(request), await exports.begin(request)];

  const third = exports.begin(request);

  await expect(third).rejects.toMatchObject({ code: "CONFLICT", details: { limit: "exports" } });
  await first.close();
  await (await exports.begin(request)).close();
  await second.close();
  for (let at = 0; at < 4; at += 1) await leave();
  await expect.poll(async () => (await ask(planted.tenant)).status, { timeout: 10_000 }).toBe(200);
});

test("an export ends when its time is over, however much of it was not read", async () => {
  const exports = new TenantExports(1);
  const request = { folder, tenant: planted.tenant, version: "0" };
  const begun = exports.begin(request).then(async (under) => {
    for await (const _ of under.pieces()) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  await expect(begun).rejects.toMatchObject({ code: "WORKER_LOST" });
});

/** Goes away with the first bytes, or when the request is on its way. */
async function leave(
  when: "at once" | "later" = "later",
  tenant: string = planted.tenant,
): Promise<void> {
  const socket = connect(Number(new URL(host.url).port), "127.0.0.1");
  const lines = [
    `POST /admin/tenants/${tenant}/export HTTP/1.1`,
    ...[
      `Host: ${new URL(host.url).host}`,
      `X-API-Key: ${host.adminKey}`,
      "Content-Length: 0",
      "",
      "",
    ],
  ];
  socket.write(lines.join("\r\n"));
  if (when === "later") {
    const [first] = (await once(socket, "data")) as [Buffer];
    // All places may be taken by those who have just gone.
    expect(first.toString("latin1", 0, 12)).toMatch(/^HTTP\/1\.1 (200|409)/);
  } else await once(socket, "connect");
  socket.destroy();
}

test("every family of keys is a part of exports, or is named with the reason why not", () => {
  for (const environment of ["hot", "bulk"] as const) {
    expect([...familiesNamed(environment)].sort()).toEqual([...familiesOf(environment)].sort());
  }
});
