// The whole door over both servers: who may call what, and how each refusal looks.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Type } from "../../actors/schema.ts";
import { revoked } from "../../adapters/http/admin/key-changes.ts";
import { anOwner, createAuthenticator, principalOfAdmin } from "../../adapters/http/auth.ts";
import { createDoor, type Door } from "../../adapters/http/door.ts";
import { createGuesses } from "../../adapters/http/guesses.ts";
import { createKeyStore, type KeyStore } from "../../adapters/http/keys.ts";
import { createLoginRoutes } from "../../adapters/http/login.ts";
import { createOriginRules } from "../../adapters/http/origin.ts";
import { createRateLimiter } from "../../adapters/http/rate.ts";
import { envelope, json } from "../../adapters/http/reply.ts";
import type { RequestLine } from "../../adapters/http/request-line.ts";
import { createRouteTable, defineRoute } from "../../adapters/http/route.ts";
import type { Server } from "../../adapters/http/server.ts";
import { createSessions, type Sessions } from "../../adapters/http/sessions.ts";
import { idleGate } from "./bare-door.ts";
import { memoryTables, tablesOnly } from "./memory-tables.ts";
import { Raw, servers, testLimits } from "./servers.ts";

const ADMIN = "admin-key-of-the-test";
const body = Type.Object(
  {
    name: Type.String({ maxLength: 10 }),
    nested: Type.Optional(
      Type.Object({ "a/b": Type.Optional(Type.Integer()) }, { additionalProperties: false }),
    ),
    any: Type.Optional(Type.Unknown()),
  },
  { additionalProperties: false },
);

const routes = [
  defineRoute({
    method: "POST",
    pattern: "/v1/proxy/core-agent-create",
    service: "core-agent-create",
    errors: "envelope",
    body,
    handler: (context) => envelope(context, { name: context.body.name }),
  }),
  defineRoute({
    method: "GET",
    pattern: "/v1/proxy/core-agent-conversations",
    service: "core-agent-conversations",
    errors: "envelope",
    handler: (context) => envelope(context, []),
  }),
  defineRoute({
    method: "GET",
    pattern: "/v2/agents/{id}",
    service: "agents",
    errors: "problem",
    handler: ({ params, principal }) => json(200, { ...params, tenant: principal.tenant }),
  }),
  defineRoute({
    method: "DELETE",
    pattern: "/v2/agents/{id}",
    service: "agents",
    errors: "problem",
    handler: ({ principal }) => json(200, { via: principal.via }),
  }),
  defineRoute({
    method: "GET",
    pattern: "/admin/keys",
    service: "admin",
    permission: "keys.manage",
    errors: "problem",
    handler: () => json(200, []),
  }),
  defineRoute({
    method: "GET",
    pattern: "/v1/fails",
    service: "fails",
    permission: "models.read",
    errors: "openai",
    handler: () => {
      throw new Error("password=hunter2");
    },
  }),
];

