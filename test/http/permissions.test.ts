// Who may do what. What is expected here is written by hand, so that the table itself is tested; that
// every endpoint follows the table is tested in matrix/.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type KeyRole, keyRole, keyRoles } from "../../actors/records/api-key.ts";
import { permissionOf, permissions } from "../../adapters/http/permissions.ts";
import { permissionsPage } from "../../adapters/http/permissions-page.ts";
import { createRouteTable, defineRoute } from "../../adapters/http/route.ts";
import type { Json } from "../support/wire-client.ts";
import { startWorld, type World } from "./matrix/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

/** Whether the door lets a role in, with a request that changes nothing. */
async function isLetIn(role: KeyRole, method: string, path: string): Promise<boolean> {
  const key = await world.keyOf(role);
  const body = method === "POST" || method === "PUT" || method === "PATCH" ? "{" : undefined;
  const answer = await fetch(world.host.url + path, {
    method,
    headers: { "X-API-Key": key, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body }),
  });
  await answer.arrayBuffer();
  expect(answer.status).not.toBe(401);
  expect(answer.status).toBeLessThan(500);
  return answer.status !== 403;
}

/** The least role that is let in; null: none. */
const expected: readonly (readonly [method: string, path: string, least: KeyRole | null])[] = [
  ["GET", "/v1/proxy/core-agents", "viewer"],
  ["GET", "/v1/proxy/core-agent-details/ag_1", "viewer"],
  ["POST", "/v1/proxy/core-agent-create", "developer"],
  ["PUT", "/v1/proxy/core-agent-graph/ag_1", "developer"],
  ["DELETE", "/v1/proxy/core-agent-delete/ag_1", "developer"],
  ["POST", "/v1/proxy/core-agent-chat", "operator"],
  ["GET", "/v1/proxy/core-agent-conversation-details/cv_1", "viewer"],
  ["DELETE", "/v1/proxy/core-agent-conversation-delete/cv_1", "developer"],
  ["GET", "/v2/agents", "viewer"],
  ["POST", "/v2/agents", "developer"],
  ["PATCH", "/v2/agents/ag_1", "developer"],
  ["POST", "/v2/agents/ag_1/runs", "operator"],
  ["POST", "/v2/agents/ag_1/ag-ui", "operator"],
  ["POST", "/v2/agents/ag_1/route", "operator"],
  ["POST", "/v2/agents/ag_1/history/search", "viewer"],
  ["GET", "/v2/runs", "viewer"],
  ["GET", "/v2/runs/rn_1/tree", "viewer"],
  ["POST", "/v2/runs/rn_1/cancel", "operator"],
  ["POST", "/v2/runs/rn_1/fork", "operator"],
  ["GET", "/v2/runs/rn_1/record", "admin"],
  ["POST", "/v2/approvals/ap_1/decide", "operator"],
  ["GET", "/v2/approvals", "viewer"],
  ["POST", "/v2/knowledge/collections", "developer"],
  ["POST", "/v2/knowledge/collections/cl_1/search", "viewer"],
  ["POST", "/v2/knowledge/jobs/jb_1/pause", "operator"],
  ["DELETE", "/v2/memories", "developer"],
  ["POST", "/v2/tools", "developer"],
  ["POST", "/v2/prompts/pr_1/preview", "viewer"],
  ["POST", "/v2/packs/plan", "viewer"],
  ["POST", "/v2/packs", "developer"],
  ["POST", "/v2/evaluations", "operator"],
  ["DELETE", "/v2/evaluations/ev_1", "developer"],
  ["POST", "/v1/chat/completions", "operator"],
  ["GET", "/v1/models", "viewer"],
  ["POST", "/v1/embeddings", "operator"],
  ["POST", "/v1/messages", "operator"],
  ["GET", "/v1/responses/resp_1", "viewer"],
  ["POST", "/a2a/ag_1", "operator"],
  ["POST", "/mcp", "operator"],
  ["GET", "/v2/webhooks/secret", "admin"],
  ["GET", "/admin/keys", "admin"],
  ["POST", "/admin/keys", "admin"],
  ["GET", "/admin/usage", "admin"],
  ["GET", "/admin/audit", "admin"],
  ["GET", "/admin/dead-letters", "operator"],
  ["POST", "/admin/dead-letters/dl_1/replay", "admin"],
  ["GET", "/admin/runtime/waits", "operator"],
  ["GET", "/admin/runtime", null],
  ["POST", "/admin/runtime/workers", null],
  ["GET", "/admin/tenants", null],
  ["POST", "/admin/tenants", null],
  ["POST", "/admin/tenants/tn_1/credit", null],
  ["GET", "/admin/providers", null],
  ["GET", "/metrics", null],
];

