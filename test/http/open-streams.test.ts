// Streams that are open when their reader may no longer read: each protocol says so in its own words and
// ends, what is asked goes on, and nobody else's stream does more than before.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Bearers } from "../../adapters/http/bearer.ts";
import { OpenStreams } from "../../adapters/http/open-streams.ts";
import { json } from "../../adapters/http/reply.ts";
import { defineRoute, type Principal, type RouteContext } from "../../adapters/http/route.ts";
import type { ResponseSink } from "../../adapters/http/server.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { connect, eras } from "../adapters/mcp/mcp-host.ts";
import { type HttpHost, startHttpHost } from "../support/http-host.ts";
import { createGate, type Gate } from "../support/scripted-llm.ts";
import { watching } from "../support/watching-socket.ts";
import type { Json } from "../support/wire-client.ts";
import { bareDoor, bareRequest, idleGate } from "./bare-door.ts";

let host: HttpHost;
const admin = () => ({ key: host.adminKey });
let agent = "";
let gate: Gate;
/** Tokens that are taken now. */
const tokens = new Set<string>();
/** How often one was looked at. */
let proofs = 0;
const bearers = (): Bearers => ({
  isToken: (text) => text.startsWith("token-"),
  known: () => null,
  find: async (text) => {
    proofs += 1;
    return tokens.has(text) ? anyone(host.tenant) : null;
  },
});
const anyone = (tenant: string): Principal => ({
  ...{ tenant, keyId: "jwt.test.1", isServer: false, role: "owner", via: "token" },
  ...{ allowedServices: ["*"], expiresAt: null },
});

beforeAll(async () => {
  host = await startHttpHost({ streamProofMs: 50, bearers });
  agent = (await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" })).body.id;
});
afterAll(() => host.stop());
beforeEach(() => {
  gate = createGate();
  host.llm.script = async ({ write, signal }) => {
    write("Hello. ");
    await gate.wait(signal);
    return "Hello. That is all.";
  };
});

interface Opened {
  /** Resolves when some of the answer is there. */
  readonly begun: Promise<void>;
  /** All of it, when it has ended; rejects where the connection was cut. */
  readonly whole: Promise<string>;
}

/** A stream of the answer, as it is on the wire. */
function open(path: string, key: string, body?: Json, headers: Json = {}): Opened {
  let began = (): void => undefined;
  const begun = new Promise<void>((resolve) => {
    began = resolve;
  });
  const read = async (): Promise<string> => {
    const answer = await fetch(host.url + path.replace("AGENT", agent), {
      method: body === undefined ? "GET" : "POST",
      headers: { "X-API-Key": key, "Content-Type": "application/json", ...headers },
      ...(body !== undefined && { body: JSON.stringify(body).replaceAll("AGENT", agent) }),
    });
    let text = "";
    for await (const piece of answer.body ?? []) {
      text += Buffer.from(piece).toString();
      if (text.includes("data: ")) began();
    }
    return text;
  };
  return { begun, whole: read() };
}

/** Data of the last events, from the end. */
const lastOf = (text: string): readonly string[] =>
  text
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => line.slice("data: ".length))
    .toReversed();
const made = async (fields: Json = {}): Promise<Json> =>
  (await host.call("POST", "/admin/keys", { name: "k", allowed_services: ["*"], ...fields })).body;
const asked = { model: "agent:AGENT", stream: true };
const said = [{ role: "user", content: "Hi." }];
const chat = {
  path: "/v1/proxy/core-agent-chat",
  body: { agent_key: "AGENT", message: "Hi.", stream: true },
};
const a2aMessage = (messageId: string) => ({
  message: { messageId, role: "ROLE_USER", parts: [{ text: "Hi." }] },
});

