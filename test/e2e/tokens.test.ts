// Tokens of other services through the real door, against a real OAuth server on loopback: connecting an account in
// a browser, renewing it once for many runs, and a secret that is nowhere but in the request it is meant for.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  type Browser,
  CLIENT_SECRET,
  createBrowser,
  type OAuthServer,
  PUBLIC_URL,
  startOAuthServer,
} from "../support/oauth-server.ts";
import { type Product, startProduct } from "../support/product.ts";
import { findSecrets } from "../support/secret-search.ts";
import { toolTalk } from "../support/tool-talk.ts";
import type { Json } from "../support/wire-client.ts";

const WITHIN = { timeout: 20_000 };

let oauth: OAuthServer;
let product: Product;
let users = 0;

beforeAll(async () => {
  oauth = await startOAuthServer();
  product = await startProduct({
    config: "tools:\n  hosts: [127.0.0.1]\n",
    env: { TROUPE_PUBLIC_URL: PUBLIC_URL, TROUPE_WORKERS: "2" },
  });
  await made("PUT", "/v2/integrations/things", {
    ...{ type: "oauth2", issuer: oauth.issuer, client_id: "troupe", client_secret: CLIENT_SECRET },
    ...{
      scopes: ["openid", "email", "offline_access", "things"],
      allowed_hosts: [new URL(oauth.apiUrl).host],
    },
    authorization_params: { prompt: "consent" },
  });
  await made("PUT", "/v2/integrations/shop", {
    type: "api_key",
    allowed_hosts: [new URL(oauth.apiUrl).host],
  });
});
afterEach(() => {
  product.provider.reset();
  oauth.reset();
});
afterAll(async () => {
  await product.end();
  await oauth.close();
});

const { calling, results } = toolTalk(() => product);
const call = (method: string, path: string, body?: unknown, more = {}) =>
  product.call(method, path, body, more);
async function made(method: string, path: string, body?: unknown): Promise<Json> {
  const answer = await call(method, path, body);
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
  return answer.body;
}
const browser = (): Browser => createBrowser(() => product.url);
const newUser = (): string => {
  users += 1;
  return `user-${users}`;
};
const linkFor = async (user: string): Promise<string> =>
  (await made("POST", "/v2/tokens/connect", { integration: "things", user_key: user })).url;
const isCallback = (url: string): boolean => url.startsWith(`${PUBLIC_URL}/v2/tokens/callback`);
async function connected(user: string): Promise<Json> {
  const page = await browser().confirm(await linkFor(user));
  expect([page.status, page.text]).toEqual([200, expect.stringContaining("things is connected")]);
  return (await made("GET", `/v2/tokens?user_key=${user}`)).data[0];
}
async function agentWith(config: object, type = "http_request"): Promise<string> {
  const tools = [{ tool: type, name: "ask_api", config }];
  return (await made("POST", "/v2/agents", { name: "Desk", model_name: "m", tools })).id;
}
const asking = (integration = "things", path = "/x") =>
  agentWith({ url: `${oauth.apiUrl}${path}`, auth: { token: integration } });
/** A run of this user, with the result of its call. */
async function result(agent: string, user?: string): Promise<Json> {
  calling([{ name: "ask_api", arguments: {} }]);
  const run = await made("POST", `/v2/agents/${agent}/runs`, {
    input: "Go.",
    ...(user && { user_key: user }),
  });
  return (await results(run.id))[0];
}

/** A run that waits for an account: its id and the link to go on. */
async function waiting(
  agent: string,
  user: string,
): Promise<{ readonly id: string; readonly url: string }> {
  calling([{ name: "ask_api", arguments: {} }]);
  const answer = await call("POST", `/v2/agents/${agent}/runs`, { input: "Go.", user_key: user });
  expect([answer.status, answer.body.waits?.[0]?.kind]).toEqual([202, "auth"]);
  return { id: answer.body.id, url: `${PUBLIC_URL}${answer.body.waits[0].url}` };
}
const runOf = (id: string): Promise<Json> => made("GET", `/v2/runs/${id}`);
const statusOf = async (id: string): Promise<string> => (await runOf(id)).status;
async function letGo(id: string): Promise<void> {
  await made("POST", `/v2/runs/${id}/cancel`, {});
  await expect.poll(() => statusOf(id), WITHIN).toBe("cancelled");
}

