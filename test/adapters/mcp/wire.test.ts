// What the protocol says of headers, statuses and connections, which no client of the SDK gets wrong.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { CallsUnderWay, newSessionId, sessionOf } from "../../../adapters/mcp/calls-under-way.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";
import { type Answer, answerOf, type Json, request, streamOf } from "../../support/wire-client.ts";

const REVISION = "2026-07-28";
const ANSWER = "You can export from Settings.";
const SOON = { timeout: 10_000, interval: 10 };

let host: HttpHost;
let agent = "";

beforeAll(async () => {
  host = await startHttpHost();
  const made = await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" });
  agent = made.body.id;
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => ANSWER;
});

const meta = (revision = REVISION) => ({
  "io.modelcontextprotocol/protocolVersion": revision,
  "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
});

interface Raw {
  readonly id?: string | number;
  readonly params?: object;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly revision?: string;
  readonly key?: string;
}

/** A request of the current revision. */
async function open(method: string, raw: Raw = {}): Promise<Response> {
  const { params = {}, id = 1, revision = REVISION } = raw;
  const headers = {
    Accept: "application/json, text/event-stream",
    "MCP-Protocol-Version": revision,
    "Mcp-Method": method,
    ...("name" in params && { "Mcp-Name": String(params.name) }),
    ...raw.headers,
  };
  const sent = Object.entries(headers).filter(([, value]) => value !== undefined);
  const isNotification = method.startsWith("notifications/");
  return await request(`${host.url}/mcp`, {
    method: "POST",
    body: {
      ...{ jsonrpc: "2.0", method, params: { ...params, _meta: meta(revision) } },
      ...(isNotification ? {} : { id }),
    },
    key: raw.key ?? host.key,
    headers: Object.fromEntries(sent) as Record<string, string>,
  });
}
const send = async (method: string, raw?: Raw): Promise<Answer> =>
  await answerOf(await open(method, raw));

/** A request of an older revision. */
const older = async (
  message: object,
  { session, key = host.key }: { readonly session?: string; readonly key?: string } = {},
): Promise<Response> =>
  await request(`${host.url}/mcp`, {
    method: "POST",
    body: { jsonrpc: "2.0", ...message },
    key,
    headers: {
      Accept: "application/json, text/event-stream",
      ...(session === undefined ? {} : { "Mcp-Session-Id": session }),
    },
  });
const initialize = async (capabilities: object): Promise<string> => {
  const params = {
    ...{ protocolVersion: "2025-06-18", capabilities },
    clientInfo: { name: "raw", version: "1" },
  };
  const opened = await older({ id: 0, method: "initialize", params });
  expect((await answerOf(opened)).body.result.protocolVersion).toBe("2025-06-18");
  return opened.headers.get("mcp-session-id") ?? "";
};
const runs = async (): Promise<readonly Json[]> =>
  (await host.call("GET", "/v2/runs?limit=100")).body.data;

test("a server says what it is, without a session", async () => {
  const { status, headers, body } = await send("server/discover");

  expect(status).toBe(200);
  expect(headers.get("mcp-session-id")).toBeNull();
  expect(body).toMatchObject({
    id: 1,
    result: {
      resultType: "complete",
      supportedVersions: expect.arrayContaining([REVISION]),
      capabilities: { tools: {} },
      ttlMs: expect.any(Number),
      cacheScope: "private",
    },
  });
});

test.each([
  ["a method in the header that is not the body's", { headers: { "Mcp-Method": "tools/call" } }],
  ["no method in the header", { headers: { "Mcp-Method": undefined } }],
  ["another revision in the header", { headers: { "MCP-Protocol-Version": "2025-11-25" } }],
] as const)("%s is 400, -32020", async (_, raw) => {
  const { status, body } = await send("tools/list", raw);

  expect([status, body.error.code, body.id]).toEqual([400, -32_020, 1]);
});

test("a name in the header that is not the body's is 400, -32020, and nothing is run", async () => {
  const before = (await runs()).length;
  const params = { name: agent, arguments: { message: "Export?" } };

  for (const name of ["ag_other", undefined]) {
    const { status, body } = await send("tools/call", { params, headers: { "Mcp-Name": name } });
    expect([status, body.error.code]).toEqual([400, -32_020]);
  }

  expect((await runs()).length).toBe(before);
});

test("a revision that nobody knows is 400, -32022, with those that are spoken", async () => {
  const { status, body } = await send("tools/list", { revision: "2099-01-01" });

  expect([status, body.error.code]).toEqual([400, -32_022]);
  expect(body.error.data.supported).toContain(REVISION);
});

test("an unknown method is 404, -32601; a notification is 202 without a body", async () => {
  const unknown = await send("tools/nothing");
  const notified = await open("notifications/cancelled", { params: { requestId: 1 } });

  expect([unknown.status, unknown.body.error.code]).toEqual([404, -32_601]);
  expect([notified.status, await notified.text()]).toEqual([202, ""]);
});

