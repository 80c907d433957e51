// The front door on uWebSockets.js, and the only file that knows it. Its sharp edges end here: a
// response is touched only while it lives, `onAborted` comes before anything else, nothing a
// handler throws reaches the native side, every asynchronous write is corked, a port is shared with
// a process that takes over and nobody else, a slow reader is bounded. An App must live on the main thread only.

import type {
  TemplatedApp,
  HttpRequest as UwsRequest,
  HttpResponse as UwsResponse,
  us_listen_socket,
  WebSocketBehavior,
} from "uWebSockets.js";
import { RuntimeError } from "../../runtime/errors.ts";
import { setNativeHeaderBytes } from "../config.ts";
import { AddressWatch } from "./address-watch.ts";
import { earlySocket } from "./early-socket.ts";
import { plainAddress } from "./heads.ts";
import { type ExchangeOwner, NativeExchange } from "./native-exchange.ts";
import { NativeSocket } from "./native-socket.ts";
import type {
  FrontDoor,
  HttpRequest,
  HttpResponse,
  Listen,
  Server,
  ServerLimits,
  ServerTls,
  SocketHandler,
} from "./server.ts";
import { Slots } from "./slots.ts";
import { chosenProtocol, overloaded, RESTARTS, SOCKET_IDLE_MS } from "./socket-rules.ts";
import { Unsent } from "./unsent.ts";

type ListenOptions = Parameters<Listen>[0];
type Native = typeof import("uWebSockets.js");

const EXCLUSIVE_PORT = 1;
const SHARED_PORT = 0;
/** Certificates that were renewed and may have connections left; of one more the oldest is cut. */
const EARLIER_MAX = 8;
/** Connections past the limit that still get their 503; beyond them they are closed unanswered. */
const REFUSED_MAX = 256;
const text = new TextDecoder();

/**
 * `listen` on uWebSockets.js, or null where its native binary does not load (no build for this Node).
 * @param headerBytesMax largest head, fixed for the process by the first call.
 */
export async function loadNativeListen(headerBytesMax: number): Promise<Listen | null> {
  setNativeHeaderBytes(headerBytesMax);
  const native = await import("uWebSockets.js").catch(() => null);
  if (native === null) return null;
  return (options) => new NativeServer(native, options).listen();
}

type ListenWithOptions = (
  host: string,
  port: number,
  options: number,
  done: (listening: us_listen_socket | false) => void,
) => void;

class NativeServer implements Server, ExchangeOwner {
  readonly #native: Native;
  readonly #limits: ServerLimits;
  readonly #door: FrontDoor;
  readonly #place: Pick<ListenOptions, "host" | "port">;
  #app: TemplatedApp;
  /** Those of earlier certificates, oldest first, for the connections they have. */
  readonly #earlier: TemplatedApp[] = [];
  readonly #sockets = new Set<NativeSocket>();
  readonly #requests = new Slots<NativeExchange>();
  #listening: us_listen_socket | null = null;
  readonly #isBeside: boolean;
  readonly #isProxy: (address: string) => boolean;
  readonly #addresses: AddressWatch;
  readonly unsent: Unsent;
  #open = 0;
  port = 0;
  isStopping = false;

