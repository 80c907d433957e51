// The same front door on node:http and ws, where the native server has no build for this Node. It
// behaves alike, tested by the same suite; it is slower and takes more memory for each connection.

import {
  createServer,
  type IncomingMessage,
  type Server as NodeHttpServer,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer, type Server as NodeHttpsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { RuntimeError } from "../../runtime/errors.ts";
import { AddressCount } from "./address-count.ts";
import { earlySocket } from "./early-socket.ts";
import { BodyBuffer, fallbackReply, Presence, Request } from "./exchange.ts";
import { forEachHeader, plainAddress, statusLine } from "./heads.ts";
import { headOf, NodeExchange } from "./node-exchange.ts";
import type { FrontDoor, HttpResponse, Listen, Server, ServerLimits, ServerTls } from "./server.ts";
import { NodeSocket } from "./socket-node.ts";
import { chosenProtocol, overloaded, RESTARTS, SOCKET_IDLE_MS } from "./socket-rules.ts";
import { Unsent } from "./unsent.ts";

/** Idle keep-alive connections are closed after this long, ms; the native server does alike. */
const KEEP_ALIVE_MS = 10_000;
/** Connections past the limit that still get their 503; beyond them they are closed unanswered. */
const REFUSED_MAX = 256;

/** `listen` on node:http and ws. */
export const listenOnNode: Listen = (options) => new NodeServer(options).listen(options);

/**
 * The same at a Unix socket, for requests that another process of this user sends on: in two of their
 * headers they say who the client is and how the request is called.
 */
export function listenForRelay(
  options: Pick<Parameters<Listen>[0], "limits" | "door"> & { readonly path: string },
): Promise<Server> {
  return new NodeServer({ ...options, isRelay: true }).listen({ path: options.path });
}

type NodeServerOptions = Pick<Parameters<Listen>[0], "limits" | "door" | "tls" | "isProxy"> & {
  readonly isRelay?: boolean;
};

/** Where a server listens. */
type Place =
  | { readonly host: string; readonly port: number; readonly isBeside?: boolean }
  | { readonly path: string };

class NodeServer implements Server {
  readonly #limits: ServerLimits;
  readonly #door: FrontDoor;
  readonly #http: NodeHttpServer | NodeHttpsServer;
  readonly #upgrades: WebSocketServer;
  readonly #sockets = new Set<NodeSocket>();
  readonly #heart: NodeJS.Timeout;
  readonly #isRelay: boolean;
  readonly #unsent: Unsent;
  readonly #ofAddress = new AddressCount();
  readonly #isProxy: (address: string) => boolean;
  #requests = 0;
  #open = 0;
  #isStopping = false;
  port = 0;

  constructor({ limits, door, tls, isRelay = false, isProxy = () => false }: NodeServerOptions) {
    this.#isRelay = isRelay;
    this.#isProxy = isProxy;
    this.#unsent = new Unsent(limits, isProxy);
    this.#limits = limits;
    this.#door = door;
    const settings = {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.bodyTimeoutMs,
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
    };
    this.#http =
      tls === undefined
        ? createServer(settings)
        : createTlsServer({ ...settings, ...secureContext(tls) });
    this.#upgrades = new WebSocketServer({
      noServer: true,
      maxPayload: limits.socketMessageBytesMax,
      perMessageDeflate: false,
      handleProtocols: (offered) => chosenProtocol([...offered].join(",")) || false,
    });
    this.#http.maxConnections = limits.connectionsMax + REFUSED_MAX;
    this.#http.on("connection", (socket) => this.#count(socket));
    this.#http.on("request", (request, response) => this.#onRequest(request, response));
    this.#http.on("upgrade", (request, socket, rest) => this.#onUpgrade(request, socket, rest));
    this.#heart = setInterval(() => {
      for (const socket of this.#sockets) socket.beat();
    }, SOCKET_IDLE_MS / 2);
  }

  listen(options: Place): Promise<Server> {
    if ("host" in options && options.isBeside === true) {
      clearInterval(this.#heart);
      const text =
        "node:http shares its port with no other process: a restart needs uWebSockets.js.";
      throw new RuntimeError("CONFIG_INVALID", text);
    }
    return new Promise((resolve, reject) => {
      this.#http.once("error", (cause: NodeJS.ErrnoException) => {
        clearInterval(this.#heart);
        const place = "path" in options ? options.path : `${options.host}:${options.port}`;
        const why = cause.code === "EADDRINUSE" ? "it is in use" : cause.message;
        const message = `${place} cannot be listened on: ${why}.`;
        reject(new RuntimeError("CONFIG_INVALID", message, undefined, { cause }));
      });
      const place = "path" in options ? { path: options.path } : { ...options, exclusive: true };
      this.#http.listen(place, () => {
        const place = this.#http.address();
        this.port = typeof place === "object" && place !== null ? place.port : 0;
        resolve(this);
      });
    });
  }

  connections(): number {
    return this.#requests + this.#sockets.size;
  }

  async renew(tls: ServerTls): Promise<void> {
    if ("setSecureContext" in this.#http) this.#http.setSecureContext(secureContext(tls));
  }

  openConnections(): number {
    return this.#open;
  }

  retire(): void {
    this.#isStopping = true;
    for (const socket of this.#sockets) socket.close(RESTARTS, "The server restarts.");
  }

  unretire(): void {
    this.#isStopping = false;
  }

  stopAccepting(): void {
    this.#isStopping = true;
    this.#http.close();
    this.#http.closeIdleConnections();
  }

  close(): Promise<void> {
    clearInterval(this.#heart);
    for (const socket of this.#sockets) socket.close(1001, "The server is closing.");
    return new Promise((resolve) => {
      this.#http.close(() => resolve());
      this.#isStopping = true;
      this.#http.closeAllConnections();
      for (const socket of this.#sockets) socket.cut();
    });
  }

  #count(socket: Socket): void {
    const { remoteAddress: address = "" } = socket;
    const leave = this.#ofAddress.enter(address);
    this.#open += 1;
    socket.on("close", () => {
      this.#open -= 1;
      leave();
    });
    const isTooMany = this.#ofAddress.of(address) > this.#limits.connectionsPerAddressMax;
    // At a Unix socket there are no addresses.
    if (isTooMany && !this.#isRelay && !this.#isProxy(address)) socket.destroy();
  }

  get #isFull(): boolean {
    return this.#open > this.#limits.connectionsMax;
  }

  #onRequest(incoming: IncomingMessage, response: ServerResponse): void {
    this.#requests += 1;
    response.on("close", () => {
      this.#requests -= 1;
    });
    const exchange = new NodeExchange(incoming, response, {
      limits: this.#limits,
      unsent: this.#unsent,
      isRelay: this.#isRelay,
    });
    exchange
      .run(
        this.#isFull ? async (of) => overloaded(of.id) : (of) => this.#door.handle(of),
        () => this.#isStopping,
      )
      // Only a stream that failed on its way comes here: its head is out, so it is cut.
      .catch(() => response.destroy());
  }

  #onUpgrade(incoming: IncomingMessage, socket: Duplex, rest: Buffer): void {
    const presence = new Presence();
    socket.on("error", () => presence.leave());
    socket.on("close", () => presence.leave());
    const body = new BodyBuffer({ pause: () => {}, resume: () => {} }, this.#limits, 0);
    const request = new Request(headOf(incoming), presence, body, 0);
    const decision = this.#decide(request);
    if ("status" in decision) {
      refuseUpgrade(socket, decision, request.id);
      return;
    }
    this.#upgrades.handleUpgrade(incoming, socket, rest, (opened: WebSocket) => {
      const connection = new NodeSocket(opened, earlySocket(decision), {
        ...{ limits: this.#limits, unsent: this.#unsent },
        address: plainAddress(incoming.socket.remoteAddress ?? ""),
      });
      this.#sockets.add(connection);
      opened.on("close", () => this.#sockets.delete(connection));
      connection.open();
    });
  }

  #decide(request: Request): ReturnType<FrontDoor["upgrade"]> {
    try {
      return this.#isFull ? overloaded(request.id) : this.#door.upgrade(request);
    } catch (error) {
      return fallbackReply(error, request.id);
    }
  }
}

function secureContext({ cert, key, minVersion }: ServerTls): SecureContext {
  return {
    ...{ cert: Buffer.from(cert), key: Buffer.from(key) },
    minVersion: minVersion === "1.2" ? "TLSv1.2" : "TLSv1.3",
  };
}

interface SecureContext {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
}

function refuseUpgrade(socket: Duplex, reply: HttpResponse, requestId: string): void {
  const body = "body" in reply ? Buffer.from(reply.body) : Buffer.alloc(0);
  const headers: Record<string, string> = {
    "X-Request-Id": requestId,
    "Content-Length": String(body.byteLength),
    Connection: "close",
  };
  forEachHeader(reply, (name, value) => {
    headers[name] = value;
  });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${statusLine(reply.status)}\r\n${lines.join("")}\r\n`);
  socket.end(body);
}
