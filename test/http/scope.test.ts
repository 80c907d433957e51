// Keys that reach some records alone (`allowed_resources`), by every door. That each route keeps them within
// what they reach: the matrix, column "a key that reaches other records".

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AllowedResources } from "../../actors/records/resource-scope.ts";
import type { Principal } from "../../adapters/http/route.ts";
import { reachOf } from "../../adapters/http/scope/route-reach.ts";
import type { Services } from "../../adapters/http/services/services.ts";
import { createSocketServices } from "../../adapters/http/socket-services.ts";
import { connect } from "../adapters/mcp/mcp-host.ts";
import { type HttpHost, startHttpHost } from "../support/http-host.ts";
import type { Json } from "../support/wire-client.ts";

const UNKNOWN = "0".repeat(26);
let host: HttpHost;
let services: Services;
/** Three of each, as they were made. */
const agents: string[] = [];
const collections: string[] = [];
/** A run of the first and of the second agent. */
const runs: Json[] = [];
/** Reaches the first and the third agent, and the first collection. */
let limited = "";

const make = async (path: string, body: object, key = host.key): Promise<Json> => {
  const made = await host.call("POST", path, body, { key });
  expect(made.status, JSON.stringify(made.body)).toBeLessThan(300);
  return made.body;
};
const keyOf = async (allowed: AllowedResources | null, more: object = {}): Promise<Json> =>
  await make("/admin/keys", {
    ...{ name: "k", role: "owner", allowed_services: ["*"], allowed_resources: allowed },
    ...more,
  });
const as = (key: string) => ({
  get: (path: string) => host.call("GET", path, undefined, { key }),
  send: (method: string, path: string, body?: object) => host.call(method, path, body, { key }),
});
const at = (list: readonly string[], place: number): string => list[place] ?? "";

beforeAll(async () => {
  host = await startHttpHost({
    routes: async (within) => {
      services = within.services;
      return [];
    },
  });
  for (const name of ["One", "Two", "Three"]) {
    agents.push((await make("/v2/agents", { name, model_name: "m-1" })).id);
    collections.push((await make("/v2/knowledge/collections", { name })).id);
  }
  for (const agent of agents.slice(0, 2)) {
    runs.push(await make(`/v2/agents/${agent}/runs`, { input: "How do I export?" }));
  }
  const allowed = { agents: [at(agents, 2), at(agents, 0)], collections: [at(collections, 0)] };
  limited = (await keyOf(allowed)).key;
});
afterAll(() => host.stop());

describe("a list", () => {
  test("has what is reached in pages, and no cursor names anything else", async () => {
    const seen: string[] = [];
    const cursors: string[] = [];
    for (let path = "/v2/agents?limit=1"; path !== ""; ) {
      const { body } = await as(limited).get(path);
      seen.push(...body.data.map(({ id }: Json) => id));
      cursors.push(Buffer.from(body.next_cursor ?? "", "base64url").toString());
      path = body.next_cursor === null ? "" : `/v2/agents?limit=1&cursor=${body.next_cursor}`;
    }

    expect(seen).toEqual([agents[0], agents[2]]);
    expect(cursors).toEqual([expect.stringContaining(at(agents, 0)), ""]);
    expect(cursors.join()).not.toContain(agents[1]);
  });

  test("is filtered, searched and sorted among what is reached", async () => {
    const names = async (query: string): Promise<Json> =>
      (await as(limited).get(`/v2/agents?${query}`)).body.data.map(({ name }: Json) => name);

    expect(await names("sort=-name")).toEqual(["Three", "One"]);
    expect(await names("sort=name")).toEqual(["One", "Three"]);
    expect([await names("q=two"), await names("name=Two"), await names("q=three")]).toEqual([
      ...[[], [], ["Three"]],
    ]);
    const first = (await as(limited).get("/v2/agents?sort=name&limit=1")).body;
    const rest = (await as(limited).get(`/v2/agents?sort=name&limit=1&cursor=${first.next_cursor}`))
      .body;
    expect([rest.data.map(({ name }: Json) => name), rest.next_cursor]).toEqual([["Three"], null]);
  });

  test("counts what is reached, and is not that of another key", async () => {
    await as(host.key).get("/v2/agents");
    const { body } = await as(limited).get("/v1/proxy/core-agents");

    expect([body.data.length, body.pagination.total]).toEqual([2, 2]);
    expect((await as(limited).get("/v2/agents")).body.data.length).toBe(2);
    expect((await as(host.key).get("/v2/agents")).body.data.length).toBe(3);
    expect((await as(limited).get("/v2/teams")).body.data).toEqual([]);
  });

  test("of runs, conversations and collections has those of what is reached", async () => {
    const ids = async (path: string): Promise<Json> =>
      (await as(limited).get(path)).body.data.map(({ id }: Json) => id);

    expect(await ids("/v2/runs")).toEqual([runs[0]?.id]);
    expect(await ids("/v2/conversations")).toEqual([runs[0]?.conversation_key]);
    expect(await ids("/v2/knowledge/collections")).toEqual([collections[0]]);
    const [one, two] = [at(agents, 0), at(agents, 1)];
    expect(await ids(`/v2/conversations?agent_key=${one}`)).toEqual([runs[0]?.conversation_key]);
    expect((await as(limited).get(`/v2/conversations?agent_key=${two}`)).status).toBe(404);
  });
});