  constructor(native: Native, options: ListenOptions) {
    const { limits, door, tls, host, port, isBeside, isProxy = () => false } = options;
    this.#native = native;
    this.#isProxy = isProxy;
    this.unsent = new Unsent(limits, isProxy);
    this.#addresses = new AddressWatch({
      max: limits.connectionsPerAddressMax,
      port: () => this.port,
    });
    this.#limits = limits;
    this.#door = door;
    this.#place = { host, port };
    this.#isBeside = isBeside ?? false;
    this.#app = this.#makeApp(tls);
  }

  #makeApp(tls: ServerTls | undefined): TemplatedApp {
    const { certFile: cert_file_name, keyFile: key_file_name } = tls ?? {};
    const app =
      cert_file_name === undefined || key_file_name === undefined
        ? this.#native.App()
        : this.#native.SSLApp({ cert_file_name, key_file_name });
    const refuse = (request: HttpRequest): HttpResponse => overloaded(request.id);
    const handle = (request: HttpRequest) => this.#door.handle(request);
    app.filter((response, change) => this.#count(response, change));
    app.ws<SocketData>("/*", this.#socketBehavior());
    app.any("/*", (response, request) => {
      this.#begin(response, request)?.run(this.#isFull ? refuse : handle);
    });
    return app;
  }

  async listen(): Promise<Server> {
    const { host, port } = this.#place;
    try {
      this.port = this.#isBeside ? port : await this.#freePort(port);
      this.#listening = await this.#listenAt(this.#app, this.port, SHARED_PORT);
      return this;
    } catch (cause) {
      this.#app.close();
      throw inUse(`${host}:${port}`, cause);
    }
  }

  /**
   * That nobody else has the port is found out by taking it alone. Whoever takes over from this process,
   * and a renewed certificate, listen beside: that takes a port that may be shared, from the first on.
   */
  async #freePort(port: number): Promise<number> {
    const alone = await this.#listenAt(this.#app, port, EXCLUSIVE_PORT);
    const taken = this.#native.us_socket_local_port(alone);
    this.#native.us_listen_socket_close(alone);
    return taken;
  }

  /** The native side cannot take another certificate; another listener at the same port can. */
  async renew(tls: ServerTls): Promise<void> {
    const next = this.#makeApp(tls);
    const listening = await this.#listenAt(next, this.port, SHARED_PORT);
    // What has arrived at the one before is accepted by it first; what arrives in the instant of its
    // end is reset before a byte was sent, unless the system moves it (net.ipv4.tcp_migrate_req).
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#listening !== null) this.#native.us_listen_socket_close(this.#listening);
    this.#listening = listening;
    this.#earlier.push(this.#app);
    this.#app = next;
    if (this.#earlier.length > EARLIER_MAX) this.#earlier.shift()?.close();
  }

  /** @throws when the port is taken. */
  #listenAt(app: TemplatedApp, port: number, options: number): Promise<us_listen_socket> {
    return new Promise((resolve, reject) => {
      // The declaration misses this form; without the option two servers share a port in silence.
      const listen = app.listen.bind(app) as unknown as ListenWithOptions;
      listen(this.#place.host, port, options, (listening) => {
        if (listening === false) reject(new Error("The port is in use."));
        else resolve(listening);
      });
    });
  }

  connections(): number {
    return this.#requests.size + this.#sockets.size;
  }

  openConnections(): number {
    return this.#open;
  }

  retire(): void {
    this.isStopping = true;
    for (const socket of this.#sockets) socket.close(RESTARTS, "The server restarts.");
  }

  unretire(): void {
    this.isStopping = false;
  }

  stopAccepting(): void {
    this.isStopping = true;
    if (this.#listening !== null) this.#native.us_listen_socket_close(this.#listening);
    this.#listening = null;
  }

  async close(): Promise<void> {
    this.stopAccepting();
    for (const socket of this.#sockets) socket.close(1001, "The server is closing.");
    for (const exchange of this.#requests.all()) exchange.cut();
    for (const app of [...this.#earlier, this.#app]) app.close();
  }

  /** The response is over. */
  ended(exchange: NativeExchange): void {
    this.#requests.remove(exchange);
  }

  // Not even a mistake of ours while the head is copied may reach the native side: it would abort.
  #begin(response: UwsResponse, request: UwsRequest): NativeExchange | null {
    try {
      const exchange = new NativeExchange(response, request, this.#limits, this);
      this.#requests.add(exchange);
      return exchange;
    } catch {
      response.close();
      return null;
    }
  }

  get #isFull(): boolean {
    return this.#open > this.#limits.connectionsMax;
  }

  #count(response: UwsResponse, change: number): void {
    this.#open += change > 0 ? 1 : -1;
    if (change < 0) return;
    const isTooMany = this.#open > this.#limits.connectionsMax + REFUSED_MAX;
    if (isTooMany || !this.#mayOpen(response)) response.close();
  }

  /** No address can have too many before there are as many in all. */
  #mayOpen(response: UwsResponse): boolean {
    if (this.#open <= this.#limits.connectionsPerAddressMax) return true;
    const address = plainAddress(text.decode(response.getRemoteAddressAsText()));
    return this.#isProxy(address) || this.#addresses.opened(address);
  }

  #socketBehavior(): WebSocketBehavior<SocketData> {
    return {
      maxPayloadLength: this.#limits.socketMessageBytesMax,
      // One message of headroom: `send` below refuses first, so that the native side never drops.
      maxBackpressure: this.#limits.sendBufferBytesMax + this.#limits.socketMessageBytesMax,
      closeOnBackpressureLimit: true,
      idleTimeout: SOCKET_IDLE_MS / 1_000,
      sendPingsAutomatically: true,
      upgrade: (response, request, context) => {
        const key = request.getHeader("sec-websocket-key");
        const extensions = request.getHeader("sec-websocket-extensions");
        const offered = request.getHeader("sec-websocket-protocol");
        const exchange = this.#begin(response, request);
        // All of it runs before this callback returns: see early-socket.ts.
        exchange?.run(async (of) => {
          const decision = this.#isFull ? overloaded(of.id) : this.#door.upgrade(of);
          if ("status" in decision) return decision;
          const protocol = chosenProtocol(offered);
          exchange.take(() => {
            const data: SocketData = { handler: earlySocket(decision) };
            response.upgrade(data, key, protocol, extensions, context);
          });
          return null;
        });
      },
      open: (socket) => {
        const data = socket.getUserData();
        data.connection = new NativeSocket(socket, data.handler, {
          ...{ limits: this.#limits, unsent: this.unsent },
        });
        this.#sockets.add(data.connection);
        data.connection.guard((handler, self) => handler.onOpen(self));
      },
      message: (socket, message, isBinary) => {
        const { connection } = socket.getUserData();
        if (isBinary) return connection?.close(1003, "Only text frames are understood.");
        const frame = text.decode(message);
        connection?.guard((handler, self) => handler.onMessage(self, frame));
      },
      drain: (socket) => socket.getUserData().connection?.drained(),
      close: (socket, code) => {
        const { connection } = socket.getUserData();
        if (connection === undefined) return;
        this.#sockets.delete(connection);
        connection.closed(code);
      },
    };
  }
}

function inUse(place: string, cause: unknown): RuntimeError {
  const text = `${place} cannot be listened on: it is in use.`;
  return new RuntimeError("CONFIG_INVALID", text, undefined, { cause });
}

interface SocketData {
  readonly handler: SocketHandler;
  connection?: NativeSocket;
}