describe("each protocol says that its reader may no longer read, and ends its stream", () => {
  interface Kind {
    readonly path: string;
    readonly body: Json;
    readonly headers?: Json;
    /** What the last event has, or the one before it. */
    readonly says: Json;
  }
  const kinds: Readonly<Record<string, Kind>> = {
    chat: { ...chat, says: { error: { code: "UNAUTHENTICATED" } } },
    run: {
      path: "/v2/agents/AGENT/runs",
      body: { input: "Hi.", mode: "stream" },
      says: { code: "UNAUTHENTICATED", status: 401 },
    },
    "OpenAI's chat completions": {
      path: "/v1/chat/completions",
      body: { ...asked, messages: said },
      says: { error: { code: "invalid_api_key", type: "authentication_error" } },
    },
    "OpenAI's Responses": {
      path: "/v1/responses",
      body: { ...asked, input: "Hi." },
      says: { type: "error", code: "invalid_api_key" },
    },
    "Anthropic's Messages": {
      path: "/v1/messages",
      body: { ...asked, messages: said, max_tokens: 100 },
      headers: { "anthropic-version": "2023-06-01" },
      says: { type: "error", error: { type: "authentication_error" } },
    },
    "AG-UI": {
      path: "/v2/agents/AGENT/ag-ui",
      body: { threadId: "t", runId: "r", messages: [{ id: "m", ...said[0] }] },
      says: { type: "RUN_ERROR", code: "UNAUTHENTICATED" },
    },
    "the AI SDK's UI stream": {
      path: "/v2/agents/AGENT/ui-chat",
      body: {
        id: "t2",
        messages: [{ id: "m", role: "user", parts: [{ type: "text", text: "Hi." }] }],
      },
      says: { type: "error", errorText: "The API key is not valid here." },
    },
    "A2A by HTTP+JSON": {
      path: "/a2a/AGENT/message:stream?A2A-Version=1.0",
      body: a2aMessage("m-1"),
      says: { error: { message: "The API key is not valid here." } },
    },
    "A2A by JSON-RPC": {
      path: "/a2a/AGENT?A2A-Version=1.0",
      body: { jsonrpc: "2.0", id: 7, method: "SendStreamingMessage", params: a2aMessage("m-2") },
      says: { id: 7, error: { message: "The API key is not valid here." } },
    },
  };
  test.each(Object.entries(kinds))("%s", async (_name, { path, body, headers, says }) => {
    const { id, key } = await made();
    const stream = open(path, key, body, headers);
    await Promise.race([stream.begun, stream.whole]);
    await host.call("DELETE", `/admin/keys/${id}`);

    const text = await stream.whole;

    const [last = "", before = ""] = lastOf(text);
    const event = JSON.parse(last === "[DONE]" ? before : last);
    expect(event, text).toMatchObject(says);
    gate.open();
  });

  test.each(eras)("MCP, of %s revisions", async (era) => {
    const { id, key } = await made();
    const client = await connect(host.url, key, era);
    const calling = client.callTool({ name: agent, arguments: { message: "Hi." } });
    await gate.reached;
    await host.call("DELETE", `/admin/keys/${id}`);

    const { isError, content } = await calling;

    expect([isError, content]).toEqual([
      true,
      [{ type: "text", text: expect.stringContaining("The API key is not valid here.") }],
    ]);
    gate.open();
    await client.close();
  });
});

