// Tokens of a user speak for that user alone, whatever door they come by; those of admins, and those of an
// issuer that does not bind, for any. Keys name users as before.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type IssuerConfig, issuersOf } from "../../adapters/config-identity.ts";
import { createEgress } from "../../adapters/egress.ts";
import { createBearers } from "../../adapters/http/bearer.ts";
import { createTokens } from "../../adapters/identity/tokens.ts";
import { type HttpHost, startHttpHost } from "../support/http-host.ts";
import { signed, startIssuer, type TestIssuer } from "../support/issuer.ts";
import type { Json } from "../support/wire-client.ts";

let issuer: TestIssuer;
let host: HttpHost;
let agent = "";
/** Tokens by name; `ann` and `ben` are developers. */
const tokens = new Map<string, string>();
/** A run of each, with its conversation. */
let annas: Json;
let bens: Json;

const entry = {
  ...{ issuer: "", audience: "troupe", jwksUri: null, algorithms: ["ES256"], tenant: null },
  ...{ tenantClaim: "tenant", role: "viewer" as const, roleClaim: "roles", userClaim: "sub" },
  ...{
    roles: ["dev=developer", "boss=admin"],
    services: ["*"],
    servicesClaim: null,
    resources: [],
    resourcesClaim: null,
    clockSkewS: 60,
  },
};

beforeAll(async () => {
  issuer = await startIssuer();
  const pair = await issuer.addKey("one");
  const problems: string[] = [];
  const configs: readonly IssuerConfig[] = issuersOf(
    [
      { ...entry, name: "corp", issuer: issuer.url, bindUser: "on" },
      {
        ...entry,
        name: "app",
        issuer: `${issuer.url}/`,
        bindUser: "off",
        jwksUri: `${issuer.url}/jwks`,
      },
    ],
    problems,
  );
  expect(problems).toEqual([]);
  const egress = createEgress({ allowedHosts: ["127.0.0.1"] });
  host = await startHttpHost({
    bearers: (keys) => createBearers(createTokens(configs, { egress }), keys),
  });
  const exp = Math.floor(Date.now() / 1_000) + 600;
  const sign = (sub: string, role: string, iss = issuer.url): Promise<string> => {
    const claims = { iss, sub, exp, aud: "troupe", tenant: host.tenant, roles: [role] };
    return signed(pair.privateKey, claims, { kid: "one" });
  };
  tokens.set("ann", await sign("ann", "dev"));
  tokens.set("ben", await sign("ben", "dev"));
  tokens.set("eve", await sign("eve", "boss"));
  tokens.set("app", await sign("app", "dev", `${issuer.url}/`));
  agent = (
    await host.call("POST", "/v2/agents", {
      ...{ name: "Desk", model_name: "m-1", memory: { type: "vector_db" } },
    })
  ).body.id;
  annas = (await as("ann", "POST", `/v2/agents/${agent}/runs`, { input: "Export?" })).body;
  bens = (await as("ben", "POST", `/v2/agents/${agent}/runs`, { input: "Export?" })).body;
});
afterAll(async () => {
  await host.stop();
  await issuer.close();
});

const as = (name: string, method: string, path: string, body?: object) =>
  host.call(method, path, body, { key: tokens.get(name) ?? name });
const get = (name: string, path: string) => as(name, "GET", path);
const chat = (name: string, more: object) =>
  as(name, "POST", "/v1/proxy/core-agent-chat", { agent_key: agent, message: "Export?", ...more });

