// A small HTTP server that serves the routes of accounts as the product does: bodies within their limit,
// events committed before the acknowledgement, answers that come later until the client is gone.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Inbound } from "../../../actors/channels/inbound.ts";
import type {
  ChannelInstance,
  ChannelResponse,
  ChannelRoute,
} from "../../../adapters/channels/adapter.ts";

/** The server. */
export interface RouteHost {
  /** Of the account. */
  readonly url: string;
  readonly port: number;
  /** Answers it instead of the account, when it gives one: an outage, a page. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | null;
  close(): Promise<void>;
}

/** What becomes of events: resolves when they are on disk. */
export type Commit = (events: readonly Inbound[]) => Promise<void>;

/** Serves an account on loopback below `path`. */
export async function startRouteHost(
  instance: () => ChannelInstance,
  path: string,
  commit: Commit,
): Promise<RouteHost> {
  const server = createServer((request, response) => {
    if (host.intercept?.(request, response)) return;
    serve(instance(), { path, commit, url: host.url }, request, response).catch(
      (error: unknown) => {
        // A route must not throw: the test sees it.
        response.writeHead(599).end(String(error));
      },
    );
  });
  const host: { -readonly [Name in keyof RouteHost]: RouteHost[Name] } = {
    url: "",
    port: 0,
    intercept: null,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  host.port = (server.address() as AddressInfo).port;
  host.url = `http://127.0.0.1:${host.port}${path}`;
  return host;
}

async function serve(
  instance: ChannelInstance,
  { path, commit, url }: { path: string; commit: Commit; url: string },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", url);
  const below = instance.routes.filter((route) => `${path}${route.path}` === pathname);
  const route = below.find(({ method }) => method === request.method);
  if (below.length === 0) return answer(response, { status: 404 });
  if (route === undefined) return answer(response, { status: 405 });
  const body = await bodyOf(request, route);
  if (body === null) return answer(response, { status: 413 });
  const handled = await route.handle({
    method: route.method,
    path: route.path,
    headers: request.headers as Record<string, string>,
    query: searchParams,
    body,
    publicUrl: `${url}${route.path}`,
    clientAddress: request.socket.remoteAddress ?? "",
  });
  if ("refused" in handled) return answer(response, handled.refused);
  try {
    if (handled.events.length > 0) await commit(handled.events);
  } catch {
    return answer(response, handled.nack ?? { status: 503, headers: { "Retry-After": "1" } });
  }
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  answer(response, handled.later === undefined ? handled.ack : await handled.later(gone.signal));
}

async function bodyOf(
  request: IncomingMessage,
  { bodyMax }: ChannelRoute,
): Promise<Uint8Array | null> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > bodyMax) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function answer(
  response: ServerResponse,
  { status, contentType = "text/plain; charset=utf-8", headers = {}, body = "" }: ChannelResponse,
): void {
  response.writeHead(status, { "Content-Type": contentType, ...headers }).end(body);
}
