// Every kind of secret is given to the real process with a text that stands nowhere else, everything is run
// that may carry one on, and then everything that is written or said is searched: the log at its most
// talkative, the data folder, a backup, metrics, each answer, what the model was told.

import { readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EveryRead, readEverything } from "../support/every-read.ts";
import {
  CLIENT_SECRET,
  createBrowser,
  type OAuthServer,
  PUBLIC_URL,
  startOAuthServer,
} from "../support/oauth-server.ts";
import { plantTenant } from "../support/planted-tenant.ts";
import { type Product, startProduct } from "../support/product.ts";
import { toolTalk } from "../support/tool-talk.ts";
import type { Answer, CallOptions, Json } from "../support/wire-client.ts";

/** Shows its owner what webhooks are signed with: the receiver must know it. */
const WEBHOOK_SECRET = "/v2/webhooks/secret";
const WITHIN = { timeout: 30_000 };
/** Begins the texts of a planted tenant. */
const MARK = "zqxsecretvk7";
/** A text that is no secret. */
const PLAIN = "Ask the shop for planted words.";
/** Secrets with which the server is started. */
const OF_START = {
  admin: "admin-key-of-the-e2e-tests",
  provider: "sk-planted-provider-key-5b1e",
  hub: "hf_planted-hub-token-3c77",
} as const;
/** Secrets that are handed to it by API. */
const GIVEN = {
  client: CLIENT_SECRET,
  token: "planted-token-of-the-shop-aa19",
  tool: "planted-tool-header-91d0",
  second: "planted-token-that-came-later-4e",
} as const;

let product: Product;
let oauth: OAuthServer;
let sink: Server;
/** What webhooks were sent. */
const delivered: string[] = [];
/** Texts of all answers, but of those that show a secret to who has just made it. */
const answers: string[] = [];
/** What the model was told. */
const prompts: string[] = [];
const secrets: string[] = [...Object.values(OF_START), ...Object.values(GIVEN)];

beforeAll(async () => {
  oauth = await startOAuthServer();
  sink = createServer((request: IncomingMessage, response) => {
    request.on("data", (bytes) => delivered.push(String(bytes)));
    request.on("end", () => response.end());
  });
  await new Promise<void>((resolve) => sink.listen(0, "127.0.0.1", () => resolve()));
  product = await startProduct({
    config: [
      "tools: {hosts: [127.0.0.1]}\nwebhooks: {hosts: [127.0.0.1]}",
      "logs: {file: ./logs/troupe.log, agents: ./logs/agents}",
    ].join("\n"),
    env: {
      TROUPE_LOG_LEVEL: "trace",
      ...{ OPENAI_API_KEY: OF_START.provider, HF_TOKEN: OF_START.hub },
      ...{ TROUPE_PUBLIC_URL: PUBLIC_URL, TROUPE_WORKERS: "2" },
    },
  });
});
afterAll(async () => {
  await product.end();
  await oauth.close();
  sink.closeAllConnections();
  sink.close();
});

const { calling } = toolTalk(() => product);
async function call(
  method: string,
  path: string,
  body?: unknown,
  more: CallOptions = {},
): Promise<Answer> {
  const answer = await product.call(method, path, body, { key: OF_START.admin, ...more });
  answers.push(JSON.stringify([...answer.headers]) + JSON.stringify(answer.body));
  return answer;
}
async function made(method: string, path: string, body?: unknown, more = {}): Promise<Json> {
  const answer = await call(method, path, body, more);
  expect([path, answer.status, answer.body]).toEqual([
    ...[path, expect.toSatisfy((status: number) => status < 300), answer.body],
  ]);
  return answer.body;
}

/** In every form in which one is repeated. */
function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  const inner = (encoding: "base64" | "base64url") =>
    [0, 1, 2].map((shift) => {
      const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString(encoding);
      return text.slice(shift === 0 ? 0 : 4, -4);
    });
  return [
    ...new Set([
      ...[secret, encodeURIComponent(secret), bytes.toString("hex")],
      ...inner("base64"),
      ...inner("base64url"),
      bytes.toString("utf16le"),
    ]),
  ].filter((form) => form.length > 8);
}

/** Names of secrets that stand in a text. */
function found(text: string | Buffer): readonly string[] {
  return secrets.filter((secret) => formsOf(secret).some((form) => text.includes(form)));
}

/** Every file but that of the master key, which is one. */
function filesBelow(folder: string): readonly { readonly name: string; readonly bytes: Buffer }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() && entry.name !== "master-key"
      ? [{ name: entry.name, bytes: readFileSync(join(entry.parentPath, entry.name)) }]
      : [],
  );
}

