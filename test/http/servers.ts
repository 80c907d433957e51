// Test support: both servers by name, a door made of one function, and raw sockets.

import { connect, type Socket as TcpSocket } from "node:net";
import { loadNativeListen } from "../../adapters/http/listen.ts";
import { listenOnNode } from "../../adapters/http/listen-node.ts";
import type {
  FrontDoor,
  HttpRequest,
  HttpResponse,
  Listen,
  Server,
  ServerLimits,
  ServerTls,
  SocketHandler,
} from "../../adapters/http/server.ts";

const native = await loadNativeListen(8_192);

/** The servers that exist on this machine. */
export const servers: readonly (readonly [string, Listen])[] = [
  ["node", listenOnNode],
  ...(native === null ? [] : [["native", native] as const]),
];

/** Limits small enough to reach in a test. */
export const testLimits: ServerLimits = {
  bodyBytesMax: 100_000,
  headerBytesMax: 8_192,
  connectionsMax: 2_000,
  connectionsPerAddressMax: 1_000_000,
  unsentBytesMax: 256_000_000,
  unsentBytesPerAddressMax: 256_000_000,
  bodyTimeoutMs: 600,
  slowReaderMs: 700,
  sendBufferBytesMax: 262_144,
  socketMessageBytesMax: 100_000,
};

/** Starts a server on a free port. */
export function start(
  listen: Listen,
  handle: (request: HttpRequest) => Promise<HttpResponse> | HttpResponse,
  options: {
    readonly limits?: Partial<ServerLimits>;
    readonly socket?: SocketHandler;
    readonly upgrade?: FrontDoor["upgrade"];
    readonly tls?: ServerTls;
  } = {},
): Promise<Server> {
  const { socket } = options;
  return listen({
    host: "127.0.0.1",
    port: 0,
    limits: { ...testLimits, ...options.limits },
    ...(options.tls && { tls: options.tls }),
    door: {
      handle: async (request) => handle(request),
      upgrade:
        options.upgrade ?? (async () => socket ?? { status: 404, headers: {}, body: "no socket" }),
    },
  });
}

/** A raw TCP connection that keeps what it was sent. */
export class Raw {
  readonly socket: TcpSocket;
  text = "";
  isClosed = false;
  #watchers: (() => void)[] = [];

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (chunk) => {
      this.text += chunk.toString("latin1");
      this.#changed();
    });
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.isClosed = true;
      this.#changed();
    });
  }

  write(text: string | Uint8Array): this {
    this.socket.write(text);
    return this;
  }

  /** Waits until what was received satisfies `test`, or the connection has closed. */
  async until(test: (text: string) => boolean): Promise<string> {
    while (!test(this.text) && !this.isClosed) {
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
    }
    return this.text;
  }

  async closed(): Promise<string> {
    return this.until(() => false);
  }

  end(): void {
    this.socket.destroy();
  }

  #changed(): void {
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const watcher of watchers) watcher();
  }
}
