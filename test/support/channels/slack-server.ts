// A fake Slack on loopback: the Web API with its errors and limits, uploads and downloads, and Socket Mode.
// Cross-checked by Slack's own clients in test/adapters/channels/slack/oracle.test.ts.

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { type WebSocket, WebSocketServer } from "ws";
import { type Answer, type Arguments, methods } from "./slack-methods.ts";
import { SlackWorkspace } from "./slack-workspace.ts";

/** What becomes of a call instead of an answer. */
export interface Fault {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** "cut": the connection ends without an answer. */
  readonly body?: string | "cut";
  /** Whether what was asked for is done all the same. */
  readonly isDone?: boolean;
}

/** A call that has come. */
export interface SeenCall {
  readonly method: string;
  readonly of: Arguments;
  readonly token: string;
}

/** An envelope's acknowledgement. */
export interface Acknowledged {
  readonly envelope_id: string;
  readonly payload?: Record<string, unknown>;
}

/** The running fake. */
export interface SlackServer {
  readonly url: string;
  readonly apiUrl: string;
  readonly workspace: SlackWorkspace;
  readonly calls: SeenCall[];
  readonly uploads: { readonly authorization: string | undefined }[];
  /** Connections of Socket Mode that are open, oldest first. */
  readonly sockets: WebSocket[];
  readonly acknowledged: Acknowledged[];
  /** How long it takes to say what it has done, ms. Default 0. */
  answerMs: () => number;
  /** The next calls of a method meet these, in order. */
  fault(method: string, ...faults: Fault[]): void;
  /** Gives an envelope to the newest connection. */
  deliver(type: string, payload: unknown, more?: object): string;
  stop(): Promise<void>;
}

/** Starts it on a free port. */
export async function startSlack(): Promise<SlackServer> {
  const workspace = new SlackWorkspace();
  const faults = new Map<string, Fault[]>();
  const calls: SeenCall[] = [];
  const uploads: { authorization: string | undefined }[] = [];
  const sockets: WebSocket[] = [];
  const acknowledged: Acknowledged[] = [];
  const server = createServer((request, response) => void serve(request, response));
  const links = new WebSocketServer({ server, path: "/link" });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let envelopes = 0;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const path = new URL(request.url ?? "/", url).pathname;
    if (path.startsWith("/upload/")) return await upload(path, body, request, response);
    if (path.startsWith("/hooks/")) {
      return answer(response, workspace.reply(path, JSON.parse(String(body))));
    }
    if (path.startsWith("/files-pri/")) return download(path, request, response);
    const method = path.replace(/^\/api\//, "");
    const of = argumentsOf(request.headers["content-type"] ?? "", body);
    const token = tokenOf(request, of);
    calls.push({ method, of, token });
    const fault = faults.get(method)?.shift();
    if (fault === undefined) {
      const result = resultOf(method, of, token);
      const waitMs = fake.answerMs();
      if (waitMs > 0) await pause(waitMs);
      return answer(response, result);
    }
    if (fault.isDone) resultOf(method, of, token);
    if (fault.body === "cut") return void response.destroy();
    response.writeHead(fault.status ?? 200, fault.headers);
    response.end(fault.body ?? "");
  }

  function resultOf(method: string, of: Arguments, token: string): Result {
    const run = methods[method];
    if (method === "apps.connections.open") return open(token);
    if (run === undefined) return { body: { ok: false, error: "unknown_method" } };
    if (method !== "oauth.v2.access") {
      const ends = workspace.tokens.get(token);
      if (token === "") return { body: { ok: false, error: "not_authed" } };
      if (ends === undefined) return { body: { ok: false, error: "invalid_auth" } };
      if (ends !== null && ends <= Date.now())
        return { body: { ok: false, error: "token_expired" } };
    }
    if (method === "chat.postMessage" && !workspace.mayPost(String(of["channel"]))) {
      const body = { ok: false, error: "ratelimited" };
      return { status: 429, headers: { "retry-after": "1" }, body };
    }
    const headers = { "x-oauth-scopes": workspace.scopes };
    return { headers, body: run({ workspace, of, token, url }) };
  }

  function open(token: string): Result {
    if (!workspace.appTokens.has(token)) return { body: { ok: false, error: "invalid_auth" } };
    return { body: { ok: true, url: `${url.replace("http", "ws")}/link?ticket=secret-ticket` } };
  }

  async function upload(
    path: string,
    raw: Buffer,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    uploads.push({ authorization: request.headers.authorization });
    const file = workspace.files.get(path.split("/").at(-1) ?? "");
    const body = await fileIn(request.headers["content-type"] ?? "", raw);
    if (file === undefined || body.byteLength !== file.length) {
      return void response.writeHead(400).end();
    }
    file.bytes = body;
    response.end(`OK - ${body.byteLength}`);
  }

  function download(path: string, request: IncomingMessage, response: ServerResponse) {
    const file = workspace.files.get(path.split("/").at(-1) ?? "");
    const isKnown = workspace.tokens.has(tokenOf(request, {}));
    if (!isKnown) {
      // Whoever may not read it is shown the way in.
      return void response
        .writeHead(200, { "content-type": "text/html; charset=utf-8" })
        .end("<html>Sign in");
    }
    if (file?.bytes == null) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": "application/octet-stream" }).end(file.bytes);
  }

  links.on("connection", (socket) => {
    sockets.push(socket);
    socket.on("message", (data) => acknowledged.push(JSON.parse(String(data))));
    socket.on("close", () => sockets.splice(sockets.indexOf(socket), 1));
    socket.send(JSON.stringify({ type: "hello", num_connections: sockets.length }));
  });

  const fake: SlackServer = {
    answerMs: () => 0,
    ...{ url, apiUrl: `${url}/api`, workspace, calls, uploads, sockets, acknowledged },
    fault: (method, ...more) => {
      faults.set(method, [...(faults.get(method) ?? []), ...more]);
    },
    deliver(type, payload, more = {}) {
      envelopes += 1;
      const envelope = { envelope_id: `envelope-${envelopes}`, type, payload, ...more };
      sockets
        .at(-1)
        ?.send(JSON.stringify({ accepts_response_payload: type !== "events_api", ...envelope }));
      return envelope.envelope_id;
    },
    async stop() {
      for (const socket of links.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return fake;
}

/** What is answered to a call. */
interface Result {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Answer;
}

function answer(response: ServerResponse, { status = 200, headers, body }: Result): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers });
  response.end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** An upload is the bytes themselves or a form with them. */
async function fileIn(type: string, body: Buffer): Promise<Uint8Array> {
  if (!type.startsWith("multipart/form-data")) return body;
  const form = await new Response(body, { headers: { "content-type": type } }).formData();
  const [first] = form.values();
  return first instanceof Blob
    ? new Uint8Array(await first.arrayBuffer())
    : Buffer.from(first ?? "");
}

function argumentsOf(type: string, body: Buffer): Arguments {
  if (type.startsWith("application/json")) return JSON.parse(body.toString()) as Arguments;
  return Object.fromEntries(new URLSearchParams(body.toString()));
}

function tokenOf(request: IncomingMessage, of: Arguments): string {
  const [, token = ""] = /^Bearer (.+)$/.exec(request.headers.authorization ?? "") ?? [];
  return token || String(of["token"] ?? "");
}