/** Which secrets stand in which file. */
const foundBelow = (folder: string): readonly string[] =>
  filesBelow(folder).flatMap(({ name, bytes }) =>
    found(bytes).map((secret) => `${secret} in ${name}`),
  );

/** An agent whose tools carry secrets to an API that says back what it was sent. */
async function agentWithSecrets(): Promise<string> {
  await made("PUT", "/v2/integrations/things", {
    ...{ type: "oauth2", issuer: oauth.issuer, client_id: "troupe", client_secret: GIVEN.client },
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
  const token = { integration: "shop", user_key: "ann", secret: GIVEN.token };
  const kept = await made("POST", "/v2/tokens", token, { headers: { "Idempotency-Key": "shop" } });
  expect(kept.id).toBeDefined();
  const { url } = await made("POST", "/v2/tokens/connect", {
    ...{ integration: "things", user_key: "ann" },
  });
  await connect(url);
  const record = await made("POST", "/v2/tools", {
    ...{ name: "record", type: "http_request" },
    config: { url: `${oauth.apiUrl}/x`, headers: { Authorization: `Bearer ${GIVEN.tool}` } },
  });
  const tool = (name: string, auth: string, path = "/x") => ({
    ...{ tool: "http_request", name },
    config: { url: `${oauth.apiUrl}${path}`, auth: { token: auth } },
  });
  const tools = [{ tool: record.id }, tool("things", "things"), tool("shop", "shop")];
  const more = [tool("away", "shop", "/away"), tool("gone", "things")];
  const agent = { name: "Desk", model_name: "gpt-4o-mini", tools: [...tools, ...more] };
  return (await made("POST", "/v2/agents", agent)).id;
}

/** Forgets how the model answers; what it was told is kept. */
function clearProvider(): void {
  prompts.push(...product.provider.calls().map(({ body }) => JSON.stringify(body)));
  product.provider.reset();
}

/** In a browser, as its user. */
async function connect(url: string): Promise<void> {
  const page = await createBrowser(() => product.url).confirm(url);
  expect([page.status, page.text]).toEqual([200, expect.stringContaining("things is connected")]);
  answers.push(page.text);
}

/** What is asked with them, refused, told, streamed and cut. */
async function runEverything(agent: string, key: string): Promise<void> {
  const ask = async (tool: string, more: object = {}) => {
    clearProvider();
    calling([{ name: tool, arguments: {} }], (of) => `It said ${of.prompt.slice(-300)}`);
    const body = { input: `${PLAIN} ${tool}`, user_key: "ann", ...more };
    return await call("POST", `/v2/agents/${agent}/runs`, body, { key });
  };
  const statuses: number[] = [];
  for (const tool of ["record", "things", "shop", "away", "gone"]) {
    statuses.push((await ask(tool)).status);
  }
  expect(statuses).toEqual([200, 200, 200, 200, 200]);
  const sink = `http://127.0.0.1:${port()}`;
  const told = await ask("shop", { mode: "background", webhook: { url: `${sink}/hook` } });
  expect(told.status, JSON.stringify(told.body)).toBe(202);
  await expect.poll(() => delivered.length, WITHIN).toBeGreaterThan(0);
  for (const secret of oauth.asked) {
    const token = secret.replace(/^(Bearer|Basic) /, "");
    if (!secrets.includes(token)) secrets.push(token);
  }
  // The API refuses, with what it was sent in its answer; then the token is renewed.
  for (const header of oauth.asked) oauth.notTaken.add(header);
  await ask("gone");
  for (const header of oauth.asked) secrets.push(header.replace(/^(Bearer|Basic) /, ""));
  oauth.notTaken.clear();
}

const port = (): number => (sink.address() as AddressInfo).port;

/** Providers, callers and callers' mistakes that repeat what they were sent. */
async function fail(agent: string, key: string): Promise<void> {
  const { provider } = product;
  clearProvider();
  const message = `Incorrect API key provided: ${OF_START.provider}. You can find your API key.`;
  for (const status of [401, 403, 400, 429, 500]) {
    provider.when(`fail ${status}`, { error: { status, message } });
    await call("POST", `/v2/agents/${agent}/runs`, { input: `fail ${status}` }, { key });
    await call("POST", "/v1/chat/completions", {
      ...{ model: "gpt-4o-mini", messages: [{ role: "user", content: `fail ${status}` }] },
    });
  }
  provider.when("fail raw", { error: { status: 502, message, rawBody: `<b>${message}</b>` } });
  await call("POST", `/v2/agents/${agent}/runs`, { input: "fail raw" }, { key });
  // A key where none belongs, and bodies that break off after one.
  await call("GET", `/v2/agents?api_key=${key}`, undefined, { key });
  await call("GET", `/v2/agents/${key}`, undefined, { key });
  await call("POST", "/v2/tokens", `{"integration":"shop","secret":"${GIVEN.second}"`, { key });
  await call("POST", "/v2/tokens", {
    ...{ integration: "none", user_key: "ann", secret: GIVEN.second },
  });
  await call("PUT", "/v2/integrations/bad", { type: "oauth2", client_secret: GIVEN.client });
  await call("POST", "/v2/tools", {
    ...{ name: "bad", type: "http_request", config: { headers: { Authorization: GIVEN.tool } } },
  });
  const head = { Authorization: `Basic ${Buffer.from(`user:${key}`).toString("base64")}` };
  await call("GET", "/v2/agents", undefined, { key: "", headers: head });
}

async function backUp(): Promise<void> {
  const begun = await call("POST", "/admin/backup", { path: join(product.folder, "backup") });
  expect(begun.status, JSON.stringify(begun.body)).toBeLessThan(300);
  const status = async (): Promise<string> => (await call("GET", "/admin/backup")).body.status;
  await expect.poll(status, WITHIN).toBe("completed");
}

test("no secret is in the log, the data folder, a backup, metrics, an answer or a prompt", async () => {
  const { body } = await product.call(
    "POST",
    "/admin/keys",
    { name: "own", role: "owner", allowed_services: ["*"] },
    { key: OF_START.admin },
  );
  expect(body.key, JSON.stringify(body)).toEqual(expect.any(String));
  const key = String(body.key);
  secrets.push(key);
  const hook = await product.call("GET", WEBHOOK_SECRET, undefined, { key });
  const { secret } = hook.body;
  expect(secret, JSON.stringify(hook.body)).toMatch(/^whsec_/);
  secrets.push(secret);
  const agent = await agentWithSecrets();
  await runEverything(agent, key);
  clearProvider();
  // Records of every kind, in a tenant of their own.
  const planted = await plantTenant(product, MARK, 1);
  secrets.push(`${MARK}toolsecret`, planted.key);
  await fail(agent, key);
  await backUp();
  const all: EveryRead[] = [
    await readEverything(product, key),
    await readEverything(product, planted.key),
    await readEverything(product, OF_START.admin),
  ];
  const log = [product.server.output() + product.server.errors()];
  await product.kill();
  await product.start();
  await call("POST", `/v2/agents/${agent}/runs`, { input: "Once more.", user_key: "ann" });
  await product.stop();
  log.push(product.server.output() + product.server.errors());

  // Both were really sent, so that there was something to be found.
  const sent = oauth.asked.join(" ");
  for (const secret of [GIVEN.tool, GIVEN.token]) expect(sent).toContain(secret);
  expect(secrets.length).toBeGreaterThan(11);
  expect(log.join("").length).toBeGreaterThan(5_000);
  expect(found(log.join("\n"))).toEqual([]);
  expect(answers.flatMap((text) => found(text).map((secret) => [secret, text]))).toEqual([]);
  expect(found(delivered.join("\n"))).toEqual([]);
  clearProvider();
  expect(prompts.length).toBeGreaterThan(10);
  expect(found(prompts.join("\n"))).toEqual([]);
  const nowhere = all[0]?.unread.filter((one) => all.every(({ unread }) => unread.includes(one)));
  console.log(`secrets.test: of no record: ${nowhere?.join(" ")}`);
  for (const { bodies } of all) {
    expect(bodies.size).toBeGreaterThan(60);
    for (const [path, text] of bodies) {
      if (path !== WEBHOOK_SECRET) expect([path, found(text)]).toEqual([path, []]);
    }
  }
  expect([...(all[2]?.bodies.keys() ?? [])]).toContain("/metrics");
  // What is no secret is found, by the same search, in the data folder and in the backup.
  const files = filesBelow(product.folder).filter(({ bytes }) => bytes.includes(PLAIN));
  expect(files.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["hot.mdb", expect.stringMatching(/backup/)]),
  );
  expect(foundBelow(product.folder)).toEqual([]);
  // The log's file and those of agents are among what was searched.
  expect(readFileSync(join(product.folder, "logs", "troupe.log"), "utf8")).toContain("/v2/agents");
  expect(readdirSync(join(product.folder, "logs", "agents")).length).toBeGreaterThan(0);
}, 120_000);
