// Links to connect accounts, through the door and against a real OAuth server: a link that is sent on to somebody
// else says what it is, does nothing by itself, and does not make that person's account the sender's.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { endGrants } from "../../../adapters/http/services/grant-ends.ts";
import type { Services } from "../../../adapters/http/services/services.ts";
import { silentLog } from "../../../runtime/log.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import {
  type Browser,
  CLIENT_SECRET,
  createBrowser,
  type OAuthServer,
  PUBLIC_URL,
  proofIn,
  startOAuthServer,
} from "../../support/oauth-server.ts";
import type { Json } from "../../support/wire-client.ts";

const APP = "https://app.example.com/back";
const MINUTES = 60_000;

let oauth: OAuthServer;
let host: HttpHost;
let services: Services;
let aheadMs = 0;
let users = 0;

beforeAll(async () => {
  oauth = await startOAuthServer();
  host = await startHttpHost({
    ...{ nowMs: () => Date.now() + aheadMs, publicUrl: PUBLIC_URL },
    routes: async (of) => {
      services = of.services;
      return [];
    },
  });
  const client = {
    ...{ type: "oauth2", issuer: oauth.issuer, client_id: "troupe", client_secret: CLIENT_SECRET },
    ...{ scopes: ["openid", "email", "offline_access", "things"], title: "Things & Co" },
    ...{ allowed_hosts: ["things.example.com"], authorization_params: { prompt: "consent" } },
  };
  await made("PUT", "/v2/integrations/things", client);
  await made("PUT", "/v2/integrations/coded", { ...client, confirmation: "code" });
  const own = { ...client, confirmation: "application", return_url: `${APP}?from=things` };
  await made("PUT", "/v2/integrations/bound", own);
});
afterEach(() => {
  aheadMs = 0;
  oauth.reset();
});
afterAll(async () => {
  await host.stop();
  await oauth.close();
});

async function made(method: string, path: string, body?: unknown): Promise<Json> {
  const answer = await host.call(method, path, body);
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
  return answer.body;
}
const browser = (): Browser => createBrowser(() => host.url);
const newUser = (): string => {
  users += 1;
  return `user-${users}`;
};
const linkFor = (user: string, integration = "things"): Promise<Json> =>
  made("POST", "/v2/tokens/connect", { integration, user_key: user });
const tokensOf = async (user: string): Promise<readonly Json[]> =>
  (await made("GET", `/v2/tokens?user_key=${user}`)).data;
const isThere = (url: string): boolean => url.startsWith(oauth.issuer);
const isBack = (url: string): boolean => url.startsWith(`${PUBLIC_URL}/v2/tokens/callback`);
const isApp = (url: string): boolean => url.startsWith(APP);
const connectionIn = (url: string): string => new URL(url).searchParams.get("connection") ?? "";

test("a link says whom the account is for and who asks, and nothing happens before that is confirmed", async () => {
  const user = newUser();
  const { url, code } = await linkFor(user);
  expect(code).toBeNull();

  // A preview, a mail scanner and whoever else looks do not use it up.
  for (const other of [browser(), browser()]) await other.open(url);
  const own = browser();
  const page = await own.open(url);

  expect(page.status).toBe(200);
  for (const said of [
    `“${user}” of One`,
    "The application “k”",
    "Things &amp; Co",
    "things.example.com",
  ]) {
    expect(page.text).toContain(said);
  }
  expect(page.text).toContain("offline_access");
  expect(page.text).toContain("If somebody else sent you this link");
  expect(page.headers.get("content-security-policy")).toMatch(
    /^default-src 'none'; frame-ancestors 'none'/,
  );
  expect(page.headers.get("referrer-policy")).toBe("same-origin");
  expect(page.headers.get("set-cookie")).toMatch(
    /^__Host-troupe_connect=\S{43}; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=600$/,
  );
  expect(oauth.grants).toEqual([]);
  expect((await own.confirm(url)).text).toContain("things is connected as ana@example.com");
  expect(await tokensOf(user)).toHaveLength(1);
  expect((await browser().open(url)).status).toBe(404);
  const whole = (await made("POST", "/v2/tokens/connect", { integration: "things" })).url;
  expect((await browser().open(whole)).text).toContain("everybody who works with One");
});