describe.each(servers)("the door on the %s server", (_name, listen) => {
  let server: Server;
  let door: Door;
  let keys: KeyStore;
  let sessions: Sessions;
  let lines: RequestLine[];

  async function startDoor(perSecond = 10_000, failuresPerMinute = 50): Promise<void> {
    const tables = memoryTables();
    lines = [];
    sessions = createSessions(60_000);
    const all = [...routes, ...createLoginRoutes(sessions)];
    keys = createKeyStore({ tables, services: createRouteTable(all).services });
    await keys.createTenant({ name: "one", id: "tn_one" });
    door = createDoor({
      routes: all,
      system: tablesOnly(tables),
      authenticator: createAuthenticator({
        keys,
        sessions,
        guesses: createGuesses(failuresPerMinute),
        adminKey: ADMIN,
        adminTenant: "tn_default",
      }),
      origins: createOriginRules({ hosts: [], origins: ["https://app.example.com"] }),
      rates: createRateLimiter({ perSecond, burst: perSecond }),
      gate: idleGate(),
      log: (line) => lines.push(line),
    });
    server = await listen({ host: "127.0.0.1", port: 0, limits: testLimits, door });
  }
  beforeEach(() => startDoor());
  afterEach(() => server.close());

  async function call(
    path: string,
    init: { method?: string; body?: unknown; headers?: Record<string, string>; key?: string } = {},
  ): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
    const { body: sent } = init;
    const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, {
      method: init.method ?? (sent === undefined ? "GET" : "POST"),
      headers: {
        ...(sent === undefined ? {} : { "Content-Type": "application/json" }),
        ...(init.key === "" ? {} : { "X-API-Key": init.key ?? ADMIN }),
        ...init.headers,
      },
      ...(sent === undefined
        ? {}
        : {
            body:
              typeof sent === "string" || sent instanceof Uint8Array
                ? (sent as string)
                : JSON.stringify(sent),
          }),
      redirect: "manual",
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      body: text.startsWith("{") ? JSON.parse(text) : { text },
    };
  }
  const create = (sent: unknown) => call("/v1/proxy/core-agent-create", { body: sent });

  test("a good request comes back in the envelope with the id of its header", async () => {
    const answer = await create({ name: "x" });

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      status: "success",
      data: { name: "x" },
      gateway: {
        request_id: answer.headers.get("x-request-id"),
        service: "core-agent-create",
      },
    });
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("ratelimit")).toMatch(/^"key";r=\d+;t=\d+$/);
  });

  test("what only looks like a name twice, or like bad UTF-8, is taken as it is", async () => {
    const value = [{ b: 'a":"\\"' }, { b: '{"b":1,"b":2}' }, "__proto__: \ufffd ü"];
    expect((await create({ name: "x", any: value })).status).toBe(200);
  });

  const nest = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  test.each([
    ["an unknown field", { name: "x", "a/b~": 1 }, "UNKNOWN_FIELD", "/a~1b~0"],
    ["a nested unknown field", { name: "x", nested: { c: 1 } }, "UNKNOWN_FIELD", "/nested/c"],
    ["a wrong type", { name: "x", nested: { "a/b": "1" } }, "INVALID", "/nested/a~1b"],
    ["a missing field", {}, "INVALID", "/name"],
    ["a text that is too long", { name: "x".repeat(11) }, "INVALID", "/name"],
    ["an array", [], "INVALID", ""],
    ["an empty body", "", "INVALID", ""],
    ["broken JSON", '{"name":', "BAD_JSON", undefined],
    ["two values", '{"name":"x"}{}', "BAD_JSON", undefined],
    ["bad UTF-8", Uint8Array.of(0x7b, 0xff, 0x7d), "BAD_ENCODING", undefined],
    ["a name twice", '{"name":"x","any":{"b":1,"\\u0062":2}}', "INVALID", "/any/b"],
    ["a prototype name", '{"name":"x","any":[0,{"__proto__":{}}]}', "INVALID", "/any/1/__proto__"],
    ["a constructor name", '{"name":"x","any":{"constructor":1}}', "INVALID", "/any/constructor"],
    ["deep nesting", `{"name":"x","any":${nest(32)}}`, "TOO_DEEP", `/any${"/0".repeat(31)}`],
    ["very deep nesting", nest(40_000), "TOO_DEEP", "/0".repeat(32)],
  ])("%s is a 400 with its place", async (_case, sent, code, pointer) => {
    const answer = await create(sent);

    expect(answer.status).toBe(400);
    expect(answer.body["error"]).toMatchObject({
      code,
      ...(pointer === undefined ? {} : { pointer }),
    });
    expect((await create({ name: "x", any: JSON.parse(nest(31)) })).status).toBe(200);
  });

  test("another content type is refused, so that no plain form of a web page passes", async () => {
    const answer = await call("/v1/proxy/core-agent-create", {
      body: '{"name":"x"}',
      headers: { "Content-Type": "text/plain" },
    });

    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain("application/json");
  });

  test("a body over the limit is 413 in the style of its route", async () => {
    const answer = await create({ name: "x".repeat(200_000) });

    expect(answer.status).toBe(413);
    expect(answer.body["error"]).toMatchObject({ code: "BODY_TOO_LARGE" });
  });

  test("each surface has its own errors, its 405 with Allow and its 404", async () => {
    const envelopeStyle = await call("/v1/proxy/core-agent-create");
    const problem = await call("/v2/agents/ag_1", { method: "PUT" });
    const openai = await call("/v1/nothing");
    const unknown = await call("/v2/nothing/at/all");

    expect([envelopeStyle.status, problem.status]).toEqual([405, 405]);
    expect(envelopeStyle.headers.get("allow")).toBe("POST, OPTIONS");
    expect(problem.headers.get("allow")).toBe("GET, DELETE, HEAD, OPTIONS");
    expect(envelopeStyle.body).toMatchObject({
      status: "error",
      gateway: { service: "core-agent-create" },
    });
    expect(problem.headers.get("content-type")).toContain("application/problem+json");
    expect(problem.body).toMatchObject({ status: 405, code: "METHOD_NOT_ALLOWED" });
    expect(openai.body).toMatchObject({ error: { type: "not_found_error", param: null } });
    expect(unknown.body).toMatchObject({ status: 404, code: "NOT_FOUND" });
  });

  test("a programmer's error shows nothing of itself but is in the log", async () => {
    const answer = await call("/v1/fails");

    expect(answer.status).toBe(500);
    expect(JSON.stringify(answer.body)).not.toContain("hunter2");
    expect(answer.body).toMatchObject({ error: { type: "server_error" } });
    expect(lines.at(-1)).toMatchObject({ status: 500, code: "INTERNAL", path: "/v1/fails" });
  });

  test("no key, a wrong key, an expired and a revoked one all look alike", async () => {
    const { key, record } = await keys.createKey("tn_one", { name: "k" });
    const soon = await keys.createKey("tn_one", {
      name: "soon",
      expires_at: new Date(Date.now() + 40).toISOString(),
    });
    const path = "/v2/agents/ag_1";
    const valid = await call(path, { key });
    const bearer = await call(path, { key: "", headers: { Authorization: `Bearer ${key}` } });
    const near = await call(path, { key: key.slice(0, -1) + (key.endsWith("0") ? "1" : "0") });
    await keys.changeKey("tn_one", record.id, revoked(principalOfAdmin("tn_one"), Date.now()));
    await expect.poll(async () => (await call(path, { key: soon.key })).status).toBe(401);
    const expired = await call(path, { key: soon.key });
    const refused = [
      await call(path, { key }),
      near,
      await call(path, { key: "nonsense" }),
      expired,
    ];

    expect([valid.status, bearer.status]).toEqual([200, 200]);
    expect(valid.body).toEqual({ id: "ag_1", tenant: "tn_one" });
    expect((await call(path, { key: "" })).status).toBe(401);
    expect(refused.map((answer) => answer.status)).toEqual([401, 401, 401, 401]);
    expect(new Set(refused.map((answer) => answer.body["detail"])).size).toBe(1);
    expect(JSON.stringify(refused)).not.toContain("tn_one");
  });

  test("a new key lacks the conversation services, and a developer the routes of who manages keys", async () => {
    const { key } = await keys.createKey("tn_one", { name: "k" });
    const named = await keys.createKey("tn_one", {
      name: "n",
      role: "owner",
      allowed_services: ["core-agent-conversations", "admin"],
    });
    const path = "/v1/proxy/core-agent-conversations";

    const refused = await call(path, { key });
    expect(refused.status).toBe(403);
    expect(JSON.stringify(refused.body)).toContain("core-agent-conversations");
    expect((await call(path, { key: named.key })).status).toBe(200);
    expect((await call("/admin/keys", { key })).status).toBe(403);
    expect((await call("/admin/keys", { key: named.key })).status).toBe(200);
    expect((await call("/v2/agents/ag_1", { key: named.key })).status).toBe(403);
  });

  test("keys are stored hashed and listed by tenant without their hash", async () => {
    await keys.createTenant({ name: "two", id: "tn_two" });
    const { key } = await keys.createKey("tn_one", { name: "k" });
    await keys.createKey("tn_two", { name: "other" });

    const list = await keys.listKeys("tn_one", { limit: 10 });

    expect(list.map((shown) => shown.name)).toEqual(["k"]);
    expect(JSON.stringify(list)).not.toContain(key);
    expect(JSON.stringify(list)).not.toContain("hash");
    expect(key.startsWith(list[0]?.prefix ?? "none")).toBe(true);
    await expect(keys.changeKey("tn_two", list[0]?.id ?? "", (from) => from)).rejects.toMatchObject(
      {
        code: "NOT_FOUND",
      },
    );
  });

  test("a key over its rate is 429 with Retry-After, others go on", async () => {
    await server.close();
    await startDoor(3);
    const { key } = await keys.createKey("tn_one", { name: "k" });

    const answers = await Promise.all(
      Array.from({ length: 8 }, () => call("/v2/agents/ag_1", { key })),
    );
    const refused = answers.filter((answer) => answer.status === 429);

    expect(refused.length).toBeGreaterThanOrEqual(4);
    expect(refused[0]?.headers.get("retry-after")).toBe("1");
    expect((await call("/v2/agents/ag_1")).status).toBe(200);
  });

  test("an address that guesses keys is slowed, a known key from it is not", async () => {
    await server.close();
    await startDoor(10_000, 3);
    const { key } = await keys.createKey("tn_one", { name: "k" });
    await call("/v2/agents/ag_1", { key });

    const statuses: number[] = [];
    for (let at = 0; at < 5; at += 1) {
      statuses.push((await call("/v2/agents/ag_1", { key: `guess${at}` })).status);
    }

    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    expect((await call("/v2/agents/ag_1", { key })).status).toBe(200);
  });

  test("a name that is not ours is 421, foreign pages are 403 on what has effects", async () => {
    const ask = async (host: string): Promise<string> => {
      const raw = new Raw(server.port).write(
        `GET /v2/agents/ag_1 HTTP/1.1\r\nHost: ${host}\r\nX-API-Key: ${ADMIN}\r\n\r\n`,
      );
      const got = await raw.until((sofar) => sofar.includes("\r\n\r\n"));
      raw.end();
      return got.slice(9, 12);
    };
    const from = (origin: string) =>
      call("/v1/proxy/core-agent-create", { body: { name: "x" }, headers: { Origin: origin } });

    expect(await ask("localhost:8080")).toBe("200");
    expect(await ask(`127.0.0.1:${server.port}`)).toBe("200");
    expect(await ask("attacker.example:8080")).toBe("421");
    expect((await from("https://attacker.example")).status).toBe(403);
    expect((await from("null")).status).toBe(403);
    const allowed = await from("https://app.example.com");
    expect(allowed.status).toBe(200);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://app.example.com");
    expect((await from(`http://127.0.0.1:${server.port}`)).status).toBe(200);
  });

  test("a sign-in link works once and its cookie needs our own page to change things", async () => {
    const code = sessions.createCode(anOwner("tn_one"));
    const first = await call(`/login?code=${code}`, { key: "" });
    const again = await call(`/login?code=${code}`, { key: "" });
    const setCookie = first.headers.get("set-cookie") ?? "";
    const cookie = setCookie.split(";")[0] ?? "";
    const own = `http://127.0.0.1:${server.port}`;
    const remove = (headers: Record<string, string>) =>
      call("/v2/agents/ag_1", {
        method: "DELETE",
        key: "",
        headers: { Cookie: cookie, ...headers },
      });

    expect([first.status, again.status]).toEqual([303, 401]);
    expect(setCookie).toMatch(/HttpOnly; SameSite=Strict/);
    expect((await call("/v2/agents/ag_1", { key: "", headers: { Cookie: cookie } })).body).toEqual({
      id: "ag_1",
      tenant: "tn_one",
    });
    expect((await remove({})).status).toBe(403);
    expect((await remove({ Origin: "https://app.example.com" })).status).toBe(403);
    expect((await remove({ Origin: own })).body).toEqual({ via: "cookie" });
    await call("/logout", { method: "POST", key: "", headers: { Cookie: cookie, Origin: own } });
    expect((await remove({ Origin: own })).status).toBe(401);
  });

  test("health says live and ready, and a stopping door refuses all else with 503", async () => {
    const before = await call("/health", { key: "" });
    door.stop();
    const ready = await call("/health/ready", { key: "" });
    const other = await call("/v2/agents/ag_1");

    expect(before.body).toEqual({ status: "ok", live: true, ready: true });
    expect(ready.status).toBe(503);
    expect(other.status).toBe(503);
    expect(other.headers.get("retry-after")).toBe("5");
    expect((await call("/health/live", { key: "" })).status).toBe(200);
  });
});