test("GET and DELETE are 405, a foreign page is 403, and an error before the protocol is JSON-RPC", async () => {
  for (const method of ["GET", "DELETE"]) {
    expect((await host.call(method, "/mcp")).status).toBe(405);
  }
  const foreign = await send("tools/list", { headers: { Origin: "https://evil.example" } });
  const nobody = await send("tools/list", { key: "troupe_wrong" });
  const half = await host.call("POST", "/mcp", '{"jsonrpc":');

  expect([foreign.status, foreign.body.error.data[0].reason]).toEqual([403, "ORIGIN_REFUSED"]);
  expect([nobody.status, nobody.body.error.data[0].reason]).toEqual([401, "UNAUTHENTICATED"]);
  expect(nobody.headers.get("www-authenticate")).toContain("Bearer");
  expect([half.status, half.body.error.code]).toEqual([400, -32_700]);
});

test("a body over its limit, and a batch over its, are refused", async () => {
  const large = await send("tools/call", {
    params: { name: agent, arguments: { message: "x".repeat(4 * 1024 * 1024) } },
  });
  const batch = Array.from({ length: 21 }, (_, id) => ({ jsonrpc: "2.0", id, method: "ping" }));

  expect(large.status).toBe(413);
  expect((await host.call("POST", "/mcp", batch)).status).toBe(400);
});

test("lists come in pages, each tool once, and a cursor that is none is refused", async () => {
  const tenant = host.otherKey;
  for (let at = 0; at < 60; at += 1) {
    await host.call("POST", "/v2/agents", { name: `A${at}`, model_name: "m-1" }, { key: tenant });
  }
  const names: string[] = [];
  let cursor: string | undefined;
  let pages = 0;
  do {
    const params = cursor === undefined ? {} : { cursor };
    const { result } = (await send("tools/list", { key: tenant, params })).body;
    names.push(...result.tools.map(({ name }: Json) => name));
    cursor = result.nextCursor;
    pages += 1;
  } while (cursor !== undefined);
  const wrong = await send("tools/list", { params: { cursor: "bm9uZQ" } });

  expect([pages, names.length, new Set(names).size]).toEqual([2, 61, 61]);
  expect(names.at(-1)).toBe("run_result");
  expect(wrong.body.error.code).toBe(-32_602);
});

test("closing the response of a call cancels its run", async () => {
  const gate = createGate();
  host.llm.script = async ({ signal }) => {
    await gate.wait(signal);
    return ANSWER;
  };
  const params = { name: agent, arguments: { message: "Export?" } };

  const stream = streamOf(await open("tools/call", { params }));
  await gate.reached;
  const [run] = await runs();
  stream.cut();

  const status = async () => (await host.call("GET", `/v2/runs/${run.id}`)).body.status;
  await expect.poll(status, SOON).toBe("cancelled");
});

test("of an older revision only the notification cancels, of the own session alone", async () => {
  const gate = createGate();
  host.llm.script = async ({ signal }) => {
    await gate.wait(signal);
    return ANSWER;
  };
  const session = await initialize({});
  const other = await initialize({});
  const call = {
    id: 5,
    method: "tools/call",
    params: { name: agent, arguments: { message: "?" } },
  };
  const stream = streamOf(await older(call, { session }));
  await gate.reached;
  const [run] = await runs();
  const status = async () => (await host.call("GET", `/v2/runs/${run.id}`)).body.status;
  const cancel = { method: "notifications/cancelled", params: { requestId: 5 } };
  const sameTenant = await host.makeKey(["*"]);

  for (const by of [{ session: other }, { session, key: sameTenant }, {}]) {
    expect((await older(cancel, by)).status).toBe(202);
  }
  stream.cut();
  expect(await status()).toBe("running");
  expect((await older(cancel, { session })).status).toBe(202);

  await expect.poll(status, SOON).toBe("cancelled");
});

test("a state that names another tool's run, or none, is refused", async () => {
  const made = await host.call("POST", "/v2/agents", { name: "Two", model_name: "m-1" });
  const run = await host.call("POST", `/v2/agents/${made.body.id}/runs`, { input: "Export?" });

  for (const requestState of [run.body.id, "rn_none", "x".repeat(10_000)]) {
    const params = { name: agent, arguments: { message: "?" }, requestState };
    const text = await (await open("tools/call", { params })).text();
    expect(text).toContain("-32602");
    expect(text).not.toContain(ANSWER);
  }
});

test("what is noted of calls under way is gone with them, and ids of sessions are not guessed", () => {
  const who = { tenant: "tn_1", keyId: "ak_1" };
  const session = sessionOf(newSessionId(true), who);
  const underWay = new CallsUnderWay();
  if (session === null) throw new Error("An id that was given is one.");
  const told: string[] = [];

  const end = underWay.begin(session, 1, () => told.push("cancelled"));
  underWay.cancel(session, "1");
  const answered = underWay.ask(session, "q", () => told.push("answered"));
  underWay.answer(session, "q", {});
  end();
  answered();

  expect(told).toEqual(["answered"]);
  expect(underWay.size).toBe(0);
  expect(session.elicits).toBe(true);
  expect(sessionOf("x", who)).toBeNull();
});