test("a form of another page, another browser or another link leads nowhere", async () => {
  const [link, other] = [(await linkFor(newUser())).url, (await linkFor(newUser())).url];
  const own = browser();
  const proof = proofIn(await own.open(link));
  const otherProof = proofIn(await own.open(other));
  const strange = browser();
  const strangeProof = proofIn(await strange.open(link));
  const form = { proof, decision: "connect" };

  const statuses = [
    await browser().send(link, form),
    await own.send(link, { ...form, proof: "" }),
    await own.send(link, { ...form, proof: otherProof }),
    await own.send(link, { ...form, proof: strangeProof }),
    await own.send(link, form, { headers: { origin: "https://evil.example.com" } }),
    await own.send(link, form, { headers: { origin: "null" } }),
    await browser().send(link, { ...form, decision: "refuse" }),
  ].map(({ status }) => status);

  expect(statuses).toEqual([403, 403, 403, 403, 403, 403, 403]);
  const json = { "content-type": "application/json" };
  expect((await own.send(link, form, { headers: json })).status).toBe(400);
  expect((await own.send(link, form, { stop: isThere })).status).toBe(303);
  // Whoever opened it as well, with a form of their own, comes too late.
  const late = await strange.send(link, { proof: strangeProof, decision: "connect" });
  expect([late.status, late.text]).toEqual([403, expect.stringContaining("another browser")]);
  expect((await strange.open(link)).status).toBe(403);
});

test("who did not ask for it ends the link, and it is told in the audit", async () => {
  const user = newUser();
  const { url } = await linkFor(user);
  const own = browser();
  const proof = proofIn(await own.open(url));

  const page = await own.send(url, { proof, decision: "refuse" });

  expect([page.status, page.text]).toEqual([200, expect.stringContaining("the link is gone")]);
  expect((await own.confirm(url)).status).toBe(404);
  const audit = await made("GET", "/admin/audit?action=token.connect-refused&limit=100");
  expect(audit.data[0]).toMatchObject({ by: "server", details: { integration: "things", user } });
  expect(await tokensOf(user)).toEqual([]);
});

test("where a code is wanted the link alone is nothing, and guesses at it are few", async () => {
  const user = newUser();
  const { url, code } = await linkFor(user, "coded");
  expect(code).toMatch(/^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$/);
  expect(url).not.toContain(code);
  const own = browser();
  const page = await own.open(url);
  expect(page.text).toContain('name="code"');
  expect(page.text).not.toContain(code);
  const wrong = code.replaceAll("B", "C").replace(/.$/, code.endsWith("Z") ? "D" : "Z");
  const guess = (given: string) =>
    own.send(url, { proof: proofIn(page), decision: "connect", code: given }, { stop: isThere });

  const guesses = await Promise.all(Array.from({ length: 12 }, () => guess(wrong)));
  for (let at = 0; at < 5; at += 1) guesses.push(await guess(wrong));

  // Of guesses at the same moment one is looked at; each that is answered counts.
  const told = guesses.filter(({ text }) => text.includes("not the code of this link"));
  expect(told).toHaveLength(5);
  expect((await guess(code)).status).toBe(403);
  expect((await guess(code)).text).toContain("Too many wrong codes");
  const again = await linkFor(user, "coded");
  const typed = ` ${again.code.toLowerCase().replace("-", " ")}`;
  expect((await browser().confirm(again.url)).status).toBe(403);
  expect((await browser().confirm(again.url, { code: typed })).text).toContain(
    "coded is connected",
  );
  expect(await tokensOf(user)).toHaveLength(1);
});