test.each(expected)("%s %s lets in whom it should", async (method, path, least) => {
  const seen: KeyRole[] = [];
  for (const role of keyRoles) if (await isLetIn(role, method, path)) seen.push(role);

  const wanted: Readonly<Record<string, readonly KeyRole[]>> = {
    viewer: ["owner", "admin", "developer", "operator", "viewer"],
    operator: ["owner", "admin", "developer", "operator"],
    developer: ["owner", "admin", "developer"],
    admin: ["owner", "admin"],
    none: [],
  };
  expect(seen).toEqual(wanted[least ?? "none"]);
});

describe("a key of a tenant's admin", () => {
  test("is not the server: it sees one tenant, whatever it names", async () => {
    const key = await world.keyOf("admin");
    const named = { key, headers: { "X-Tenant": world.host.otherTenant } };
    const foreign = `/admin/keys?tenant=${world.host.otherTenant}`;

    const own = await world.host.call("GET", "/admin/keys", undefined, named);
    const other = await world.host.call("GET", foreign, undefined, { key });

    expect(own.body.data.length).toBeGreaterThan(0);
    expect(own.body.data.every((one: Json) => one.tenant === world.host.tenant)).toBe(true);
    expect(other.status).toBe(404);
  });

  test("makes and revokes keys of roles below its own, and no others", async () => {
    const key = await world.keyOf("admin");
    const make = (role: KeyRole) =>
      world.host.call("POST", "/admin/keys", { name: role, role }, { key });
    const owners = await world.host.call("POST", "/admin/keys", { name: "o", role: "owner" });
    const peer = await world.host.call("POST", "/admin/keys", { name: "a", role: "admin" });
    const made: Json[] = [];

    for (const role of keyRoles) made.push(await make(role));
    const revoke = (id: string) =>
      world.host.call("DELETE", `/admin/keys/${id}`, undefined, { key });

    expect(made.map(({ status }) => status)).toEqual([403, 403, 201, 201, 201]);
    expect(made[0]?.body).toMatchObject({ code: "FORBIDDEN", pointer: "/role" });
    expect((await revoke(owners.body.id)).status).toBe(403);
    expect((await revoke(peer.body.id)).status).toBe(403);
    expect((await revoke(made[2]?.body.id)).status).toBe(200);
  });

  test("may revoke itself", async () => {
    const { body } = await world.host.call("POST", "/admin/keys", { name: "a", role: "admin" });
    const key = body.key;

    const revoked = await world.host.call("DELETE", `/admin/keys/${body.id}`, undefined, { key });
    const after = await world.host.call("GET", "/v2/agents", undefined, { key });

    expect([revoked.status, after.status]).toEqual([200, 401]);
  });
});

test("a tenant's last owner may go, by revocation or a lower role, and the server's key makes another", async () => {
  const { host } = world;
  const admin = { key: host.adminKey };
  const tenant = (await host.call("POST", "/admin/tenants", { name: "Left" }, admin)).body.id;
  const owner = async () =>
    (await host.call("POST", "/admin/keys", { name: "o", role: "owner", tenant }, admin)).body;
  const [first, last] = [await owner(), await owner()];
  const by = (key: string) => ({ key });

  const lowered = await host.call(
    "PATCH",
    `/admin/keys/${first.id}`,
    { role: "admin" },
    by(first.key),
  );
  const raised = await host.call(
    "PATCH",
    `/admin/keys/${first.id}`,
    { role: "owner" },
    by(first.key),
  );
  const revoked = await host.call("DELETE", `/admin/keys/${last.id}`, undefined, by(last.key));
  const another = await owner();

  expect([lowered.status, raised.status, revoked.status]).toEqual([200, 403, 200]);
  expect((await host.call("GET", "/admin/keys", undefined, by(another.key))).status).toBe(200);
});

