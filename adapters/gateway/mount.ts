// The gateway inside an application that is there already: a node:http server, Express, Fastify or Hono, told
// apart by what they have. Of each only what is needed is named; none of them is a dependency.

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Forwarder } from "./forward.ts";
import { listenerOf } from "./http.ts";

/** Express, or what calls handlers as it does. */
interface ExpressLike {
  use(
    handler: (request: IncomingMessage, response: ServerResponse, next: () => void) => void,
  ): unknown;
}

/** Fastify: the part of it that reads bodies is a plugin's own. */
interface FastifyLike {
  register(plugin: (instance: FastifyScope) => Promise<void>): unknown;
}

interface FastifyScope {
  removeAllContentTypeParsers(): void;
  addContentTypeParser(
    type: string,
    parse: (request: unknown, payload: AsyncIterable<Uint8Array>) => Promise<unknown>,
  ): void;
  all(
    path: string,
    handler: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>,
  ): void;
}

interface FastifyRequest {
  readonly method: string;
  readonly url: string;
  readonly ip: string;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

interface FastifyReply {
  code(status: number): FastifyReply;
  headers(headers: Readonly<Record<string, string>>): FastifyReply;
  send(body: Uint8Array): unknown;
}

/** Hono, or what answers a Request with a Response. */
interface HonoLike {
  all(path: string, handler: (context: HonoContext) => Promise<Response>): unknown;
  fetch: unknown;
}

interface HonoContext {
  readonly req: { readonly raw: Request };
  readonly env?: { readonly incoming?: IncomingMessage };
}

/** What a gateway is mounted into. */
export type Mountable = Server | ExpressLike | FastifyLike | HonoLike;

/** A prefix as paths begin with it: "/gateway"; "" for everything. */
export function baseOf(prefix: string): string {
  const plain = prefix.replaceAll(/^\/+|\/+$/g, "");
  return plain === "" ? "" : `/${plain}`;
}

/** What is below a base, which may stand below the prefix of an application inside another one. */
function belowBase(path: string, base: string): string {
  return path.slice(path.indexOf(`${base}/`) + base.length);
}

/** Puts the gateway below a prefix. @throws INVALID for an application of another kind. */
export function mountInto(app: Mountable, prefix: string, forwarder: Forwarder): void {
  const base = baseOf(prefix);
  if ("register" in app && typeof app.register === "function") mountFastify(app, base, forwarder);
  else if ("fetch" in app && "all" in app) mountHono(app, base, forwarder);
  else if ("use" in app && typeof app.use === "function") app.use(listenerOf(forwarder, base));
  else if ("listeners" in app) mountServer(app, base, forwarder);
  else {
    const text = "A gateway is mounted into a node:http server, Express, Fastify or Hono.";
    throw new RuntimeError("INVALID", text);
  }
}

/** Before the listeners that are there, which go on to have every other path. */
function mountServer(server: Server, base: string, forwarder: Forwarder): void {
  const others = server.listeners("request") as ((...of: unknown[]) => void)[];
  server.removeAllListeners("request");
  const listen = listenerOf(forwarder, base);
  server.on("request", (request, response) => {
    const next = (): void => {
      for (const other of others) other.call(server, request, response);
    };
    listen(request, response, others.length === 0 ? undefined : next);
  });
}

function mountFastify(app: FastifyLike, base: string, forwarder: Forwarder): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    // Read where it is answered.
    scope.addContentTypeParser("*", async (_, payload) => payload);
    const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
      const delivered = {
        method: request.method,
        path: belowBase(request.url, base),
        headers: joined(Object.entries(request.headers)),
        address: request.ip,
      };
      const answer = await forwarder.read(delivered, piecesOf(request.body));
      return reply.code(answer.status).headers(answer.headers).send(Buffer.from(answer.body));
    };
    scope.all(`${base}/*`, handler);
  });
}

function mountHono(app: HonoLike, base: string, forwarder: Forwarder): void {
  app.all(`${base}/*`, async ({ req: { raw }, env }) => {
    const { pathname, search } = new URL(raw.url);
    const delivered = {
      method: raw.method,
      path: `${belowBase(pathname, base)}${search}`,
      headers: joined([...raw.headers]),
      address: env?.incoming?.socket.remoteAddress ?? "",
    };
    const answer = await forwarder.read(delivered, piecesOf(raw.body));
    const { status, headers } = answer;
    const isEmpty = status === 204 || status === 304 || raw.method === "HEAD";
    return new Response(isEmpty ? null : Buffer.from(answer.body), { status, headers });
  });
}

/** Of a body as a framework gives it: a stream, null or undefined where there is none. */
async function* piecesOf(body: unknown): AsyncGenerator<Uint8Array> {
  const isStream = typeof body === "object" && body !== null && Symbol.asyncIterator in body;
  if (!isStream) return;
  // A stream of node's would take the connection with it when it is left.
  yield* body instanceof Readable
    ? body.iterator({ destroyOnReturn: false })
    : (body as AsyncIterable<Uint8Array>);
}

function joined(
  headers: Iterable<readonly [string, string | string[] | undefined]>,
): Record<string, string> {
  const all: Record<string, string> = Object.create(null);
  for (const [name, value] of headers) {
    if (value !== undefined)
      all[name.toLowerCase()] = Array.isArray(value) ? value.join(", ") : value;
  }
  return all;
}
