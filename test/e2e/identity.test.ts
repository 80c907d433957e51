// Tokens of a real OpenID provider let in at the started product, as the role and tenant that they say.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type RunningServer, startServer } from "../support/running-server.ts";
import type { Json } from "../support/wire-client.ts";

const folder = mkdtempSync(join(tmpdir(), "troupe-identity-"));
const ADMIN = "admin-key-of-the-identity-test";
const idps: Server[] = [];
let issuer = "";
/** Of another provider, whose tokens reach what they name. */
let limited = "";
let server: RunningServer;
let tenant = "";
/** As far as it is used here: it comes without types. */
type ProviderClass = new (issuer: string, options: object) => { callback(): RequestListener };
const library: string = "oidc-provider";
const { Provider } = (await import(library)) as { readonly Provider: ProviderClass };
/** What the provider puts into tokens, by client. */
const said = new Map<string, Record<string, unknown>>();

const clientOf = (client_id: string) => ({
  ...{ client_id, client_secret: "a-secret-of-the-client-1234567890" },
  ...{ grant_types: ["client_credentials"], redirect_uris: [], response_types: [] },
});

async function keyOf(alg: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, use: "sig", kid: alg } as JWK;
}

/** The address of one more. */
async function startProvider(): Promise<string> {
  const idp = createServer();
  idps.push(idp);
  await new Promise<void>((resolve) => {
    idp.listen(0, "127.0.0.1", resolve);
  });
  const address = `http://127.0.0.1:${(idp.address() as AddressInfo).port}`;
  const provider = new Provider(address, {
    clients: [clientOf("ann"), clientOf("bob"), clientOf("eve")],
    jwks: { keys: [await keyOf("RS256"), await keyOf("ES256")] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "urn:troupe",
        useGrantedResource: () => true,
        getResourceServerInfo: (_context: unknown, resource: string) => ({
          ...{ scope: "", audience: resource, accessTokenTTL: 300, accessTokenFormat: "jwt" },
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
    extraTokenClaims: (_context: unknown, token: Json) => said.get(String(token.clientId)) ?? {},
  });
  idp.on("request", provider.callback());
  return address;
}

async function tokenOf(client: string, resource = "urn:troupe", from = issuer): Promise<string> {
  const secret = clientOf(client).client_secret;
  const answer = await fetch(`${from}/token`, {
    method: "POST",
    headers: {
      Authorization: `Basic ${Buffer.from(`${client}:${secret}`).toString("base64")}`,
      "Content-Type": "application/x-www-form-urlencoded",
    },
    body: new URLSearchParams({ grant_type: "client_credentials", resource }),
  });
  const body = (await answer.json()) as Json;
  expect(answer.status, JSON.stringify(body)).toBe(200);
  return body.access_token;
}

async function call(method: string, path: string, key: string, body?: unknown) {
  const answer = await fetch(server.url + path, {
    method,
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Json };
}

beforeAll(async () => {
  [issuer, limited] = [await startProvider(), await startProvider()];
  const config = join(folder, "troupe.yaml");
  writeFileSync(
    config,
    `tenants:
  limits: { agents: 500, storage_bytes: 1000000000 }
issuers:
  - name: corp
    issuer: ${issuer}
    audience: urn:troupe
    algorithms: [ES256]
    roles: [boss=admin, dev=developer]
  - name: limited
    issuer: ${limited}
    audience: urn:troupe
    algorithms: [ES256]
    role: developer
    services_claim: groups
    services: [support=agents, support=core-agent-chat, support=runs]
    resources_claim: reach
    resources: ["agents:*", "ops=agents:*"]
`,
  );
  server = await startServer({
    ...{ TROUPE_DATA: join(folder, "data"), TROUPE_CONFIG: config },
    ...{ TROUPE_ADMIN_KEY: ADMIN, TROUPE_SAMPLE: "off" },
  });
  tenant = (await call("POST", "/admin/tenants", ADMIN, { name: "Corp" })).body.id;
  await call("POST", `/admin/tenants/${tenant}/credit`, ADMIN, { amount: 10 });
  said.set("ann", { tenant, roles: ["dev"] });
  said.set("bob", { tenant, roles: ["boss"] });
  said.set("eve", { tenant: "tn_nobody", roles: ["boss"] });
});
afterAll(async () => {
  await server?.end();
  for (const idp of idps) {
    idp.closeAllConnections();
    await new Promise((resolve) => idp.close(resolve));
  }
  rmSync(folder, { recursive: true, force: true });
});

/** A socket that is open. */
async function opened(headers: Record<string, string>) {
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws`, { headers });
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  const answers: Json[] = [];
  const events: Json[] = [];
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data));
    (frame.type === "res" ? answers : events).push(frame);
  });
  await new Promise((resolve) => socket.once("open", resolve));
  const say = (id: string, method: string, params: object): void =>
    socket.send(JSON.stringify({ type: "req", id, method, params }));
  const answer = async (id: string): Promise<Json> => {
    await expect.poll(() => answers.some((one) => one.id === id), { timeout: 5_000 }).toBe(true);
    return answers.find((one) => one.id === id);
  };
  let asked = 0;
  const ask = (method: string, params: object): Promise<Json> => {
    asked += 1;
    say(`ask-${asked}`, method, params);
    return answer(`ask-${asked}`);
  };
  const chat = (agent_key: string) => ask("chat", { agent_key, message: "Hi." });
  return { say, answer, ask, chat, events, closed };
}

test("limits of the configuration's file are those of a tenant that has none of its own", async () => {
  const { body } = await call("GET", `/admin/tenants/${tenant}`, ADMIN);

  expect(body.effective_limits).toMatchObject({
    agents: { value: 500, origin: "configuration" },
    conversations: { value: null, origin: "none" },
    storage_bytes: { value: 1_000_000_000, origin: "configuration" },
  });
});

test("a developer's token makes an agent in its tenant, and manages no keys", async () => {
  const token = await tokenOf("ann");

  const made = await call("POST", "/v2/agents", token, { name: "Desk" });
  const keys = await call("GET", "/admin/keys", token);
  const list = await call("GET", "/v2/agents", ADMIN);

  expect([made.status, keys.status]).toEqual([201, 403]);
  expect(JSON.stringify(list.body)).not.toContain(made.body.id);
});

test("an admin's token makes keys that end no later than it, and the audit says who it was", async () => {
  const token = await tokenOf("bob");

  const made = await call("POST", "/admin/keys", token, { name: "k", role: "viewer" });
  const audit = await call("GET", "/admin/audit?action=key.create", token);
  const never = { name: "k", role: "viewer", expires_at: null };

  expect(made.status).toBe(201);
  expect(Date.parse(made.body.expires_at)).toBeLessThanOrEqual(Date.now() + 361_000);
  expect(audit.body.data[0].by).toMatch(/^jwt\.corp\.[0-9a-f]{32}$/);
  expect((await call("POST", "/admin/keys", token, never)).status).toBe(403);
  expect((await call("POST", "/admin/keys", token, { name: "k", role: "owner" })).status).toBe(403);
});

test("a token is no key of the server, whatever tenant it names", async () => {
  const token = await tokenOf("bob");
  const answer = await fetch(`${server.url}/v2/agents`, {
    headers: { Authorization: `Bearer ${token}`, "X-Tenant": "tn_default" },
  });

  expect((await call("GET", "/admin/tenants", token)).status).toBe(403);
  expect((await answer.json()) as Json).toEqual((await call("GET", "/v2/agents", token)).body);
});

test.each([
  ["for another audience", () => tokenOf("ann", "urn:others")],
  ["of a tenant that is not there", () => tokenOf("eve")],
  ["that was changed", async () => `${(await tokenOf("ann")).slice(0, -4)}AAAA`],
  [
    "without a signature",
    async () => `${(await tokenOf("ann")).split(".").slice(0, 2).join(".")}.`,
  ],
])("a token %s is a 401 as any wrong key is", async (_, make) => {
  const refused = await call("GET", "/v2/agents", await make());
  const wrong = await call("GET", "/v2/agents", "troupe_wrong");

  expect(refused.status).toBe(401);
  expect(refused.body.detail).toBe(wrong.body.detail);
});

test("a socket that is open is closed when its key is revoked, or its tenant suspended", async () => {
  const made = async (path: string, body: object): Promise<Json> =>
    (await call("POST", path, ADMIN, body)).body;
  const { id: tenant } = await made("/admin/tenants", { name: "shut" });
  const keys = await Promise.all(
    ["hello", "header"].map((name) =>
      made("/admin/keys", { name, tenant, role: "owner", allowed_services: ["*"] }),
    ),
  );
  const [byHello, byHeader] = keys;
  const one = await opened({});
  const other = await opened({ "X-API-Key": byHeader.key });
  one.say("1", "hello", { token: byHello.key });
  other.say("1", "cancel", { run_id: "rn_0" });
  const before = [(await one.answer("1")).ok, (await other.answer("1")).error.code];

  const deleted = await call("DELETE", `/admin/keys/${byHello.id}`, byHeader.key);
  expect(deleted.status, JSON.stringify(deleted.body)).toBe(200);
  one.say("2", "cancel", { run_id: "rn_0" });
  const revoked = await one.answer("2");
  await call("POST", `/admin/tenants/${tenant}/suspend`, ADMIN);
  other.say("2", "cancel", { run_id: "rn_0" });
  const suspended = await other.answer("2");

  expect(before).toEqual([true, "NOT_FOUND"]);
  expect([revoked.error.code, await one.closed]).toEqual(["UNAUTHENTICATED", 4401]);
  expect([suspended.error.code, await other.closed]).toEqual(["TENANT_SUSPENDED", 4403]);
});

test("a token reaches the agents that it names, in services of its groups, over HTTP and /ws", async () => {
  const made = async (name: string): Promise<string> =>
    (await call("POST", "/v2/agents", await tokenOf("bob"), { name })).body.id;
  const [own, other] = [await made("Own"), await made("Other")];
  said.set("ann", { tenant, groups: ["support"], reach: [own, "cl_1", "*"] });
  const token = await tokenOf("ann", "urn:troupe", limited);
  said.set("ann", { tenant, groups: ["support", "agents"] });
  const bare = await tokenOf("ann", "urn:troupe", limited);
  said.set("ann", { tenant, groups: ["support"], reach: ["ops"] });
  const all = await tokenOf("ann", "urn:troupe", limited);
  said.set("ann", { tenant, roles: ["dev"] });
  const statusOf = async (path: string, key: string) => (await call("GET", path, key)).status;
  const listed = async (key: string) =>
    (await call("GET", "/v2/agents", key)).body.data.map(({ id }: Json) => id);
  const chat = (agent_key: string) =>
    call("POST", "/v1/proxy/core-agent-chat", token, { agent_key, message: "Hi." });

  expect(await listed(token)).toEqual([own]);
  expect(await listed(bare)).toEqual([]);
  expect(await listed(all)).toEqual(expect.arrayContaining([own, other]));
  expect([
    await statusOf(`/v2/agents/${own}`, token),
    await statusOf(`/v2/agents/${other}`, token),
    await statusOf("/v2/tools", token),
    (await chat(own)).status,
    (await chat(other)).status,
  ]).toEqual([200, 404, 403, 200, 404]);
  const hers = await opened({ Authorization: `Bearer ${token}` });
  const [mine, theirs] = [await hers.chat(own), await hers.chat(other)];
  expect([mine.ok, theirs.error?.code]).toEqual([true, "NOT_FOUND"]);
});

test("a key that is limited to one agent talks to no other over /ws, and sees none of its runs", async () => {
  const boss = await tokenOf("bob");
  const made = async (name: string): Promise<string> =>
    (await call("POST", "/v2/agents", boss, { name })).body.id;
  const [own, other] = [await made("Mine"), await made("Theirs")];
  const ask = { agent_key: other, message: "Hi." };
  const run = (await call("POST", "/v1/proxy/core-agent-chat", boss, ask)).body.data.run_id;
  const body = { name: "k", role: "operator", allowed_resources: { agents: [own] } };
  const { key } = (await call("POST", "/admin/keys", boss, body)).body;
  const socket = await opened({ "X-API-Key": key });

  const answers = [
    await socket.chat(own),
    await socket.chat(other),
    await socket.ask("subscribe", { run_id: run }),
    await socket.ask("resume", { run_id: run, after: `${run}.0` }),
    await socket.ask("cancel", { run_id: run }),
  ];
  const free = await opened({ "X-API-Key": boss });

  expect(run).toMatch(/^rn_/);
  expect((await free.ask("subscribe", { run_id: run })).ok).toBe(true);
  expect(answers.map(({ ok, error }) => (ok ? true : error.code))).toEqual([
    ...[true, "NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"],
  ]);
  expect(socket.events.every(({ data }) => !JSON.stringify(data).includes(run))).toBe(true);
});

test("a WebSocket says hello with a token", async () => {
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws`);
  const answered = new Promise<Json>((resolve) => {
    socket.on("message", (data) => resolve(JSON.parse(String(data))));
  });
  await new Promise((resolve) => socket.once("open", resolve));

  const params = { token: await tokenOf("ann") };
  socket.send(JSON.stringify({ type: "req", id: "1", method: "hello", params }));

  expect((await answered).ok).toBe(true);
  socket.close();
});
