// The operator's surface: who may do what, keys shown once, credit that is money, usage that adds up.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
let admin: { readonly key: string };

beforeAll(async () => {
  host = await startHttpHost();
  admin = { key: host.adminKey };
});
afterAll(() => host.stop());

test("a new tenant is credited and uses its key, which is shown once and can be revoked", async () => {
  const tenant = (await host.call("POST", "/admin/tenants", { name: "New" }, admin)).body.id;
  const credit = await host.call("POST", `/admin/tenants/${tenant}/credit`, { amount: 2.5 }, admin);
  const made = await host.call("POST", "/admin/keys", { name: "app", tenant }, admin);
  const { key, id } = made.body;

  const create = await host.call("POST", "/v2/agents", { name: "A" }, { key });
  const list = await host.call("GET", `/admin/keys?tenant=${tenant}`, undefined, admin);
  const usage = await host.call("GET", `/admin/usage?tenant=${tenant}`, undefined, admin);
  const revoked = await host.call("DELETE", `/admin/keys/${id}`, undefined, admin);
  const after = await host.call("GET", "/v2/agents", undefined, { key });

  expect(credit.body).toMatchObject({ tenant, balance: 2.5 });
  expect(create.status).toBe(201);
  expect(list.body.data).toHaveLength(1);
  expect(JSON.stringify(list.body)).not.toContain(key);
  expect(usage.body.balance).toBe(1.5);
  expect(usage.body.services).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ service: "agents", calls: 1, charged: 1 }),
      expect.objectContaining({ service: "credit", charged: -2.5 }),
    ]),
  );
  expect(revoked.body.revoked_at).not.toBeNull();
  expect(after.status).toBe(401);
});

test("a new key does not reach conversations of document 001 unless it names them", async () => {
  const { body } = await host.call("POST", "/admin/keys", { name: "plain" });
  const path = "/v1/proxy/core-agent-conversations?agent_key=ag_1";

  const chat = await host.call("GET", "/v1/proxy/core-agents", undefined, { key: body.key });
  const conversations = await host.call("GET", path, undefined, { key: body.key });
  const platform = await host.call("GET", "/v2/conversations", undefined, { key: body.key });

  expect([chat.status, conversations.status, platform.status]).toEqual([200, 403, 403]);
});

test("a service that does not exist is refused with its place, and no key is made", async () => {
  const body = { name: "typo", allowed_services: ["core-agent-chat", "core-agent-chta"] };

  const refused = await host.call("POST", "/admin/keys", body);
  const list = await host.call("GET", "/admin/keys");

  expect(refused.status).toBe(400);
  expect(refused.body).toMatchObject({ pointer: "/allowed_services/1" });
  expect(list.body.data.map((key: Json) => key.name)).not.toContain("typo");
});

test("an owner sees its own tenant only, and runs nothing of the operator's", async () => {
  const key = host.otherKey;
  const ours = (await host.call("GET", "/admin/keys")).body.data.map((one: Json) => one.id);

  const foreignKeys = await host.call("GET", `/admin/keys?tenant=${host.tenant}`, undefined, {
    key,
  });
  const foreignKey = await host.call("DELETE", `/admin/keys/${ours[0]}`, undefined, { key });
  const foreignUsage = await host.call("GET", `/admin/usage?tenant=${host.tenant}`, undefined, {
    key,
  });
  const tenants = await host.call("GET", "/admin/tenants", undefined, { key });
  const credit = await host.call("POST", `/admin/tenants/${host.tenant}/credit`, { amount: 1 });
  const runtime = await host.call("GET", "/admin/runtime");

  expect([foreignKeys, foreignKey, foreignUsage].map((one) => one.status)).toEqual([404, 404, 404]);
  expect([tenants, credit, runtime].map((one) => one.status)).toEqual([403, 403, 403]);
});

test("the operator sees the live runtime and the dead letters", async () => {
  const runtime = await host.call("GET", "/admin/runtime", undefined, admin);
  const letters = await host.call("GET", "/admin/dead-letters");

  expect(runtime.body).toHaveProperty("workers");
  expect(letters.body).toEqual({ data: [], next_cursor: null });
});

test("credit is a positive amount to a tenant that exists", async () => {
  const unknown = await host.call("POST", "/admin/tenants/tn_none/credit", { amount: 1 }, admin);
  const negative = await host.call(
    "POST",
    `/admin/tenants/${host.tenant}/credit`,
    { amount: -1 },
    admin,
  );

  expect([unknown.status, negative.status]).toEqual([404, 400]);
});
