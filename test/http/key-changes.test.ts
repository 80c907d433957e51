// Keys that change, through the door: PATCH that gives nobody more, another secret with an overlap, last
// use, and wrong guesses that keep nobody out.

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { KeyRole } from "../../actors/records/api-key.ts";
import { anOwner } from "../../adapters/http/auth.ts";
import { checkCovers } from "../../adapters/http/key-grants.ts";
import { type HttpHost, startHttpHost } from "../support/http-host.ts";
import type { Json } from "../support/wire-client.ts";

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost();
});
afterAll(() => host.stop());

const make = async (fields: Json = {}, by = host.key): Promise<Json> => {
  const made = await host.call("POST", "/admin/keys", { name: "k", ...fields }, { key: by });
  expect(made.status).toBe(201);
  return made.body;
};
const patch = (id: string, fields: Json, key = host.key) =>
  host.call("PATCH", `/admin/keys/${id}`, fields, { key });
const rotate = (id: string, fields: Json | undefined, key = host.key) =>
  host.call("POST", `/admin/keys/${id}/rotate`, fields, { key });
const statusOf = async (key: string, path = "/v2/agents"): Promise<number> =>
  (await host.call("GET", path, undefined, { key })).status;

describe("a change", () => {
  test("counts from the next request on, and leaves what it does not name", async () => {
    const { id, key } = await make({ allowed_services: ["agents", "runs"] });
    expect(await statusOf(key)).toBe(200);

    const changed = await patch(id, { name: "renamed", allowed_services: ["runs"] });

    expect(changed.body).toMatchObject({
      name: "renamed",
      role: "developer",
      prefix: key.slice(0, 38),
    });
    expect([await statusOf(key), await statusOf(key, "/v2/runs")]).toEqual([403, 200]);
  });

  test("ends a key at its new time", async () => {
    const { id, key } = await make();
    const expires_at = new Date(Date.now() + 300).toISOString();
    expect(await statusOf(key)).toBe(200);

    await patch(id, { expires_at });

    await expect.poll(() => statusOf(key), { timeout: 3_000 }).toBe(401);
    expect((await patch(id, { name: "late" })).status).toBe(409);
  });

  test("of a revoked key is refused, and does not bring it back", async () => {
    const { id, key } = await make();
    await host.call("DELETE", `/admin/keys/${id}`);

    const changed = await patch(id, { name: "again" });

    expect([changed.status, await statusOf(key), (await rotate(id, {})).status]).toEqual([
      409, 401, 409,
    ]);
  });

  test("beside a revocation leaves the key revoked, whichever comes first", async () => {
    for (let round = 0; round < 10; round += 1) {
      const { id, key } = await make();
      const names = Array.from({ length: 4 }, (_, at) => patch(id, { name: `n${at}` }));

      const [revoked] = await Promise.all([host.call("DELETE", `/admin/keys/${id}`), ...names]);

      expect([revoked.status, await statusOf(key)]).toEqual([200, 401]);
    }
  });

  test("of another tenant's key finds nothing", async () => {
    const { id } = await make();

    expect((await patch(id, { name: "x" }, host.otherKey)).status).toBe(404);
    expect((await rotate(id, {}, host.otherKey)).status).toBe(404);
  });

  test("that says nothing, or a service that is none, is refused with its place", async () => {
    const { id } = await make();

    expect((await patch(id, {})).status).toBe(400);
    const wrong = await patch(id, { allowed_services: ["agents", "nobody"] });
    expect([wrong.status, wrong.body.pointer]).toEqual([400, "/allowed_services/1"]);
  });
});

