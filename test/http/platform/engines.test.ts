// Engines and targets through the door: whose they are, and what of one somebody sees whom it is granted to.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost();
});
afterAll(() => host.stop());

const commands = [{ name: "look", description: "Looks.", argv: ["ls", "/srv/secret-place"] }];
const engine = { name: "Ops", type: "direct_ops", config: { commands } };
const machine = {
  ...{ name: "Here", type: "local", shell: true },
  config: { folder: "/srv/secret-place", variables: { TOKEN: "t-1" } },
};
const desk = { name: "Desk", type: "http", config: { url: "https://desk.example/" } };

const made = async (path: string, body: object): Promise<string> => {
  const { status, body: record } = await host.call("POST", path, body);
  expect(status).toBe(201);
  return record.id;
};

test("engines, and targets that are machines, are made, changed and removed by an owner of the first tenant alone", async () => {
  const admin = await host.makeKey(["*"], host.tenant, "admin");
  const developer = await host.makeKey(["*"], host.tenant, "developer");
  const here = await made("/v2/targets", machine);
  const own = await made("/v2/targets", desk);
  const at = async (key: string, method: string, path: string, body?: object) =>
    (await host.call(method, path, body, { key })).status;

  for (const key of [admin, developer, host.otherKey]) {
    expect(await at(key, "POST", "/v2/engines", engine)).toBe(403);
    expect(await at(key, "POST", "/v2/targets", machine)).toBe(403);
    expect(await at(key, "POST", "/v2/targets", { ...desk, granted_to: ["*"] })).toBe(403);
    expect(await at(key, "POST", "/v2/targets", desk)).toBe(201);
  }
  for (const key of [admin, developer]) {
    expect(await at(key, "PATCH", `/v2/targets/${here}`, { name: "Mine" })).toBe(403);
    expect(await at(key, "PUT", `/v2/targets/${here}`, desk)).toBe(403);
    expect(await at(key, "DELETE", `/v2/targets/${here}`)).toBe(403);
    expect(await at(key, "POST", `/v2/targets/${here}/versions/1/rollback`)).toBe(403);
    expect(await at(key, "PUT", `/v2/targets/${own}`, machine)).toBe(403);
  }
  // What it was once is no way back to it.
  expect(await at(host.key, "PUT", `/v2/targets/${here}`, desk)).toBe(200);
  expect(await at(developer, "POST", `/v2/targets/${here}/versions/1/rollback`)).toBe(403);
  expect(await at(developer, "PATCH", `/v2/targets/${here}`, { name: "Open" })).toBe(200);
});

test("whom one is granted to finds it, sees what it needs, and changes nothing", async () => {
  const granted_to = [host.otherTenant];
  const en = await made("/v2/engines", { ...engine, granted_to, secrets: { TOKEN: "s-1" } });
  const tg = await made("/v2/targets", { ...machine, granted_to });
  await made("/v2/engines", { ...engine, name: "Not granted", granted_to: ["tn_nobody"] });
  const key = host.otherKey;

  const shown = await host.call("GET", `/v2/engines/${en}`, undefined, { key });
  const place = await host.call("GET", `/v2/targets/${tg}`, undefined, { key });
  const listed = await host.call("GET", "/v2/engines?sort=name", undefined, { key });
  const found = await host.call("GET", "/v2/engines?q=granted", undefined, { key });

  const looks = [{ name: "look", description: "Looks." }];
  expect(shown.body).toMatchObject({ id: en, name: "Ops", type: "direct_ops" });
  expect(shown.body).toMatchObject({ config: { commands: looks }, secrets: null });
  expect(place.body).toMatchObject({ id: tg, config: null, shell: true, granted_to: null });
  expect(listed.body.data).toEqual([shown.body]);
  expect(found.body.data).toEqual([]);
  expect(JSON.stringify([shown, place, listed])).not.toMatch(/secret-place|t-1|s-1/);
  for (const path of [`/v2/engines/${en}`, `/v2/targets/${tg}`]) {
    const [patched, removed] = [
      await host.call("PATCH", path, { name: "Mine" }, { key }),
      await host.call("DELETE", path, undefined, { key }),
    ];
    expect([patched.body.code, removed.body.code]).toEqual(["FORBIDDEN", "FORBIDDEN"]);
  }

  await host.call("PATCH", `/v2/engines/${en}`, { granted_to: null });
  const after = await host.call("GET", `/v2/engines/${en}`, undefined, { key });
  expect([after.status, after.body.code]).toEqual([404, "NOT_FOUND"]);
});

test("a list goes on from its own records to those that are granted", async () => {
  const key = host.otherKey;
  const own = await host.call("POST", "/v2/targets", { ...desk, name: "Page" }, { key });
  const granted = [1, 2, 3].map((at) => ({ ...desk, name: `Page ${at}`, granted_to: ["*"] }));
  for (const one of granted) await made("/v2/targets", one);
  const names: string[] = [];
  const sizes: number[] = [];
  for (let cursor = ""; ; ) {
    const path = `/v2/targets?q=page&sort=name&limit=2&cursor=${cursor}`;
    const { body } = await host.call("GET", path, undefined, { key });
    names.push(...body.data.map(({ name }: { name: string }) => name));
    sizes.push(body.data.length);
    if (body.next_cursor === null) break;
    cursor = body.next_cursor;
  }

  expect(own.status).toBe(201);
  expect(names).toEqual(["Page", "Page 1", "Page 2", "Page 3"]);
  expect(sizes).toEqual([2, 2]);
});

test("secrets are kept sealed and shown to nobody", async () => {
  const id = await made("/v2/engines", { ...engine, secrets: { TOKEN: "very-secret" } });
  const put = await host.call("PATCH", `/v2/engines/${id}`, { secrets: { TOKEN: "***", B: "b" } });
  const seen = await host.call("GET", `/v2/engines/${id}`);

  expect(put.status).toBe(200);
  expect(seen.body.secrets).toEqual({ TOKEN: "***", B: "***" });
});

test("a pack makes neither", async () => {
  const source = (kind: string) => `pack: p\nversion: 1.0.0\n${kind}:\n  one:\n    name: One\n`;
  for (const kind of ["engines", "targets"]) {
    const { status, body } = await host.call("POST", "/v2/packs", { source: source(kind) });
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining(kind)]);
  }
});
