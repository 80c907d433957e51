// Through every door the same: of an answer that is redacted, or blocked, nothing of what was withheld is to
// be read anywhere, while it streams and afterwards.

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import WebSocket from "ws";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

const planted = "zaphod@heart.example";
const secret = "Aurora";
let host: HttpHost;
let receiver: Server;
let hook = "";
const hooked: string[] = [];
let redacting = "";
let blocking = "";

beforeAll(async () => {
  receiver = createServer((request, response) => {
    request.setEncoding("utf8");
    let body = "";
    request.on("data", (piece: string) => {
      body += piece;
    });
    request.on("end", () => {
      hooked.push(body);
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  host = await startHttpHost();
  await host.setBalance(10_000);
  const make = async (model: string, rule: object): Promise<string> => {
    const guardrails = [{ on: ["output"], ...rule }];
    const fields = { name: "Desk", model_name: model, guardrails };
    const { body } = await host.call("POST", "/v2/agents", fields);
    return String(body.id);
  };
  redacting = await make("m-1", { check: { type: "pii" }, action: "redact" });
  const words = { type: "words", words: ["project aurora"] };
  blocking = await make("m-2", { check: words, action: "block", message: "Withheld." });
  host.llm.script = ({ request, write }) => {
    const said = request.model === "m-1" ? `Ask ${planted} now.` : `It is Project ${secret}.`;
    for (const piece of said.match(/.{1,5}/gs) ?? []) write(piece);
    return said;
  };
});
afterAll(async () => {
  await host.stop();
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
});

interface Sent {
  readonly path: string;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}
const user = { role: "user", content: "Whom?" };
const a2a = { "a2a-version": "1.0" };
const message = (id: string) => ({
  message: { messageId: `m-${id}`, role: "ROLE_USER", parts: [{ text: "Whom?" }] },
});
const doors: Readonly<Record<string, (agent: string) => Sent>> = {
  runs: (agent) => ({ path: `/v2/agents/${agent}/runs`, body: { input: "Whom?" } }),
  "runs, streamed": (agent) => ({
    path: `/v2/agents/${agent}/runs`,
    body: { input: "Whom?", mode: "stream" },
  }),
  "document 001": (agent) => ({
    path: "/v1/proxy/core-agent-chat",
    body: { agent_key: agent, message: "Whom?" },
  }),
  "chat completions": (agent) => ({
    path: "/v1/chat/completions",
    body: { model: `agent:${agent}`, messages: [user] },
  }),
  "chat completions, streamed": (agent) => ({
    path: "/v1/chat/completions",
    body: { model: `agent:${agent}`, messages: [user], stream: true },
  }),
  responses: (agent) => ({
    path: "/v1/responses",
    body: { model: `agent:${agent}`, input: "Whom?" },
  }),
  "responses, streamed": (agent) => ({
    path: "/v1/responses",
    body: { model: `agent:${agent}`, input: "Whom?", stream: true },
  }),
  messages: (agent) => ({
    path: "/v1/messages",
    body: { model: `agent:${agent}`, messages: [user], max_tokens: 50 },
  }),
  "messages, streamed": (agent) => ({
    path: "/v1/messages",
    body: { model: `agent:${agent}`, messages: [user], max_tokens: 50, stream: true },
  }),
  "AG-UI": (agent) => ({
    path: `/v2/agents/${agent}/ag-ui`,
    body: { threadId: "t1", runId: `r-${agent}`, messages: [{ id: "m1", ...user }] },
  }),
  "AI SDK UI stream": (agent) => ({
    path: `/v2/agents/${agent}/ui-chat`,
    body: {
      id: `chat-${agent}`,
      messages: [{ id: "m1", role: "user", parts: [{ type: "text", text: "Whom?" }] }],
    },
  }),
  A2A: (agent) => ({ path: `/a2a/${agent}/message:send`, body: message(agent), headers: a2a }),
  "A2A, streamed": (agent) => ({
    path: `/a2a/${agent}/message:stream`,
    body: message(`s-${agent}`),
    headers: a2a,
  }),
  webhooks: (agent) => ({
    path: `/v2/agents/${agent}/runs`,
    body: { input: "Whom?", webhook: { url: hook } },
  }),
};

/** All that a door answers, as it comes over the wire. */
async function answered({ path, body, headers = {} }: Sent): Promise<string> {
  const response = await fetch(host.url + path, {
    method: "POST",
    headers: {
      ...{ Authorization: `Bearer ${host.key}`, "Content-Type": "application/json" },
      ...headers,
    },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  expect([path, response.status, response.status === 200 ? "" : text]).toEqual([path, 200, ""]);
  return text;
}
/** Text of a wire, put together: a stream may cut a word into several frames. */
const letters = (wire: string): string =>
  [...wire.matchAll(/"(?:text|content|delta|response|partial_json)":"((?:[^"\\]|\\.)*)"/g)]
    .map(([, text]) => text)
    .join("");

test.each(Object.entries(doors))(
  "%s shows what is left, and nothing of what was withheld",
  async (_name, of) => {
    const redacted = await answered(of(redacting));
    const blocked = await answered(of(blocking));

    for (const wire of [redacted, letters(redacted)]) expect(wire).not.toMatch(/zaphod|heart\.ex/);
    for (const wire of [blocked, letters(blocked)]) expect(wire).not.toMatch(/Aurora/);
    expect(letters(redacted)).toContain("[EMAIL_1]");
    expect(letters(blocked)).toContain("Withheld.");
  },
);

test("MCP shows what is left, and nothing of what was withheld", async () => {
  const headers = { Accept: "application/json, text/event-stream" };
  const call = (method: string, params: object) =>
    answered({ path: "/mcp", body: { jsonrpc: "2.0", id: 7, method, params }, headers });
  const { tools } = JSON.parse(/\{.*\}/s.exec(await call("tools/list", {}))?.[0] ?? "").result;
  const names = tools.map(({ name }: { name: string }) => name);
  expect(names.length).toBeGreaterThan(1);
  let all = "";
  for (const name of names.filter((one: string) => !one.startsWith("troupe_"))) {
    all += await call("tools/call", { name, arguments: { message: "Whom?" } });
  }

  expect(all).toContain("[EMAIL_1]");
  expect(all).not.toMatch(/zaphod|heart\.ex|Aurora/);
});

/** A socket of a client, and what it has been told. */
async function socketOf(): Promise<{
  readonly frames: readonly Json[];
  request(method: string, params: object): Promise<Json>;
  close(): void;
}> {
  const socket = new WebSocket(`${host.url.replace("http", "ws")}/ws`);
  const frames: Json[] = [];
  socket.on("message", (bytes) => frames.push(JSON.parse(String(bytes))));
  await once(socket, "open");
  const request = async (method: string, params: object): Promise<Json> => {
    const id = `r${frames.length}-${method}`;
    socket.send(JSON.stringify({ type: "req", id, method, params }));
    const answer = () => frames.find((frame) => frame.id === id);
    await expect.poll(answer, { timeout: 5_000 }).toBeDefined();
    return answer();
  };
  expect((await request("hello", { token: host.key })).ok).toBe(true);
  return { frames, request, close: () => socket.close() };
}

test("a WebSocket shows what is left as it is streamed, and refuses what is blocked as it comes", async () => {
  const first = await socketOf();
  const chat = async (agent: string): Promise<{ readonly wire: string; readonly text: string }> => {
    const from = first.frames.length;
    const { data, ok, error } = await first.request("chat", {
      ...{ agent_key: agent, message: "I am ann@example.com. Whom?" },
    });
    expect([error, ok]).toEqual([undefined, true]);
    const own = () => first.frames.slice(from);
    const isOver = () => own().some(({ event }) => event === "end");
    await expect.poll(isOver, { timeout: 5_000 }).toBe(true);
    const texts = own().filter(({ event }) => event === "text");
    expect(data.run_id).toMatch(/^rn_/);
    const text = texts.map((frame) => frame.data.text).join("");
    return { wire: JSON.stringify(own()), text };
  };
  const redacted = await chat(redacting);
  const blocked = await chat(blocking);
  const refusing = await host.call("POST", "/v2/agents", {
    ...{ name: "Strict", model_name: "m-1" },
    guardrails: [{ on: ["input"], check: { type: "pii" }, action: "block", message: "No names." }],
  });
  const asked = host.llm.requests.length;
  const refused = await first.request("chat", {
    ...{ agent_key: refusing.body.id, message: `I am ${planted}.` },
  });
  first.close();

  expect(redacted.text).toBe("Ask [EMAIL_1] now.");
  expect(redacted.wire).not.toMatch(/zaphod|heart\.ex/);
  // What comes before the word was shown by then: what is shown cannot be taken back.
  expect(blocked.text).toBe("It is \n\nWithheld.");
  expect(blocked.wire).not.toMatch(/Aurora/);
  expect(refused).toMatchObject({ ok: false, error: { code: "GUARDRAIL_BLOCKED" } });
  expect(JSON.stringify(refused)).toContain("No names.");
  expect(JSON.stringify(refused)).not.toContain("zaphod");
  expect(host.llm.requests.length).toBe(asked);
});

test("a socket that comes back to a run, or only watches it, is shown the same", async () => {
  const { body } = await host.call("POST", `/v2/agents/${redacting}/runs`, { input: "Whom?" });
  const watching = await socketOf();
  const told = await watching.request("subscribe", { run_id: body.run_id });
  expect([told.error, told.ok]).toEqual([undefined, true]);
  const ended = () => watching.frames.some(({ event }) => event === "end");
  await expect.poll(ended, { timeout: 5_000 }).toBe(true);
  watching.close();

  expect(JSON.stringify(watching.frames)).toContain("[EMAIL_1]");
  expect(JSON.stringify(watching.frames)).not.toMatch(/zaphod|heart\.ex/);
});

test("what is kept, listed, recorded and delivered holds nothing of it either", async () => {
  await expect.poll(() => hooked.length, { timeout: 5_000 }).toBe(2);
  const list = await host.call("GET", "/v2/conversations?limit=100");
  const runs = await host.call("GET", "/v2/runs?limit=100");
  const kept: unknown[] = [hooked, list.body, runs.body];
  for (const { id } of list.body.data) {
    kept.push((await host.call("GET", `/v2/conversations/${id}/messages`)).body);
  }
  for (const { id } of runs.body.data) {
    kept.push((await host.call("GET", `/v2/runs/${id}`)).body);
    kept.push((await host.call("GET", `/v2/runs/${id}/record`)).body);
    kept.push(await (await host.events("GET", `/v2/runs/${id}/events`)).rest());
  }

  expect(runs.body.data.length).toBeGreaterThan(20);
  expect(JSON.stringify(kept)).toContain("[EMAIL_1]");
  expect(JSON.stringify(kept)).not.toMatch(/zaphod|heart\.ex|Aurora/);
});