describe("nobody gets more by a change than who makes it has:", () => {
  const admin = (fields: Json = {}) => make({ role: "admin", ...fields });

  test.each<[string, KeyRole, Json]>([
    ["a role that it does not manage", "developer", { role: "admin" }],
    ["an owner's", "developer", { role: "owner" }],
    ["a service that it has not", "developer", { allowed_services: ["runs", "knowledge"] }],
    ["everything", "developer", { allowed_services: ["*"] }],
    ["no end", "viewer", { expires_at: null }],
    ["a later end", "viewer", { expires_at: new Date(Date.now() + 9e6).toISOString() }],
  ])("%s", async (_, role, fields) => {
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const { key } = await admin({ allowed_services: ["admin", "runs"], expires_at });
    const { id } = await make({ role, allowed_services: ["runs"] }, key);

    expect((await patch(id, fields, key)).status).toBe(403);
  });

  test("not to itself either", async () => {
    const { id, key } = await admin({ allowed_services: ["admin", "runs"] });

    expect((await patch(id, { role: "owner" }, key)).status).toBe(403);
    expect((await patch(id, { allowed_services: ["*"] }, key)).status).toBe(403);
    expect((await patch(id, { allowed_services: ["admin"] }, key)).status).toBe(200);
    expect((await patch(id, { role: "viewer" }, key)).status).toBe(200);
  });

  test("a key of a role that it does not manage is left alone", async () => {
    const { key } = await admin();
    const owner = await make({ role: "owner" });
    const peer = await admin();

    expect((await patch(owner.id, { name: "x" }, key)).status).toBe(403);
    expect((await patch(peer.id, { name: "x" }, key)).status).toBe(403);
  });

  test("what it narrows may keep what the other has already", async () => {
    const { key } = await admin({ allowed_services: ["admin"] });
    const { id } = await make({ allowed_services: ["runs", "agents"] });

    expect((await patch(id, { allowed_services: ["runs"] }, key)).status).toBe(200);
    expect((await patch(id, { allowed_services: ["agents"] }, key)).status).toBe(403);
  });

  test("nobody gets the secret of a key that may do more", async () => {
    const { key } = await admin({ allowed_services: ["admin", "runs"] });
    const owner = await make({ role: "owner", allowed_services: ["runs"] });
    const wider = await make({ allowed_services: ["agents"] });
    const same = await make({ allowed_services: ["runs"] });

    expect((await rotate(owner.id, {}, key)).status).toBe(403);
    expect((await rotate(wider.id, {}, key)).status).toBe(403);
    expect((await rotate(same.id, {}, key)).status).toBe(200);
  });

  test("nor of one that ends later, while one that ends sooner is its own affair", async () => {
    const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
    const { id, key } = await admin({ expires_at: inHours(2) });
    const never = await make();
    const later = await make({ expires_at: inHours(3) });
    const sooner = await make({ expires_at: inHours(1) });

    expect((await rotate(never.id, {}, key)).status).toBe(403);
    expect((await rotate(later.id, {}, key)).status).toBe(403);
    expect((await rotate(sooner.id, {}, key)).status).toBe(200);
    expect((await rotate(id, { overlap_seconds: 60 }, key)).status).toBe(200);
  });

  test("one that reaches some records neither makes, changes nor is shown one that reaches more", async () => {
    const agents = await Promise.all(
      ["a", "b"].map(async (name) => (await host.call("POST", "/v2/agents", { name })).body.id),
    );
    const [own, other] = agents;
    const { key } = await admin({ allowed_resources: { agents: [own] } });
    const wider = await make({ allowed_resources: { agents: [own, other] } });
    const same = await make({ allowed_resources: { agents: [own] } });
    const fields = { name: "x", allowed_resources: { agents: [other] } };

    const made = await host.call("POST", "/admin/keys", fields, { key });
    const all = await host.call(
      "POST",
      "/admin/keys",
      { name: "x", allowed_resources: null },
      { key },
    );
    const unsaid = await host.call("POST", "/admin/keys", { name: "x" }, { key });

    expect([made.status, made.body.pointer]).toEqual([403, "/allowed_resources/agents/0"]);
    expect([all.status, all.body.pointer]).toEqual([403, "/allowed_resources"]);
    expect(unsaid.body.allowed_resources).toEqual({ agents: [own] });
    expect((await patch(wider.id, { name: "x" }, key)).status).toBe(404);
    expect((await rotate(wider.id, {}, key)).status).toBe(404);
    expect((await patch(same.id, { allowed_resources: null }, key)).status).toBe(403);
    expect((await rotate(same.id, {}, key)).status).toBe(200);
  });
});