describe("a stream ends within the time in which readers are proved anew", () => {
  const opened = async (key: string): Promise<Opened> => {
    const stream = open(chat.path, key, chat.body);
    await stream.begun;
    return stream;
  };
  const codeOf = (text: string): string => JSON.parse(lastOf(text)[0] ?? "").error.code;

  test("when its key ends, or was replaced and the time of both is over", async () => {
    const soon = (): string => new Date(Date.now() + 700).toISOString();
    const [ends, replaced] = [await made({ expires_at: soon() }), await made()];
    const streams = [await opened(ends.key), await opened(replaced.key)];
    const rotated = await host.call("POST", `/admin/keys/${replaced.id}/rotate`, {
      overlap_seconds: 1,
    });
    const other = await opened(rotated.body.key);

    const texts = await Promise.all(streams.map(({ whole }) => whole));
    gate.open();

    expect(texts.map(codeOf)).toEqual(["UNAUTHENTICATED", "UNAUTHENTICATED"]);
    expect(lastOf(await other.whole)[0]).toBe("[DONE]");
  });

  test("when its token is none any more", async () => {
    tokens.add("token-1");
    const stream = await opened("token-1");
    tokens.clear();

    expect(codeOf(await stream.whole)).toBe("UNAUTHENTICATED");
    gate.open();
  });

  test("when its key may no longer use the service, or reaches the agent no longer", async () => {
    const [service, reach] = [await made(), await made()];
    const streams = [await opened(service.key), await opened(reach.key)];
    await host.call("PATCH", `/admin/keys/${service.id}`, { allowed_services: ["runs"] });
    const allowed_resources = { agents: ["ag_other"] };
    await host.call("PATCH", `/admin/keys/${reach.id}`, { allowed_resources });

    const texts = await Promise.all(streams.map(({ whole }) => whole));
    gate.open();

    expect(texts.map(codeOf)).toEqual(["FORBIDDEN", "NOT_FOUND"]);
  });

  test("when its tenant is suspended", async () => {
    const tenant = (await host.call("POST", "/admin/tenants", { name: "T" }, admin())).body.id;
    const key = await host.makeKey(["*"], tenant);
    await host.setBalance(10, tenant);
    const own = await host.call("POST", "/v2/agents", { name: "D", model_name: "m" }, { key });
    const stream = open(chat.path, key, { ...chat.body, agent_key: own.body.id });
    await stream.begun;

    const suspended = host.call("POST", `/admin/tenants/${tenant}/suspend`, undefined, admin());
    const text = await stream.whole;
    gate.open();

    expect([codeOf(text), (await suspended).status]).toEqual(["TENANT_SUSPENDED", 200]);
  });

  test("and what was asked goes on, as do the streams of others", async () => {
    const [revoked, renamed] = [await made(), await made()];
    const mine = await opened(revoked.key);
    const others = [await opened(renamed.key), await opened(host.key)];
    await host.call("PATCH", `/admin/keys/${renamed.id}`, { name: "renamed" });
    await host.call("DELETE", `/admin/keys/${revoked.id}`);
    const run = JSON.parse(lastOf(await mine.whole)[1] ?? "").id.replace("chatcmpl-", "");
    const statusOf = async () => (await host.call("GET", `/v2/runs/${run}`)).body.status;
    const before = await statusOf();

    gate.open();

    const whole = await Promise.all(others.map((stream) => stream.whole));
    expect([before, ...whole.map((text) => lastOf(text)[0])]).toEqual([
      ...["running", "[DONE]", "[DONE]"],
    ]);
    await expect.poll(statusOf, { timeout: 5_000 }).toBe("completed");
  });

  test("and proofs take nothing of the rate of its tenant", async () => {
    tokens.add("token-2");
    const limit = (requests_per_second: number | null) =>
      host.call(
        "PATCH",
        `/admin/tenants/${host.tenant}`,
        { limits: { requests_per_second } },
        admin(),
      );
    const stream = await opened("token-2");
    await limit(1);
    const from = proofs;
    await expect.poll(() => proofs - from, { timeout: 5_000 }).toBeGreaterThan(3);

    const asked = await host.call("GET", "/v2/runs");
    await limit(null);
    gate.open();

    expect([asked.status, lastOf(await stream.whole)[0]]).toEqual([200, "[DONE]"]);
  });
});

