// Tokens that end soon are renewed before anybody needs them: by the real process, killed and started when their
// time has come, against a real OAuth server. What takes days is in actors/credentials/renewal-simulated.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  CLIENT_SECRET,
  createBrowser,
  type OAuthServer,
  PUBLIC_URL,
  startOAuthServer,
} from "../support/oauth-server.ts";
import { type Product, startProduct } from "../support/product.ts";
import { toolTalk } from "../support/tool-talk.ts";
import type { Json } from "../support/wire-client.ts";

const WITHIN = { timeout: 20_000, interval: 50 };
/** Of tokens that live an hour all are due then. */
const DUE_MS = 55 * 60_000 + 5_000;
const HOUR_MS = 3_600_000;
const clock = new URL("../support/set-clock.js", import.meta.url);

let oauth: OAuthServer;
let product: Product;
let hooks: Server;
const told: { readonly headers: Record<string, string>; readonly body: string }[] = [];
let [users, aheadMs] = [0, 0];

beforeAll(async () => {
  oauth = await startOAuthServer();
  hooks = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request.setEncoding("utf8")) body += piece;
    told.push({ headers: request.headers as Record<string, string>, body });
    response.end();
  });
  await new Promise<void>((resolve) => hooks.listen(0, "127.0.0.1", resolve));
  product = await startProduct({
    preload: clock,
    config: [
      ...["tools:", "  hosts: [127.0.0.1]", "webhooks:", "  hosts: [127.0.0.1]", "integrations:"],
      ...["  - name: given", "    tenants: ['*']", `    issuer: ${oauth.issuer}`],
      ...[
        "    client_id: troupe",
        "    client_secret: $\u007bGIVEN_SECRET}",
        "    scopes: [things]",
      ],
      ...["    authorization_params: [prompt=consent]", "    allowed_hosts: [127.0.0.1]", ""],
    ].join("\n"),
    env: { TROUPE_PUBLIC_URL: PUBLIC_URL, TROUPE_WORKERS: "2", GIVEN_SECRET: CLIENT_SECRET },
  });
  await made("PUT", "/v2/integrations/things", {
    ...{ type: "oauth2", issuer: oauth.issuer, client_id: "troupe", client_secret: CLIENT_SECRET },
    // Without OpenID: its tokens have times of their own, which a clock that is set forward does not take.
    ...{ scopes: ["things"], allowed_hosts: ["127.0.0.1"] },
    authorization_params: { prompt: "consent" },
    webhook_url: `http://127.0.0.1:${(hooks.address() as AddressInfo).port}/hook`,
  });
});
afterEach(() => oauth.reset());
afterAll(async () => {
  await product.end();
  await oauth.close();
  hooks.closeAllConnections();
  await new Promise((resolve) => hooks.close(resolve));
});

async function made(method: string, path: string, body?: unknown): Promise<Json> {
  const answer = await product.call(method, path, body);
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
  return answer.body;
}
const { calling, results } = toolTalk(() => product);
/** It is killed, and started when so much time has passed. */
async function startedAfter(ms: number): Promise<void> {
  await product.kill();
  aheadMs += ms;
  clock.searchParams.set("aheadMs", String(aheadMs));
  await product.start();
}
async function connected(integration = "things"): Promise<Json> {
  users += 1;
  const user = `user-${users}`;
  const asked = { integration, user_key: user };
  const { url } = await made("POST", "/v2/tokens/connect", asked);
  const page = await createBrowser(() => product.url).confirm(url);
  expect(page.text).toContain(`${integration} is connected`);
  const [token] = (await made("GET", `/v2/tokens?user_key=${user}`)).data;
  oauth.grants.length = 0;
  return token;
}
const tokenOf = (id: string): Promise<Json> => made("GET", `/v2/tokens/${id}`);

test("a token whose time came while nothing ran is renewed before anybody asks for it", async () => {
  // Of the operator's configuration: its secret is in the environment, and in no answer.
  const token = await connected("given");
  expect((await made("GET", "/v2/integrations/given")).source).toBe("operator");

  await startedAfter(DUE_MS);

  await expect.poll(() => oauth.grants, WITHIN).toEqual(["refresh_token"]);
  const endsMs = async () => Date.parse((await tokenOf(token.id)).expires_at);
  await expect.poll(endsMs, WITHIN).toBeGreaterThan(Date.parse(token.expires_at) + 50 * 60_000);
  const audit = await made("GET", `/admin/audit?subject=${token.id}&action=token.refresh&limit=10`);
  expect(audit.data.map((one: Json) => one.by)).toEqual(["refresh"]);
  await made("DELETE", `/v2/tokens/${token.id}`);
});

test("one that the other side has taken back asks for a person, and who is named is told, signed", async () => {
  const token = await connected();
  oauth.instead = (response) => {
    response.writeHead(400, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: "invalid_grant", error_description: "planted words" }));
    return true;
  };

  await startedAfter(DUE_MS);

  await expect.poll(() => told.length, WITHIN).toBe(1);
  expect((await tokenOf(token.id)).status).toBe("auth_required");
  const [{ headers, body } = { headers: {} as Record<string, string>, body: "" }] = told;
  expect(JSON.parse(body)).toMatchObject({
    type: "token.auth_required",
    data: { token: token.id, integration: "things", user_key: token.user_key },
  });
  const { secret } = await made("GET", "/v2/webhooks/secret");
  const signed = new Date(Number(headers["webhook-timestamp"]) * 1_000);
  const signature = new Webhook(secret).sign(headers["webhook-id"] ?? "", signed, body);
  expect(headers["webhook-signature"]).toBe(signature);
  expect(body + JSON.stringify(await tokenOf(token.id))).not.toContain("planted words");
  for (const one of oauth.issued) expect(body).not.toContain(one);
});

test("a run that nobody connects an account for ends its wait after a day, not before, and the model is told", async () => {
  const config = { url: "http://127.0.0.1:1/x", auth: { token: "things" } };
  const tools = [{ tool: "http_request", name: "ask_api", config }];
  const agent = await made("POST", "/v2/agents", { name: "Desk", model_name: "m", tools });
  calling([{ name: "ask_api", arguments: {} }]);
  const asked = { input: "Go.", user_key: "nobody" };
  const { id, waits } = await made("POST", `/v2/agents/${agent.id}/runs`, asked);
  const link = `${PUBLIC_URL}${waits[0].url}`;
  const status = async (): Promise<string> => (await made("GET", `/v2/runs/${id}`)).status;

  await startedAfter(23 * HOUR_MS);
  expect(await status()).toBe("waiting");
  expect((await createBrowser(() => product.url).open(link)).status).toBe(200);
  await startedAfter(HOUR_MS + 1_000);

  await expect.poll(status, WITHIN).toBe("completed");
  expect((await results(id))[0].error).toMatchObject({
    code: "AUTH_REQUIRED",
    message: expect.stringContaining("Nobody has done it in time."),
  });
  expect((await createBrowser(() => product.url).open(link)).status).toBe(404);
});