test("what a key reaches bounds whose secret it is given, though it has been shown that key", () => {
  const by = { ...anOwner("tn_1"), allowedResources: { agents: ["ag_1"] } };
  const key = { id: "ak_1", role: "viewer", allowed_services: [], expires_at: null } as const;

  const covers = (agents: readonly string[]) =>
    checkCovers(by, { ...key, allowed_resources: { agents } });

  expect(() => covers(["ag_1"])).not.toThrow();
  expect(() => covers(["ag_1", "ag_2"])).toThrow(/may do more/);
  expect(() => checkCovers(by, { ...key, allowed_resources: null })).toThrow(/may do more/);
});

describe("another secret", () => {
  test("counts at once, and the one before no longer", async () => {
    const { id, key } = await make();
    expect(await statusOf(key)).toBe(200);

    const turned = await rotate(id, undefined);

    expect(turned.body).toMatchObject({ id, previous: null });
    expect(turned.body.key).not.toBe(key);
    expect([await statusOf(turned.body.key), await statusOf(key)]).toEqual([200, 401]);
  });

  test("with an overlap both count, and lists show both by their beginning", async () => {
    const { id, key } = await make();

    const turned = await rotate(id, { overlap_seconds: 2 });
    const both = [await statusOf(turned.body.key), await statusOf(key)];
    const shown = (await host.call("GET", "/admin/keys")).body.data.find(
      (one: Json) => one.id === id,
    );

    expect(both).toEqual([200, 200]);
    expect(shown.prefix).toBe(turned.body.key.slice(0, 38));
    expect(shown.previous.prefix).toBe(key.slice(0, 38));
    expect(JSON.stringify(shown)).not.toContain("hash");
    await expect.poll(() => statusOf(key), { timeout: 5_000 }).toBe(401);
    expect(await statusOf(turned.body.key)).toBe(200);
  });

  test("a second time leaves the last two", async () => {
    const { id, key } = await make();

    const second = await rotate(id, { overlap_seconds: 60 });
    const third = await rotate(id, { overlap_seconds: 60 });

    const all = [key, second.body.key, third.body.key];
    expect(await Promise.all(all.map((one) => statusOf(one)))).toEqual([401, 200, 200]);
  });

  test("a revocation ends both", async () => {
    const { id, key } = await make();
    const turned = await rotate(id, { overlap_seconds: 60 });

    await host.call("DELETE", `/admin/keys/${id}`);

    expect([await statusOf(turned.body.key), await statusOf(key)]).toEqual([401, 401]);
  });
});

test("a key says when it was last used, to the minute, and one that never was says nothing", async () => {
  const used = await make();
  const unused = await make();
  const writes = vi.spyOn(host.system.tables, "write");
  const startedMs = Date.now();

  for (let at = 0; at < 20; at += 1) await statusOf(used.key);
  const shown = async (id: string) =>
    (await host.call("GET", "/admin/keys?limit=100")).body.data.find((one: Json) => one.id === id);

  await expect
    .poll(async () => (await shown(used.id)).last_used_at, { timeout: 3_000 })
    .not.toBeNull();
  expect(Date.parse((await shown(used.id)).last_used_at)).toBeGreaterThanOrEqual(startedMs - 1);
  expect((await shown(unused.id)).last_used_at).toBeNull();
  const noted = writes.mock.calls
    .flatMap(([, rows]) => rows)
    .filter((row) => row.type === "put" && row.table === "api-keys-used" && row.id === used.id);
  expect(noted).toHaveLength(1);
  writes.mockRestore();
});

test("a right key is let in while others guess at it, from the same address too once it was right", async () => {
  const { key } = await make();
  const fresh = await make();
  expect(await statusOf(key)).toBe(200);
  const wrong = (of: string, at: number) =>
    `${of.slice(0, -3)}${["aaa", "bbb", "ccc", "ddd"][at % 4]}`;

  const refused = await Promise.all([0, 1, 2, 3].map((at) => statusOf(wrong(key, at))));

  expect(refused).toEqual([401, 401, 401, 401]);
  expect([await statusOf(key), await statusOf(fresh.key)]).toEqual([200, 200]);
});