test("a run without an account waits with the link, over a restart, and goes on when it is connected", async () => {
  const user = newUser();
  const agent = await asking();
  const run = await waiting(agent, user);
  expect((await runOf(run.id)).status).toBe("waiting");
  const refused = await call("POST", "/v1/chat/completions", {
    ...{ model: `agent:${agent}`, messages: [{ role: "user", content: "Go." }], user: newUser() },
    metadata: { user_key: newUser() },
  });
  expect([refused.status, refused.body.error.code]).toEqual([400, "run_waiting"]);
  expect(refused.body.error.message).toContain("/v2/tokens/connect/");

  await product.kill();
  await product.start();
  const page = await browser().confirm(run.url);
  expect([page.status, page.text]).toEqual([200, expect.stringContaining("things is connected")]);
  await expect.poll(() => statusOf(run.id), WITHIN).toBe("completed");

  expect((await results(run.id))[0]).toMatchObject({ status: 200, body: { ok: true } });
  expect((await made("GET", `/v2/tokens?user_key=${user}`)).data).toHaveLength(1);
  // Whoever comes later with the link finds nothing.
  expect((await browser().open(run.url)).status).toBe(404);
});

test("who declines ends the wait, and the model is told", async () => {
  const run = await waiting(await asking(), newUser());
  const own = browser();
  const there = (await own.confirm(run.url, { stop: (url) => url.startsWith(oauth.issuer) })).url;
  const state = new URL(there).searchParams.get("state") ?? "";
  const back = new URL(`${PUBLIC_URL}/v2/tokens/callback`);
  back.search = String(new URLSearchParams({ state, error: "access_denied", iss: oauth.issuer }));

  expect((await own.open(back.href)).status).toBe(502);
  await expect.poll(() => statusOf(run.id), WITHIN).toBe("completed");
  const [said] = await results(run.id);
  expect(said.error).toMatchObject({
    code: "AUTH_REQUIRED",
    message: expect.stringContaining("declined"),
  });
});

test("an account is connected with PKCE, and its token goes where it is meant for and is shown to nobody", async () => {
  const user = newUser();
  const token = await connected(user);
  expect(token).toMatchObject({
    ...{ integration: "things", user_key: user, type: "oauth2", status: "active" },
    ...{ account_label: "ana@example.com", can_refresh: true, last_used_at: null },
  });
  expect(token.scopes).toContain("things");
  const agent = await asking();

  const said = await result(agent, user);

  expect(said).toMatchObject({ status: 200, body: { ok: true, echo: "Bearer ***" } });
  const [header = ""] = oauth.asked;
  expect(header).toMatch(/^Bearer \S{20,}$/);
  const secret = header.slice("Bearer ".length);
  const prompts = JSON.stringify(product.provider.calls());
  expect(prompts).toContain("***");
  const seen = [prompts, product.server.output(), product.server.errors(), JSON.stringify(said)];
  expect(seen.join("\n")).not.toContain(secret);
  expect((await made("GET", `/v2/tokens/${token.id}`)).last_used_at).not.toBeNull();
  const audit = await made("GET", `/admin/audit?subject=${token.id}&limit=100`);
  const acts = audit.data.map((one: Json) => one.action);
  expect(acts).toEqual(expect.arrayContaining(["token.connect", "token.use"]));
  expect(JSON.stringify(audit)).not.toContain(secret);
});

test("a state that is stolen, used twice, of another browser, too much changed or of another issuer is nothing", async () => {
  const user = newUser();
  const own = browser();
  const back = (await own.confirm(await linkFor(user), { stop: isCallback })).url;

  const stolen = await browser().open(back);
  expect([stolen.status, stolen.text]).toEqual([403, expect.stringContaining("another browser")]);
  const mixed = new URL(back);
  mixed.searchParams.set("iss", "https://evil.example.com");
  const other = await own.open(mixed.href);
  expect(other.status).toBe(502);
  expect((await own.open(back)).status).toBe(404);
  const unknown = new URL(back);
  unknown.searchParams.set("state", `${mixed.searchParams.get("state")}x`);
  expect((await own.open(unknown.href)).status).toBe(404);
  expect((await made("GET", `/v2/tokens?user_key=${user}`)).data).toEqual([]);

  const again = (await own.confirm(await linkFor(user), { stop: isCallback })).url;
  expect((await own.open(again)).status).toBe(200);
  expect((await own.open(again)).status).toBe(404);
  expect((await made("GET", `/v2/tokens?user_key=${user}`)).data).toHaveLength(1);
});

test("a link works in the browser that opens it first, and its pages escape what they are told", async () => {
  const link = await linkFor(newUser());
  const first = browser();
  await first.confirm(link, { stop: (url) => url.startsWith(oauth.issuer) });

  expect((await browser().open(link)).status).toBe(403);
  expect((await first.confirm(link)).text).toContain("is connected");
  const unknown = await browser().open(`${PUBLIC_URL}/v2/tokens/connect/tn_default.cn_<b>x`);
  expect(unknown.status).toBe(404);
  expect(unknown.headers.get("content-security-policy")).toContain("default-src 'none'");
  const marked = newUser();
  const page = await browser().open(await linkFor(`${marked}<script>`));
  expect(page.text).toContain(`${marked}&lt;script&gt;`);
  expect(page.text).not.toContain("<script>");
});

