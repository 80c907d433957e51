// Servers of tools that do what no server should: each costs the one call, within its limits, and says why.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createEgress } from "../../../adapters/egress.ts";
import { createHttpServers } from "../../../adapters/mcp-client/http-servers.ts";

type Message = { readonly id?: number; readonly method?: string };
type Answer = (message: Message, response: ServerResponse, request: IncomingMessage) => void;

const MIB = 1_024 * 1_024;
const tool = { name: "add", description: "Adds.", inputSchema: { type: "object" } };
const egress = createEgress({ allowedHosts: ["127.0.0.1"] });
const servers = createHttpServers({
  egress,
  open: (_tenant, stored) => stored,
  tokens: { headersFor: () => Promise.reject(new Error("None is used.")) },
});
/** Connections that are open. */
let open = 0;
let http: Server;
let answer: Answer;
let count = 0;

beforeAll(async () => {
  http = createServer((request, response) => {
    let body = "";
    request.on("data", (piece) => {
      body += String(piece);
    });
    request.on("end", () => {
      open += 1;
      response.on("close", () => {
        open -= 1;
      });
      if (request.method !== "POST") return void response.writeHead(405).end();
      answer(JSON.parse(body) as Message, response, request);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", () => resolve()));
});
beforeEach(() => {
  count += 1;
});
afterAll(async () => {
  egress.close();
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
});

function json(response: ServerResponse, id: unknown, result: object): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
}

/** Speaks an older revision well, but for tools/call. */
function calling(call: Answer, list: readonly object[] = [tool]): void {
  answer = (message, response, request) => {
    const { id, method } = message;
    if (id === undefined) return void response.writeHead(202).end();
    if (method === "initialize") {
      const serverInfo = { name: "odd", version: "1" };
      const protocolVersion = "2025-03-26";
      return json(response, id, { protocolVersion, serverInfo, capabilities: { tools: {} } });
    }
    if (method === "tools/list") return json(response, id, { tools: list });
    if (method === "tools/call") return call(message, response, request);
    response.writeHead(400).end();
  };
}

/** A path of its own: a connection of its own. */
const server = () => ({
  tenant: "tn_1",
  url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/${count}`,
});
const call = (timeoutMs = 5_000) =>
  servers.call({ ...server(), tool: "add", arguments: {}, timeoutMs });

test("one that redirects to a private address is refused", async () => {
  answer = (_message, response) => {
    response.writeHead(307, { location: "http://10.0.0.1/mcp" }).end();
  };

  await expect(call()).rejects.toMatchObject({ code: "EGRESS_REFUSED" });
});

test("one that never answers a call costs its time, and no connection after it", async () => {
  calling(() => undefined);

  await expect(call(300)).rejects.toMatchObject({ code: "DEADLINE" });
  await expect.poll(() => open).toBe(0);
});

test("one that answers another request costs the time of the call", async () => {
  calling(({ id }, response) => json(response, Number(id) + 1_000, { content: [] }));

  await expect(call(300)).rejects.toMatchObject({ code: "DEADLINE" });
});

test("one that streams without end is cut off", async () => {
  calling((_message, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const said = {
      jsonrpc: "2.0",
      method: "notifications/message",
      params: { level: "info", data: "x".repeat(10_000) },
    };
    const more = (): void => {
      while (!response.destroyed && response.write(`data: ${JSON.stringify(said)}\n\n`));
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  });

  await expect(call(20_000)).rejects.toMatchObject({ code: expect.stringMatching(/^PROVIDER_/) });
  await expect.poll(() => open).toBe(0);
});

test("one whose answer is larger than the limit is cut off", async () => {
  calling(({ id }, response) => {
    json(response, id, { content: [{ type: "text", text: "x".repeat(5 * MIB) }] });
  });

  await expect(call()).rejects.toMatchObject({
    code: "PROVIDER_FAILED",
    message: expect.stringContaining("more than"),
  });
});

test("one that nests its answer without end is told apart from a result", async () => {
  calling(({ id }, response) => {
    const structuredContent = JSON.parse(`${'{"a":'.repeat(100)}1${"}".repeat(100)}`) as object;
    json(response, id, { content: [], structuredContent });
  });

  await expect(call()).rejects.toMatchObject({
    code: "PROVIDER_FAILED",
    message: expect.stringContaining("64 levels"),
  });
});

test("one that pages without end is asked for 32 pages", async () => {
  calling(({ id }, response) => json(response, id, { content: [] }));
  const speaks = answer;
  let pages = 0;
  answer = (message, response, request) => {
    if (message.method !== "tools/list") return speaks(message, response, request);
    pages += 1;
    json(response, message.id, { tools: [{ ...tool, name: `t${pages}` }], nextCursor: `${pages}` });
  };

  const listed = await servers.list({ ...server(), tools: ["t32", "t33"] });

  expect(listed.map(({ name }) => name)).toEqual(["t32"]);
  expect(pages).toBe(32);
});

test("an error of the server is told in its words, without what nobody sees", async () => {
  calling(({ id }, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const error = { code: -32_000, message: "No \u202elamps\u{e0041} left." };
    response.end(JSON.stringify({ jsonrpc: "2.0", id, error }));
  });

  await expect(call()).rejects.toMatchObject({
    code: "PROVIDER_FAILED",
    message: expect.stringMatching(/\(-32000\): .*No lamps left\.$/),
  });
});

test("a pattern that backtracks does not hold up the thread", async () => {
  const outputSchema = {
    type: "object",
    properties: { a: { type: "string", pattern: "^(a+)+$" } },
  };
  calling(
    ({ id }, response) =>
      json(response, id, { content: [], structuredContent: { a: `${"a".repeat(40)}!` } }),
    [{ ...tool, outputSchema }],
  );

  await expect(call(2_000)).rejects.toMatchObject({ code: "PROVIDER_FAILED" });
});

test("one that is asked too often, or is down, is told apart", async () => {
  calling((_message, response) => response.writeHead(429).end());
  await expect(call()).rejects.toMatchObject({ code: "PROVIDER_LIMITED" });
  calling((_message, response) => response.writeHead(503).end());
  await expect(call()).rejects.toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
});