describe("what is not reached", () => {
  test("is answered as what is not there, whatever asks", async () => {
    const [run, other] = [runs[1]?.id, `rn_${UNKNOWN}`];
    const cv = runs[1]?.conversation_key;
    const { get, send } = as(limited);
    const chat = (agent_key: string, conversation_key?: string) =>
      send("POST", "/v1/proxy/core-agent-chat", {
        ...{ agent_key, message: "Export?" },
        ...(conversation_key && { conversation_key }),
      });
    const pairs = [
      [await get(`/v2/runs/${run}`), await get(`/v2/runs/${other}`)],
      [await get(`/v2/runs/${run}.1`), await get(`/v2/runs/${other}.1`)],
      [await get(`/v2/conversations/${cv}`), await get(`/v2/conversations/cv_${UNKNOWN}`)],
      [await get(`/v2/agents/${agents[1]}`), await get(`/v2/agents/ag_${UNKNOWN}`)],
      [await chat(at(agents, 1)), await chat(`ag_${UNKNOWN}`)],
      [await chat(at(agents, 0), cv), await chat(at(agents, 0), `cv_${UNKNOWN}`)],
      [await get(`/v1/models/agent:${agents[1]}`), await get(`/v1/models/agent:ag_${UNKNOWN}`)],
    ];

    for (const [hidden, missing] of pairs) {
      const plain = ({ status, body }: Json): string =>
        `${status} ${JSON.stringify(body)}`.replace(/(\b[a-z]{2}|req)_[0-9a-z]{20,}/g, "<id>");
      expect(hidden?.status).toBe(404);
      expect(plain(hidden)).toBe(plain(missing));
    }
  });

  test("cannot be followed by the id of an event in a request to what is", async () => {
    const headers = { "Last-Event-ID": `${runs[1]?.id}:e:1:1` };
    const body = { agent_key: agents[0], message: "Export?", stream: true };
    const path = "/v1/proxy/core-agent-chat";

    const answer = await host.call("POST", path, body, { key: limited, headers });

    expect([answer.status, answer.body.error.message]).toEqual([
      404,
      `Run ${runs[1]?.id} does not exist.`,
    ]);
  });

  test("is closed where nobody has said what a route reaches, and where all would be touched", async () => {
    const { get, send } = as(limited);
    const asked = [
      await get("/admin/usage"),
      await get("/admin/audit"),
      await get("/v2/packs"),
      await get("/v2/webhooks/secret"),
      await send("POST", "/v2/agents", { name: "Four", model_name: "m-1" }),
      await send("POST", "/v2/teams", {
        name: "Own",
        mode: "coordinate",
        members: [{ agent: agents[0] }],
      }),
    ];
    const memories = await get("/v2/memories");

    expect(asked.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403, 403]);
    expect([memories.status, memories.body.parameter]).toEqual([400, "agent_key"]);
    const unsaid = { method: "GET", pattern: "/v2/something/new" } as const;
    expect(reachOf({ ...unsaid, service: "x", errors: "problem", handler: never })).toBe(null);
  });

  test("is not come to by way of a record that is reached", async () => {
    const path = `/v2/agents/${agents[0]}`;
    const change = (body: object) => as(limited).send("PATCH", path, body);
    const one = { description: "d", trigger: { keywords: ["k"] }, name: "Docs", use_rag: true };
    const hidden = await change({ collection_ids: [collections[1]] });
    const missing = await change({ collection_ids: [`cl_${UNKNOWN}`] });
    const asked = await change({ tools: [{ tool: "delegate", config: { agent: agents[1] } }] });
    const sub = await as(limited).send("POST", `${path}/sub-agents`, {
      ...one,
      collection_key: collections[1],
    });

    expect([hidden.status, hidden.body.pointer, hidden.body.detail]).toEqual([
      ...[400, "/collection_ids/0", `Collection ${collections[1]} does not exist.`],
    ]);
    expect(missing.body.detail).toBe(`Collection cl_${UNKNOWN} does not exist.`);
    expect([asked.status, asked.body.pointer]).toEqual([400, "/tools/0/config/agent"]);
    expect([sub.status, sub.body.pointer]).toEqual([400, "/collection_key"]);
    expect((await change({ collection_ids: [collections[0]] })).status).toBe(200);
  });

  test("may stay where a record names it already", async () => {
    const path = `/v2/agents/${agents[2]}`;
    await host.call("PATCH", path, { collection_ids: [collections[1]] });

    const changed = await as(limited).send("PATCH", path, {
      collection_ids: [collections[1], collections[0]],
    });

    expect([changed.status, changed.body.collection_ids]).toEqual([
      200,
      [collections[1], collections[0]],
    ]);
  });

  test("is not named by a refused deletion or among those that use a record", async () => {
    const body = { name: "Hidden team", mode: "coordinate", members: [{ agent: agents[0] }] };
    const team = await make("/v2/teams", body);
    const { key } = await keyOf({ agents: ["*"], prompts: ["*"] });

    const refused = await as(key).send("DELETE", `/v2/agents/${agents[0]}`);
    const told = await host.call("DELETE", `/v2/agents/${agents[0]}`);

    expect([refused.status, told.status]).toEqual([409, 409]);
    expect(refused.body.detail).toContain("1 others");
    expect(refused.body.detail).not.toContain(team.id);
    expect(refused.body.detail).not.toContain("Hidden team");
    expect(told.body.detail).toContain("Hidden team");
    await host.call("DELETE", `/v2/teams/${team.id}`);
  });
});