test("a token that ends is renewed once for a hundred runs on two workers, and the rotated one is kept", async () => {
  const user = newUser();
  oauth.accessSeconds = 1;
  await connected(user);
  const agent = await asking();
  await expect.poll(async () => Date.now() > 0, WITHIN).toBe(true);
  oauth.accessSeconds = 3_600;
  oauth.grants.length = 0;
  calling([{ name: "ask_api", arguments: {} }]);

  const runs = await Promise.all(
    Array.from({ length: 100 }, () =>
      call("POST", `/v2/agents/${agent}/runs`, { input: "Go.", user_key: user }),
    ),
  );

  expect(new Set(runs.map(({ status }) => status))).toEqual(new Set([200]));
  expect(oauth.grants).toEqual(["refresh_token"]);
  expect(new Set(oauth.asked).size).toBe(1);
  expect(oauth.asked).toHaveLength(100);
  // The refresh token that came with it is the one that is used next: the first one is not taken again.
  oauth.notTaken.add(oauth.asked[0] ?? "");
  expect(await result(agent, user)).toMatchObject({ status: 200, body: { ok: true } });
  expect(oauth.grants).toEqual(["refresh_token", "refresh_token"]);
});

test("a failure for a time keeps the token, and a refusal asks for a person", async () => {
  const user = newUser();
  oauth.accessSeconds = 1;
  const token = await connected(user);
  const agent = await asking();
  oauth.accessSeconds = 3_600;
  let failures = 0;
  oauth.instead = (response) => {
    failures += 1;
    if (failures > 2) return false;
    response.writeHead(failures === 1 ? 503 : 429, { "retry-after": "1" }).end("down");
    return true;
  };

  expect(await result(agent, user)).toMatchObject({ status: 200 });
  expect(failures).toBe(3);

  oauth.notTaken.add(oauth.asked.at(-1) ?? "");
  oauth.instead = (response) => {
    response.writeHead(400, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: "invalid_grant", error_description: "planted words" }));
    return true;
  };
  const refused = await waiting(agent, user);
  expect(JSON.stringify(await runOf(refused.id))).not.toContain("planted words");
  const now = await made("GET", `/v2/tokens/${token.id}`);
  expect(now).toMatchObject({ status: "auth_required", error: expect.stringContaining("connect") });
  oauth.instead = null;
  expect((await connected(user)).id).toBe(token.id);
  await expect.poll(() => statusOf(refused.id), WITHIN).toBe("completed");
  expect(await result(agent, user)).toMatchObject({ status: 200 });
});

test("a renewal whose answer a crash has taken is tried again, and asks for a person when it is lost", async () => {
  const user = newUser();
  oauth.accessSeconds = 1;
  const token = await connected(user);
  const agent = await asking();
  oauth.accessSeconds = 3_600;
  let arrived = 0;
  oauth.beforeAnswer = async () => {
    arrived += 1;
    if (arrived === 1) await new Promise(() => undefined);
  };
  calling([{ name: "ask_api", arguments: {} }]);
  const { id } = await made("POST", `/v2/agents/${agent}/runs`, {
    ...{ input: "Go.", user_key: user, mode: "background" },
  });
  await expect.poll(() => arrived, WITHIN).toBe(1);

  await product.kill();
  await product.start();
  await expect.poll(() => statusOf(id), WITHIN).toBe("waiting");

  // This server rotates refresh tokens: the one that was answered is lost, the old one is not taken again.
  const now = await made("GET", `/v2/tokens/${token.id}`);
  expect(now).toMatchObject({ status: "auth_required", error: expect.stringContaining("lost") });
  expect(oauth.asked).toEqual([]);
  await letGo(id);
});