describe("a token of a user", () => {
  test("speaks for its user without naming it, and for no other", async () => {
    const seen = await get("ann", `/v2/conversations/${annas.conversation_key}`);
    const other = await chat("ann", { user_key: "ben" });
    const run = await as("ann", "POST", `/v2/agents/${agent}/runs`, {
      ...{ input: "Export?", user_key: "ben" },
    });
    const completion = await as("ann", "POST", "/v1/chat/completions", {
      ...{ model: `agent:${agent}`, user: "ben", messages: [{ role: "user", content: "Export?" }] },
    });
    const own = await chat("ann", { user_key: "ann" });

    expect(seen.body.user_key).toBe("ann");
    expect([other.status, run.status, completion.status, own.status]).toEqual([403, 403, 403, 200]);
  });

  test("neither sees nor goes on with what is another's, also by naming that one", async () => {
    const cv = bens.conversation_key;
    const one = `/v2/conversations/${cv}`;
    const answers = [
      await get("ann", one),
      await get("ann", `${one}/messages`),
      await get("ann", `/v1/proxy/core-agent-conversation-details/${cv}`),
      await as("ann", "POST", `${one}/cancel`),
      await as("ann", "DELETE", one),
      await as("ann", "DELETE", `/v1/proxy/core-agent-conversation-delete/${cv}`),
      await get("ann", `/v2/runs/${bens.id}`),
      await get("ann", `/v2/runs/${bens.id}/tree`),
      await as("ann", "POST", `/v2/runs/${bens.id}/cancel`),
      await chat("ann", { conversation_key: cv }),
    ];
    const named = await chat("ann", { conversation_key: cv, user_key: "ben" });

    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 404));
    expect(named.status).toBe(403);
    expect((await get("ben", one)).status).toBe(200);
    expect((await chat("ben", { conversation_key: cv })).status).toBe(200);
  });

  test("goes on with no conversation that is of no user", async () => {
    const nobody = (await chat(host.key, {})).body.data.conversation_key;

    expect((await chat("ann", { conversation_key: nobody })).status).toBe(404);
    expect((await get("ann", `/v2/conversations/${nobody}`)).status).toBe(404);
    expect((await chat(host.key, { conversation_key: nobody })).status).toBe(200);
  });

  test("lists what is its user's", async () => {
    const users = async (path: string): Promise<Json> =>
      (await get("ann", path)).body.data.map(({ user_key }: Json) => user_key);
    const runs = (await get("ann", "/v2/runs?limit=100")).body.data.map(({ id }: Json) => id);

    expect(new Set(await users(`/v2/conversations?agent_key=${agent}`))).toEqual(new Set(["ann"]));
    expect(new Set(await users(`/v1/proxy/core-agent-conversations?agent_key=${agent}`))).toEqual(
      new Set(["ann"]),
    );
    expect((await get("ann", "/v2/conversations?user_key=ben")).status).toBe(403);
    expect(runs).toContain(annas.id);
    expect(runs).not.toContain(bens.id);
  });

  test("has the memories of its user alone", async () => {
    const kept = async (user_key: string): Promise<Json> =>
      (
        await as(host.key, "POST", "/v2/memories", {
          agent_key: agent,
          user_key,
          text: `${user_key} likes tea.`,
        })
      ).body;
    const [own, other] = [await kept("ann"), await kept("ben")];
    const of = (more: string) => get("ann", `/v2/memories?agent_key=${agent}${more}`);

    expect((await of("&user_key=ann")).body.data.map(({ id }: Json) => id)).toEqual([own.id]);
    expect([(await of("&user_key=ben")).status, (await of("")).status]).toEqual([403, 400]);
    expect((await as("ann", "DELETE", `/v2/memories?agent_key=${agent}`)).status).toBe(400);
    expect((await get("ann", `/v2/memories/${own.id}`)).status).toBe(200);
    expect((await get("ann", `/v2/memories/${other.id}`)).status).toBe(404);
    expect((await as("ann", "DELETE", `/v2/memories/${other.id}`)).status).toBe(404);
    const search = (user_key?: string) =>
      as("ann", "POST", `/v2/agents/${agent}/history/search`, {
        ...{ query: "export", ...(user_key && { user_key }) },
      });
    expect([(await search("ben")).status, (await search()).status]).toEqual([403, 400]);
    expect((await search("ann")).status).toBe(200);
  });

  test("has threads, tasks and responses of its own", async () => {
    const thread = `/v2/agents/${agent}/ui-chat/shared/messages`;
    for (const name of ["ann", "ben"]) {
      const parts = [{ type: "text", text: `It is ${name}.` }];
      const said = await fetch(`${host.url}/v2/agents/${agent}/ui-chat`, {
        method: "POST",
        headers: { "X-API-Key": tokens.get(name) ?? "", "Content-Type": "application/json" },
        body: JSON.stringify({ id: "shared", messages: [{ id: name, role: "user", parts }] }),
      });
      expect(await said.text()).toContain("[DONE]");
    }
    const shown = JSON.stringify((await get("ann", thread)).body);
    const byKey = await get("ann", `/v2/agents/${agent}/ui-chat/${bens.conversation_key}/messages`);
    const tasks = await get("ann", `/a2a/${agent}/tasks?pageSize=100&A2A-Version=1.0`);
    const task = await get("ann", `/a2a/${agent}/tasks/${bens.id}?A2A-Version=1.0`);
    const response = await as("ben", "POST", "/v1/responses", {
      ...{ model: `agent:${agent}`, input: "Export?" },
    });

    expect(shown).toContain("It is ann.");
    expect(shown).not.toContain("It is ben.");
    expect(byKey.body).toEqual({ messages: [] });
    expect(JSON.stringify(tasks.body)).toContain(annas.id);
    expect(JSON.stringify(tasks.body)).not.toContain(bens.id);
    expect(task.status).toBe(404);
    expect((await get("ben", `/v1/responses/${response.body.id}`)).status).toBe(200);
    expect((await get("ann", `/v1/responses/${response.body.id}`)).status).toBe(404);
  });
});

test("tokens of admins, of an issuer that does not bind, and keys speak for any user", async () => {
  for (const name of ["eve", "app", host.key]) {
    expect((await get(name, `/v2/conversations/${bens.conversation_key}`)).status).toBe(200);
    expect((await chat(name, { user_key: "ben" })).status).toBe(200);
    const more = { user_key: "ben", conversation_key: bens.conversation_key };
    expect((await chat(name, more)).status).toBe(200);
  }
});