describe("a socket that is open shows no more", () => {
  test("of what its key may use or reaches no longer, and goes on with the rest", async () => {
    const [service, reach, other] = [await made(), await made(), await made()];
    const [one, two, three] = [
      await watching(host.url, service.key, agent),
      await watching(host.url, reach.key, agent),
      await watching(host.url, other.key, agent),
    ];
    const patch = (id: string, fields: Json) => host.call("PATCH", `/admin/keys/${id}`, fields);

    await patch(service.id, { allowed_services: ["runs"] });
    await patch(reach.id, { allowed_resources: { agents: ["ag_other"] } });
    await patch(other.id, { allowed_resources: { agents: [agent] }, name: "less" });

    const within = { timeout: 20_000 };
    await expect.poll(() => one.errors(), within).toEqual([["FORBIDDEN"], []]);
    await expect.poll(() => two.errors(), within).toEqual([["NOT_FOUND"], ["NOT_FOUND"]]);
    const before = [one.eventsOf(one.subs[0]), two.eventsOf(two.subs[1])].map((of) => of.length);
    gate.open();
    const hasEnded = (of: typeof one, sub: string) => () =>
      of.eventsOf(sub).some(({ event }) => event === "end");
    await expect.poll(hasEnded(one, one.subs[1]), within).toBe(true);
    await expect.poll(hasEnded(three, three.subs[0]), within).toBe(true);
    expect(three.errors()).toEqual([[], []]);
    expect([one.eventsOf(one.subs[0]), two.eventsOf(two.subs[1])].map((of) => of.length)).toEqual(
      before,
    );
    for (const { socket } of [one, two, three]) socket.close();
  });
});

test("what an administrator does is looked at at once", async () => {
  const [began, ended] = [createGate(), createGate()];
  const common = { errors: "problem", service: "admin" } as const;
  const routes = [
    defineRoute({
      ...{ ...common, method: "GET", pattern: "/open", service: "runs" },
      handler: ({ request }) => ({
        status: 200,
        stream: async () => {
          request.signal.addEventListener("abort", ended.open);
          began.open();
          await ended.opened;
          throw request.signal.reason;
        },
      }),
    }),
    defineRoute({
      ...{ ...common, method: "POST", pattern: "/act", permission: "keys.manage" },
      handler: () => json(200, {}),
    }),
  ];
  const lost = new RuntimeError("UNAUTHENTICATED", "No longer.");
  const door = bareDoor(routes, idleGate(), () => Promise.reject(lost));
  const cause = new AbortController();
  const reading = {
    ...{ ...bareRequest("tn_1", "/open", cause.signal), method: "GET" },
    dismiss: (reason: Error) => cause.abort(reason),
  };
  const answer = await door.handle(reading);
  const stream = "stream" in answer ? answer.stream({} as ResponseSink) : Promise.resolve();
  await began.opened;

  await door.handle(bareRequest("tn_1", "/act"));

  await expect(stream).rejects.toBe(lost);
});

test("a stream that does not end by itself is cut", async () => {
  const lost = new RuntimeError("UNAUTHENTICATED", "No longer.");
  const streams = new OpenStreams({ again: () => Promise.reject(lost) }, { endMs: 10 });
  const reasons: unknown[] = [];
  const request = { header: () => undefined, dismiss: (reason: unknown) => reasons.push(reason) };
  const writing = streams.run({ request } as unknown as RouteContext, () => new Promise(() => {}));

  await streams.prove();

  await expect(writing).rejects.toBe(lost);
  expect(reasons).toEqual([lost]);
});

test("an issuer or a store that cannot be asked ends no stream", async () => {
  const away = new RuntimeError("ISSUER_UNAVAILABLE", "Not at the moment.");
  const streams = new OpenStreams({ again: () => Promise.reject(away) }, { endMs: 0 });
  let end = (): void => undefined;
  const request = { header: () => undefined, dismiss: () => expect.unreachable() };
  const context = { request } as unknown as RouteContext;
  const writing = streams.run(
    context,
    () =>
      new Promise((resolve) => {
        end = resolve;
      }),
  );

  await streams.prove();
  end();

  await expect(writing).resolves.toBeUndefined();
});
