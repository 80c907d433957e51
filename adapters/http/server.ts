// The port of the front door: what a route handler sees, whichever server carries it.
// listen.ts implements it on uWebSockets.js, listen-node.ts on node:http and ws.

import type { ErrorData, RuntimeError } from "../../runtime/errors.ts";

/** A request whose head has arrived. Header names are lower case. */
export interface HttpRequest {
  /** `req_...`; also the X-Request-Id of the response. */
  readonly id: string;
  readonly method: string;
  /** Path without query, percent-encoded as sent. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The same as sent, without its question mark. */
  readonly rawQuery: string;
  header(name: string): string | undefined;
  /** All of them as they came; a name may come more than once. */
  headers(): Iterable<readonly [name: string, value: string]>;
  /** Address of the peer, e.g. "127.0.0.1". */
  readonly peer: string;
  /** Aborts when the client has gone away (CANCELLED), or with the reason that it was dismissed for. */
  readonly signal: AbortSignal;
  /** Ends what is done for the client, who is still there and can be told why. */
  dismiss(reason: RuntimeError): void;
  /** Set where its Idempotency-Key may only give what is stored under it: what it is refused with if nothing is. */
  otherwise?: ErrorData;
  /**
   * The whole body: as it is when it has all arrived, else promised. @throws RuntimeError BODY_TOO_LARGE (limit from the route or the server),
   * REQUEST_TIMEOUT when it comes too slowly.
   */
  body(bytesMax?: number): Uint8Array | Promise<Uint8Array>;
}

/** Where a streamed response is written. */
export interface ResponseSink {
  /**
   * Writes a piece. Returns false when the client reads too slowly: await `drained` before the next.
   * Pieces written anyway are held up to the server's limit, past it the client is cut.
   */
  write(piece: string | Uint8Array): boolean;
  readonly drained: Promise<void>;
  /** Aborts when the client is gone or was cut. */
  readonly signal: AbortSignal;
}

/** What every answer has. Content-Length, Date and X-Request-Id are added by the server. */
export interface HttpResponseHead {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Headers that hold unless `headers` has one of the same name, spelled alike: lists that are made
   * once and written as they are, because merging objects for each request costs more than writing.
   */
  readonly defaults?: readonly Readonly<Record<string, string>>[];
}

/** What a handler answers. */
export type HttpResponse = HttpResponseHead &
  (
    | {
        readonly body: string | Uint8Array;
      }
    | {
        /** Writes the body; the response ends when it returns. A throw cuts the connection. */
        stream(sink: ResponseSink): Promise<void>;
      }
  );

/** One open WebSocket. */
export interface Socket {
  /** "ok", "full" (wait for `onDrain`) or "gone". Never drops silently. */
  send(text: string): "ok" | "full" | "gone";
  /** Bytes waiting to be sent. */
  buffered(): number;
  close(code: number, reason: string): void;
}

/** Callbacks of one WebSocket connection. A throw closes it with 1011 and harms nobody else. */
export interface SocketHandler {
  onOpen(socket: Socket): void;
  onMessage(socket: Socket, text: string): void;
  onDrain(socket: Socket): void;
  onClose(socket: Socket, code: number): void;
}

/** What the server carries. Neither function needs to catch: whatever is thrown becomes a response. */
export interface FrontDoor {
  handle(request: HttpRequest): HttpResponse | Promise<HttpResponse>;
  /**
   * Decides about an upgrade: the response that refuses it, or who handles the connection. What it
   * promises comes when the connection is open; a response then becomes close code 4000 + status.
   */
  upgrade(request: HttpRequest): HttpResponse | Promise<SocketHandler | HttpResponse>;
}

/** Limits of a server; every one has a name in adapters/config.ts. */
export interface ServerLimits {
  readonly bodyBytesMax: number;
  readonly headerBytesMax: number;
  readonly connectionsMax: number;
  /** Of one address (a /64 of IPv6), unless it is a proxy's; more are closed. */
  readonly connectionsPerAddressMax: number;
  readonly bodyTimeoutMs: number;
  /** A client that reads nothing for this long is cut. */
  readonly slowReaderMs: number;
  /** Bytes held for one slow reader before it is cut. */
  readonly sendBufferBytesMax: number;
  /** Bytes that wait before all readers, and before those of one address; past it the longest waiting are cut. */
  readonly unsentBytesMax: number;
  readonly unsentBytesPerAddressMax: number;
  readonly socketMessageBytesMax: number;
}

/** A listening server. */
export interface Server {
  readonly port: number;
  /** Open HTTP requests and WebSockets. */
  connections(): number;
  /**
   * Connections from now on get this certificate; those that are open go on as they are. Only of a
   * server that was started with one. @throws when it cannot be served; the old one is served then.
   */
  renew?(tls: ServerTls): Promise<void>;
  /** Connections that are open, also those on which nothing is asked. */
  openConnections(): number;
  /**
   * From now on each answer closes its connection, so that clients come anew, and WebSockets are told
   * that the service restarts (1012). It still accepts.
   */
  retire(): void;
  /** Takes `retire` back. */
  unretire(): void;
  /** Stops accepting; open requests go on. */
  stopAccepting(): void;
  /** Closes everything. */
  close(): Promise<void>;
}

/** A certificate chain and its key, that were found to be a pair. */
export interface ServerTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  /** The native server knows 1.2 alone. */
  readonly minVersion: "1.2" | "1.3";
}

/** Starts a server. @throws when the port is taken (never shares it silently). */
export type Listen = (options: {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly limits: ServerLimits;
  readonly door: FrontDoor;
  /** Absent: plain HTTP. */
  readonly tls?: ServerTls;
  /** Whether many clients come from an address: limits of one do not hold for it. Default: of none. */
  readonly isProxy?: (address: string) => boolean;
  /** Another process of this user has the port and shares it, until it goes. Default: nobody has it. */
  readonly isBeside?: boolean;
}) => Promise<Server>;