test("a key of a tenant and a token of the client's own are sent, each by its own rules", async () => {
  const secret = "planted-api-key-of-the-shop";
  const token = await made("POST", "/v2/tokens", { integration: "shop", secret });
  expect(JSON.stringify(token)).not.toContain("planted");
  expect((await call("POST", "/v2/tokens", { integration: "shop", secret })).status).toBe(409);
  await made("PUT", "/v2/integrations/own", {
    ...{ type: "client_credentials", client_id: "troupe", client_secret: CLIENT_SECRET },
    ...{ token_endpoint: `${oauth.issuer}/token`, allowed_hosts: [new URL(oauth.apiUrl).host] },
  });
  await made("POST", "/v2/tokens", { integration: "own" });

  expect(await result(await asking("shop"))).toMatchObject({
    status: 200,
    body: { echo: "Bearer ***" },
  });
  expect(await result(await asking("own"), newUser())).toMatchObject({ status: 200 });
  expect(oauth.asked[0]).toBe(`Bearer ${secret}`);
  expect(oauth.grants).toEqual(["client_credentials"]);
  // A redirect is not followed with it, and another host is not asked at all.
  expect(await result(await asking("shop", "/away"))).toMatchObject({ status: 302 });
  const elsewhere = {
    url: oauth.apiUrl.replace("127.0.0.1", "localhost"),
    auth: { token: "shop" },
  };
  const refused = await result(await agentWith(elsewhere));
  expect(refused.error).toMatchObject({ code: "EGRESS_REFUSED" });
  // Where no port is named it is that of the scheme, and another one is another service.
  for (const hosts of [["127.0.0.1"], ["127.0.0.1:443"], ["*.0.0.1"]]) {
    await made("PATCH", `/v2/tokens/${token.id}`, { allowed_hosts: hosts });
    const kept = await result(await asking("shop"));
    expect(kept.error).toMatchObject({ code: "EGRESS_REFUSED" });
  }
  // Nor without TLS, but to what the operator has allowed.
  await made("PATCH", `/v2/tokens/${token.id}`, { allowed_hosts: ["shop.example"] });
  const bare = await agentWith({ url: "http://shop.example/x", auth: { token: "shop" } });
  expect((await result(bare)).error).toMatchObject({
    ...{ code: "EGRESS_REFUSED", message: expect.stringContaining("without TLS") },
  });
  const wrong = { allowed_hosts: ["127.0.0.1:65536"] };
  expect((await call("PATCH", `/v2/tokens/${token.id}`, wrong)).status).toBe(400);
  await made("PATCH", `/v2/tokens/${token.id}`, { allowed_hosts: null });
  expect(oauth.asked).toHaveLength(3);
  const other = "planted-second-key-of-the-shop";
  await made("PATCH", `/v2/tokens/${token.id}`, { secret: other });
  await result(await asking("shop"));
  expect(oauth.asked.at(-1)).toBe(`Bearer ${other}`);
});

test("a deleted token is taken back at the other side, and what it was is sent no more", async () => {
  const user = newUser();
  const token = await connected(user);
  const agent = await asking();
  await result(agent, user);
  const before = oauth.asked.length;

  const gone = await made("DELETE", `/v2/tokens/${token.id}`);

  expect(gone).toEqual({ id: token.id, revoked: true });
  expect((await call("GET", `/v2/tokens/${token.id}`)).status).toBe(404);
  await letGo((await waiting(agent, user)).id);
  expect(oauth.asked).toHaveLength(before);
});

test("a user's token is another's neither in a run nor by a key, and a tool cannot name it", async () => {
  const [ana, bob] = [newUser(), newUser()];
  const token = await connected(ana);
  const agent = await asking();
  await letGo((await waiting(agent, bob)).id);
  const named = await agentWith({ url: `${oauth.apiUrl}/x`, auth: { token: token.id } });
  expect((await result(named, bob)).error.code).toBe("AUTH_REQUIRED");
  expect(oauth.asked).toEqual([]);
  expect(await result(named, ana)).toMatchObject({ status: 200 });

  const body = { name: "app", role: "operator", allowed_services: ["*"] };
  const { key } = await made("POST", "/admin/keys", body);
  const as = (method: string, path: string, sent?: unknown) => call(method, path, sent, { key });
  expect((await as("GET", "/v2/tokens")).status).toBe(403);
  expect((await as("GET", `/v2/tokens/${token.id}`)).status).toBe(404);
  expect((await as("DELETE", `/v2/tokens/${token.id}?user_key=${bob}`)).status).toBe(404);
  expect((await as("GET", `/v2/tokens/${token.id}?user_key=${ana}`)).status).toBe(200);
  expect((await as("POST", "/v2/tokens", { integration: "shop", secret: "x" })).status).toBe(403);
  expect((await as("PUT", "/v2/integrations/shop", { type: "api_key" })).status).toBe(403);
});

test("no secret of all this is in an answer, an export, a record, a backup, the log or the data folder", async () => {
  const planted = ["planted-api", "planted-second", CLIENT_SECRET, "planted words"];
  expect(oauth.issued.length).toBeGreaterThan(20);
  const found = await findSecrets(product, product.adminKey, [...planted, ...oauth.issued]);
  expect(found).toEqual([]);
});