describe("no key makes a key with more than it has:", () => {
  const limited = async (fields: Json) => {
    const input = {
      name: "limited",
      role: "owner",
      allowed_services: ["admin", "runs"],
      ...fields,
    };
    return (await world.host.call("POST", "/admin/keys", input)).body.key as string;
  };
  const make = (key: string, fields: Json) =>
    world.host.call("POST", "/admin/keys", { name: "made", ...fields }, { key });

  test("services that it has not are refused with their place", async () => {
    const key = await limited({});

    const all = await make(key, { allowed_services: ["*"] });
    const more = await make(key, { allowed_services: ["runs", "agents"] });
    const same = await make(key, { allowed_services: ["runs"] });

    expect([all.status, all.body.pointer]).toEqual([403, "/allowed_services/0"]);
    expect([more.status, more.body.pointer]).toEqual([403, "/allowed_services/1"]);
    expect(same.status).toBe(201);
  });

  test("without naming services it gives those of the default that it has", async () => {
    const made = await make(await limited({}), { role: "owner" });

    expect([...made.body.allowed_services].sort()).toEqual(["admin", "runs"]);
  });

  test("one that ends makes none that ends later, or never", async () => {
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const later = new Date(Date.now() + 7_200_000).toISOString();
    const key = await limited({ expires_at: soon });

    const never = await make(key, { expires_at: null });
    const after = await make(key, { expires_at: later });
    const unsaid = await make(key, {});

    expect([never.status, never.body.pointer]).toEqual([403, "/expires_at"]);
    expect(after.status).toBe(403);
    expect(unsaid.body.expires_at).toBe(soon);
  });
});

test("what earlier releases called a member is a developer, sent or stored", async () => {
  const sent = await world.host.call("POST", "/admin/keys", { name: "m", role: "member" });
  const { tables } = world.host.system;
  const row = await tables.get("tn_system", "api-keys", sent.body.id);
  const value = { ...(row?.value as object), role: "member" };
  await tables.write("tn_system", [{ type: "put", table: "api-keys", id: sent.body.id, value }]);

  const made = await world.host.call("POST", "/v2/agents", { name: "A" }, { key: sent.body.key });
  const keys = await world.host.call("GET", "/admin/keys", undefined, { key: sent.body.key });

  expect(sent.body.role).toBe("developer");
  expect(sent.body.allowed_services).not.toContain("admin");
  expect([made.status, keys.status]).toEqual([201, 403]);
  expect(keyRole("a role of a later release")).toBe("viewer");
});

test("a route that no rule gives a permission stops the start", () => {
  const route = defineRoute({
    ...{ method: "GET", pattern: "/v2/new", service: "nobody", errors: "problem" },
    handler: () => ({ status: 204, body: "" }),
  });

  expect(() => createRouteTable([route])).toThrow(/names no permission/);
});

test("every permission is asked for by an endpoint", () => {
  const asked = new Set(
    world.host.routes.filter(({ isPublic }) => !isPublic).map((route) => permissionOf(route)),
  );

  expect([...asked].sort()).toEqual(Object.keys(permissions).sort());
});

test("permissions.md is the table as it is; else: cp dist/adapters/http/permissions.md adapters/http/", () => {
  const page = permissionsPage();
  const fresh = new URL("../../adapters/http/permissions.md", import.meta.url);
  const kept = new URL("../../../adapters/http/permissions.md", import.meta.url);
  mkdirSync(new URL(".", fresh), { recursive: true });
  writeFileSync(fresh, page);

  expect(readFileSync(kept, "utf8")).toBe(page);
});