test("where the application confirms, an account is that of the user who asked, or nobody's and given back", async () => {
  const [mallory, victim] = [newUser(), newUser()];
  const come = async (user: string): Promise<string> => {
    const page = await browser().confirm((await linkFor(user, "bound")).url, { stop: isApp });
    expect(page.status).toBe(303);
    expect(new URL(page.url).searchParams.get("from")).toBe("things");
    return connectionIn(page.url);
  };
  const complete = (connection: string, user: string, key = host.key) =>
    host.call("POST", "/v2/tokens/connect/complete", { connection, user_key: user }, { key });

  // Mallory's link, which the victim has opened and consented to: the application knows who came.
  const stolen = await come(mallory);
  expect(await tokensOf(mallory)).toEqual([]);
  const refused = await complete(stolen, victim);

  expect([refused.status, refused.body.code]).toEqual([403, "FORBIDDEN"]);
  expect((await complete(stolen, mallory)).status).toBe(404);
  expect([...(await tokensOf(mallory)), ...(await tokensOf(victim))]).toEqual([]);
  expect(oauth.revoked.slice(-2).sort()).toEqual(oauth.issued.slice(-2).sort());
  const audit = await made("GET", "/admin/audit?action=token.connect-refused&limit=1");
  expect(audit.data[0].details).toMatchObject({ user: mallory, came: victim });

  const right = await come(mallory);
  expect((await complete(right, mallory, host.otherKey)).status).toBe(404);
  const kept = await complete(right, mallory);
  expect([kept.status, kept.body]).toMatchObject([200, { user_key: mallory, status: "active" }]);
  expect((await complete(right, mallory)).status).toBe(404);
  const late = await come(victim);
  aheadMs = 10 * MINUTES + 1;
  expect((await complete(late, victim)).status).toBe(404);
});

test("an account that no application has confirmed in its time is given back, later where that fails at first", async () => {
  const user = newUser();
  const { connect } = await services.credentials();
  const ended: string[] = [];
  const end = async (tenant: string): Promise<void> => {
    ended.push(tenant);
    await connect.end(tenant);
  };
  const tenants = [host.otherTenant, host.tenant].map((id) => ({ id, name: id, created_at: "" }));
  const round = () =>
    endGrants({
      ...{ tables: host.system.tables, log: silentLog, nowMs: () => Date.now() + aheadMs, end },
      keys: { listTenants: async () => tenants },
    });
  const rows = () => host.system.tables.list(host.tenant, "token-grants", { limit: 10 });
  // Those of other tests.
  aheadMs = 12 * MINUTES;
  await round();
  [aheadMs, ended.length] = [0, 0];
  const page = await browser().confirm((await linkFor(user, "bound")).url, { stop: isApp });
  const body = { connection: connectionIn(page.url), user_key: user };
  const [before, given] = [oauth.revoked.length, oauth.issued.slice(-2).sort()];

  aheadMs = 10.5 * MINUTES;
  await round();
  expect([(await host.call("POST", "/v2/tokens/connect/complete", body)).status, ended]).toEqual([
    404,
    [],
  ]);
  aheadMs = 12 * MINUTES;
  oauth.instead = (response) => {
    response.writeHead(503).end();
    return true;
  };
  await round();
  expect([oauth.revoked.length, (await rows()).length]).toEqual([before, 1]);
  oauth.instead = null;
  await round();
  await round();

  expect([oauth.revoked.slice(before).sort(), await rows(), ended]).toEqual([
    ...[given, [], [host.tenant, host.tenant]],
  ]);
  const audit = await made("GET", "/admin/audit?action=token.connect-expired&limit=1");
  expect(audit.data[0].details).toMatchObject({ integration: "bound", user, given_back: true });
  // The other side is away for good.
  await browser().confirm((await linkFor(newUser(), "bound")).url, { stop: isApp });
  oauth.instead = (response) => {
    response.writeHead(503).end();
    return true;
  };
  aheadMs += 25 * 60 * MINUTES;
  await round();
  expect(await rows()).toEqual([]);
});

test("a link and what was begun with it are over after ten minutes", async () => {
  const user = newUser();
  const { url, expires_at } = await linkFor(user);
  expect(Date.parse(expires_at) - Date.now()).toBeLessThanOrEqual(10 * MINUTES);
  const own = browser();
  const proof = proofIn(await own.open(url));
  const begun = await own.confirm((await linkFor(user)).url, { stop: isBack });
  expect(begun.status).toBe(303);

  aheadMs = 10 * MINUTES + 1;

  expect((await own.open(url)).status).toBe(404);
  expect((await own.send(url, { proof, decision: "connect" })).status).toBe(404);
  expect((await own.open(begun.url)).status).toBe(404);
  aheadMs = 0;
  expect((await own.open(begun.url)).status).toBe(200);
  expect(await tokensOf(user)).toHaveLength(1);
});