describe("other doors", () => {
  test("list as models, and card, what is reached alone", async () => {
    const models = (await as(limited).get("/v1/models")).body.data.map(({ id }: Json) => id);
    const { key } = await keyOf({ agents: [at(agents, 1)] });
    const card = await as(key).get("/.well-known/agent-card.json");

    expect(models.filter((id: string) => id.startsWith("agent:"))).toEqual([
      `agent:${agents[0]}`,
      `agent:${agents[2]}`,
    ]);
    expect([card.status, card.body.name]).toEqual([200, "Two"]);
  });

  test("MCP has tools of what is reached, and no result of another run", async () => {
    const client = await connect(host.url, limited, "older");
    const { tools } = await client.listTools();
    const call = (name: string, args: Record<string, unknown>) =>
      client.callTool({ name, arguments: args });

    expect(tools.map(({ name }) => name).filter((name) => /^(ag|search)_/.test(name))).toEqual([
      ...[agents[0], agents[2], expect.stringContaining(at(collections, 0))],
    ]);
    await expect(call(at(agents, 1), { message: "Export?" })).rejects.toThrow("There is no tool");
    const result = tools.find(({ inputSchema }) => "run_id" in (inputSchema.properties ?? {}));
    const told = await call(result?.name ?? "", { run_id: runs[1]?.id });
    expect(JSON.stringify(told)).toContain(`Run ${runs[1]?.id} does not exist.`);
    const own = await call(result?.name ?? "", { run_id: runs[0]?.id });
    expect(JSON.stringify(own)).toContain("You can export from Settings.");
    await client.close();
  });

  test("WebSockets start and follow what is reached alone", async () => {
    const who: Principal = {
      ...{ tenant: host.tenant, keyId: "ak_1", isServer: false, role: "owner", via: "key" },
      ...{ allowedServices: ["*"], expiresAt: null },
      allowedResources: { agents: [at(agents, 0)] },
    };
    const sockets = createSocketServices({
      ...{ system: host.system, chat: services.chat },
      authenticator: { authenticateKey: never } as never,
      rates: { take: never } as never,
    });
    const options = { idempotencyKey: null, signal: new AbortController().signal };
    const first = async (frames: AsyncIterable<unknown>): Promise<unknown> => {
      for await (const frame of frames) return frame;
      return null;
    };
    const chat = (agent_key: string) =>
      first(sockets.startChat(who, { agent_key, message: "Export?" }, options));
    const follow = (run: string) => first(sockets.follow(who, run, { signal: options.signal }));

    await expect(chat(at(agents, 1))).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(follow(runs[1]?.id)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(sockets.cancel(who, runs[1]?.id, "no")).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    expect(await chat(at(agents, 0))).not.toBe(null);
    expect(await follow(runs[0]?.id)).not.toBe(null);
  });
});

describe("a key", () => {
  test("makes none that reaches further, and by default one that reaches as far", async () => {
    const admin = await keyOf({ agents: [at(agents, 0)] });
    const body = (allowed_resources?: object | null) => ({
      ...{ name: "made", role: "viewer", allowed_services: ["agents"] },
      ...(allowed_resources !== undefined && { allowed_resources }),
    });
    const asked = async (allowed?: object | null): Promise<Json> => {
      const { status, body: told } = await as(admin.key).send("POST", "/admin/keys", body(allowed));
      return [status, told.pointer ?? told.allowed_resources];
    };

    expect(await asked()).toEqual([201, { agents: [agents[0]] }]);
    expect(await asked({ agents: [] })).toEqual([201, { agents: [] }]);
    expect(await asked(null)).toEqual([403, "/allowed_resources"]);
    expect(await asked({ agents: [agents[0], agents[1]] })).toEqual([
      ...[403, "/allowed_resources/agents/1"],
    ]);
    expect(await asked({ agents: ["*"] })).toEqual([403, "/allowed_resources/agents/0"]);
    expect(await asked({ teams: ["*"] })).toEqual([403, "/allowed_resources/teams/0"]);
    expect(await asked({ agents: ["tm_1"] })).toEqual([400, "/allowed_resources/agents/0"]);
  });

  test("widens neither itself nor another, and sees none that reaches further", async () => {
    const admin = await keyOf({ agents: [at(agents, 0)] });
    const wider = await keyOf({ agents: [at(agents, 0), at(agents, 1)] }, { role: "viewer" });
    const whole = await keyOf(null, { role: "viewer" });
    const narrower = await keyOf({ agents: [] }, { role: "viewer" });
    const { get, send } = as(admin.key);
    const widen = (id: string) =>
      send("PATCH", `/admin/keys/${id}`, { allowed_resources: { agents: ["*"] } });

    expect((await widen(admin.id)).status).toBe(403);
    expect((await widen(narrower.id)).status).toBe(403);
    for (const { id } of [wider, whole]) {
      expect((await widen(id)).status).toBe(404);
      expect((await send("POST", `/admin/keys/${id}/rotate`)).status).toBe(404);
      expect((await send("DELETE", `/admin/keys/${id}`)).status).toBe(404);
    }
    expect((await send("POST", `/admin/keys/${narrower.id}/rotate`)).status).toBe(200);
    const listed = (await get("/admin/keys?limit=100")).body.data.map(({ id }: Json) => id);
    expect(listed).toEqual(expect.arrayContaining([admin.id, narrower.id]));
    expect(listed).not.toContain(wider.id);
    expect(listed).not.toContain(whole.id);
  });

  test("is narrowed from the next request on, and widened by who reaches more", async () => {
    const { id, key } = await keyOf(null);
    const path = `/v2/agents/${agents[1]}`;
    const set = (allowed_resources: object | null) =>
      host.call("PATCH", `/admin/keys/${id}`, { allowed_resources });
    const status = async (): Promise<number> => (await as(key).get(path)).status;
    expect(await status()).toBe(200);

    await set({ agents: [at(agents, 0)] });
    expect(await status()).toBe(404);
    await set({ agents: ["*"] });
    expect(await status()).toBe(200);
    expect((await as(key).send("POST", "/v2/agents", { name: "F", model_name: "m" })).status).toBe(
      201,
    );
    expect((await set(null)).body.allowed_resources).toBe(null);
  });
});

function never(): never {
  throw new Error("It is not asked.");
}
