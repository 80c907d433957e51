// A shop that has tools for other programs, served by the official libraries: the current one, and the one before it
// over streamable HTTP and over HTTP with server-sent events. What it has can be changed while it is asked.

import { randomUUID } from "node:crypto";
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { Server as OlderServer } from "@modelcontextprotocol/sdk/server/index.js";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { createMcpHandler, Server } from "@modelcontextprotocol/server";

/** Which library, and what carries it. */
export type Kind = "current" | "older" | "oldest";
export const kinds: readonly Kind[] = ["current", "older", "oldest"];

/** A tool as it is listed. */
export interface ShopTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: { readonly type: "object" } & Readonly<Record<string, unknown>>;
  readonly outputSchema?: { readonly type: "object" } & Readonly<Record<string, unknown>>;
}

/** What a call may do beside answering. */
export interface ShopCall {
  readonly name: string;
  readonly given: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  readonly headers: IncomingMessage["headers"];
  progress(message: string): Promise<void>;
}

/** The shop. */
export interface Shop {
  readonly url: string;
  tools: ShopTool[];
  /** Names of what was called. */
  readonly calls: string[];
  /** How a call is answered; default: as `answers` says. */
  answer(call: ShopCall): Promise<object>;
  /** Says to whoever listens that the tools are others. */
  changed(): Promise<void>;
  /** Forgets all sessions, as a server that was started again. */
  forget(): void;
  stop(): Promise<void>;
}

const text = (said: string) => ({ content: [{ type: "text", text: said }] });
const numbers = { a: { type: "number" }, b: { type: "number" } };

/** What it has. */
export function shopTools(): ShopTool[] {
  return [
    {
      name: "add",
      description: "Adds two numbers.",
      inputSchema: { type: "object", properties: numbers, required: ["a", "b"] },
      outputSchema: { type: "object", properties: { sum: { type: "number" } }, required: ["sum"] },
    },
    { name: "show", description: "Shows a picture.", inputSchema: { type: "object" } },
    { name: "fail", description: "Fails.", inputSchema: { type: "object" } },
    { name: "wait", description: "Takes its time.", inputSchema: { type: "object" } },
    { name: "who", description: "Says who asks.", inputSchema: { type: "object" } },
  ];
}

async function answers({ name, given, signal, headers, progress }: ShopCall): Promise<object> {
  switch (name) {
    case "add": {
      const sum = Number(given["a"]) + Number(given["b"]);
      return { ...text(JSON.stringify({ sum })), structuredContent: { sum } };
    }
    case "show": {
      const image = { type: "image", data: "aGVsbG8=", mimeType: "image/png" };
      return { content: [{ type: "text", text: "A lamp." }, image] };
    }
    case "fail":
      return { ...text("The lamp is sold."), isError: true };
    case "wait":
      await progress("half of it");
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      return text("Never heard.");
    default:
      return text(`You are ${headers.authorization ?? "nobody"}.`);
  }
}

const PAGE = 2;

/** A page of the list. */
function page(tools: readonly ShopTool[], cursor: string | undefined): never {
  const from = Number(cursor ?? 0);
  const next = from + PAGE < tools.length ? { nextCursor: String(from + PAGE) } : {};
  return { tools: tools.slice(from, from + PAGE), ...next } as never;
}

/** Starts one on loopback. */
export async function startShop(kind: Kind): Promise<Shop> {
  const open = new Set<() => void>();
  const changes = new Set<() => Promise<void>>();
  const handle = { current, older, oldest }[kind];
  const shop = { tools: shopTools(), calls: [] as string[], answer: answers };
  const serve = handle(shop, open, changes);
  const http: HttpServer = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", () => resolve()));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
  return Object.assign(shop, {
    url,
    changed: async () => {
      for (const one of changes) await one();
    },
    forget: () => {
      for (const one of open) one();
      open.clear();
    },
    stop: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  });
}

type Inside = Pick<Shop, "tools" | "calls" | "answer">;
type Serve = (request: IncomingMessage, response: ServerResponse) => unknown;
type Changes = Set<() => Promise<void>>;

function current(shop: Inside, _open: Set<() => void>, changes: Changes): Serve {
  const handler = createMcpHandler(
    () => {
      const server = new Server(
        { name: "shop", version: "1" },
        { capabilities: { tools: { listChanged: true } } },
      );
      server.setRequestHandler("tools/list", ({ params }) => page(shop.tools, params?.cursor));
      server.setRequestHandler("tools/call", async ({ params }, { mcpReq, http }) => {
        const { name, arguments: given = {}, _meta } = params;
        shop.calls.push(name);
        const progress = async (message: string): Promise<void> => {
          const token = _meta?.progressToken;
          if (token === undefined) return;
          const sent = { progressToken: token, progress: 1, total: 2, message };
          await mcpReq.notify({ method: "notifications/progress", params: sent });
        };
        const headers = Object.fromEntries(http?.req?.headers ?? []);
        const call = { name, given, signal: mcpReq.signal, headers, progress };
        return (await shop.answer(call)) as never;
      });
      return server;
    },
    { legacy: "reject" },
  );
  changes.add(async () => handler.notify.toolsChanged());
  return getRequestListener((request) => handler.fetch(request)) as unknown as Serve;
}

function olderServer(shop: Inside): OlderServer {
  const server = new OlderServer(
    { name: "shop", version: "1" },
    { capabilities: { tools: { listChanged: true } } },
  );
  server.setRequestHandler(ListToolsRequestSchema, ({ params }) =>
    page(shop.tools, params?.cursor),
  );
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const { name, arguments: given = {}, _meta } = params;
    shop.calls.push(name);
    const progress = async (message: string): Promise<void> => {
      const token = _meta?.progressToken;
      if (token === undefined) return;
      const sent = { progressToken: token, progress: 1, total: 2, message };
      await extra.sendNotification({ method: "notifications/progress", params: sent });
    };
    const headers = (extra.requestInfo?.headers ?? {}) as IncomingMessage["headers"];
    const call = { name, given, signal: extra.signal, headers, progress };
    return (await shop.answer(call)) as never;
  });
  return server;
}

function older(shop: Inside, open: Set<() => void>, changes: Changes): Serve {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  return async (request, response) => {
    const session = String(request.headers["mcp-session-id"] ?? "");
    let transport = sessions.get(session);
    if (transport === undefined && session !== "") {
      response.writeHead(404).end();
      return;
    }
    if (transport === undefined) {
      const made = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => void sessions.set(id, made),
      });
      const server = olderServer(shop);
      changes.add(() => server.sendToolListChanged());
      await server.connect(made as never);
      open.add(() => sessions.clear());
      transport = made;
    }
    await transport.handleRequest(request, response);
  };
}

function oldest(shop: Inside, open: Set<() => void>, changes: Changes): Serve {
  const sessions = new Map<string, SSEServerTransport>();
  return async (request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const known = sessions.get(url.searchParams.get("sessionId") ?? "");
    if (known !== undefined) return await known.handlePostMessage(request, response);
    if (request.method !== "GET") {
      response.writeHead(405).end();
      return;
    }
    const transport = new SSEServerTransport("/mcp", response);
    sessions.set(transport.sessionId, transport);
    const server = olderServer(shop);
    changes.add(() => server.sendToolListChanged());
    await server.connect(transport);
    open.add(() => sessions.clear());
  };
}