test("a run that waits tells the code beside its link, and goes on when somebody refuses", async () => {
  host.llm.script = ({ call }) =>
    call === 1 ? { calls: [{ name: "ask_api", arguments: {} }] } : "I could not.";
  const config = { url: "https://things.example.com/x", auth: { token: "coded" } };
  const tools = [{ tool: "http_request", name: "ask_api", config }];
  const agent = await made("POST", "/v2/agents", { name: "Desk of Ann", model_name: "m", tools });
  const sent = { input: "Go.", user_key: newUser() };
  const run = await host.call("POST", `/v2/agents/${agent.id}/runs`, sent);
  const [wait] = run.body.waits;
  expect([run.status, wait]).toMatchObject([202, { kind: "auth", code: expect.any(String) }]);
  const link = `${PUBLIC_URL}${wait.url}`;

  const own = browser();
  const page = await own.open(link);
  expect(page.text).toContain(`“Desk of Ann”, which waits for it (run ${run.body.id})`);
  const code = wait.code;
  const begun = await own.confirm(link, { stop: isThere, code });
  expect(begun.status).toBe(303);
  await own.send(link, { proof: proofIn(page), decision: "refuse" });

  const ended = async () => (await made("GET", `/v2/runs/${run.body.id}`)).status;
  await expect.poll(ended, { timeout: 10_000 }).toBe("completed");
  const told = JSON.stringify(host.llm.requests.at(-1)?.messages);
  expect(told).toContain("Whoever was asked has declined.");
  expect(told).not.toContain(code);
  expect((await own.open(link)).status).toBe(404);
});

test("a key that is kept twice under one Idempotency-Key is kept once, and another body is refused", async () => {
  await made("PUT", "/v2/integrations/shop", { type: "api_key", allowed_hosts: ["a.example.com"] });
  const body = { integration: "shop", user_key: newUser(), secret: "planted-once" };
  const headers = { "Idempotency-Key": "once-1" };
  const post = (sent: object) => host.call("POST", "/v2/tokens", sent, { headers });

  const both = await Promise.all([post(body), post(body)]);
  const again = await post(body);
  const other = await post({ ...body, secret: "planted-twice" });

  expect([...both, again].map(({ status }) => status)).toEqual([201, 201, 201]);
  expect(new Set([...both, again].map((one) => one.body.id)).size).toBe(1);
  expect([other.status, other.body.code]).toEqual([422, "KEY_REUSED"]);
  expect(await tokensOf(body.user_key)).toHaveLength(1);
  const stranger = { ...body, user_key: newUser() };
  const theirs = await host.call("POST", "/v2/tokens", stranger, { headers, key: host.otherKey });
  expect([theirs.status, theirs.body.pointer]).toEqual([400, "/integration"]);
});

test("what is said of a confirmation that makes no sense is where it stands", async () => {
  const base = { issuer: oauth.issuer, client_id: "troupe", allowed_hosts: ["a.example.com"] };
  const put = async (more: object): Promise<unknown> => {
    const { status, body } = await host.call("PUT", "/v2/integrations/odd", { ...base, ...more });
    return [status, body.pointer];
  };
  const code = { type: "oauth2", confirmation: "application" };
  expect(await put(code)).toEqual([400, "/return_url"]);
  expect(await put({ ...code, return_url: "http://app.example.com" })).toEqual([
    400,
    "/return_url",
  ]);
  expect(await put({ ...code, return_url: "https://u:p@app.example.com" })).toEqual([
    400,
    "/return_url",
  ]);
  expect(await put({ type: "oauth2", return_url: APP })).toEqual([400, "/return_url"]);
  expect(await put({ type: "client_credentials", confirmation: "code" })).toEqual([
    400,
    "/confirmation",
  ]);
});
