// The one way out for every HTTP call. An address is checked after it was resolved and is the very
// one connected to, so that a name cannot point elsewhere in between; redirects are refused; time,
// size and connections are limited; an abort closes the socket at once. Headers and bodies carry
// secrets and never appear in an error.

import dns from "node:dns";
import http, { type ClientRequest, type IncomingMessage } from "node:http";
import https from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { RuntimeError } from "../runtime/errors.ts";
import { hostOf, isPublicAddress } from "./egress-address.ts";

/** Limits of one request. */
export interface EgressLimits {
  /** From the call to the response's head, the wait for a free connection included. Milliseconds. */
  readonly firstByteMs: number;
  /** Between two pieces of the response's body. Milliseconds. */
  readonly idleMs: number;
  /** The whole exchange. Milliseconds. */
  readonly totalMs: number;
  /** The response's body. */
  readonly bytesMax: number;
}

/** Limits where a request names none. */
export const egressLimits: EgressLimits = {
  firstByteMs: 30_000,
  idleMs: 30_000,
  totalMs: 120_000,
  bytesMax: 16 * 1024 * 1024,
};

/** A request. Its URL is http or https and carries no credentials. */
export interface EgressRequest {
  readonly url: string;
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
  readonly limits?: Partial<EgressLimits>;
  /** Sockets open to the host at once. Default 64. */
  readonly connectionsMax?: number;
}

/** A response whose head has arrived. Its body must be read or discarded. */
export interface EgressResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /**
   * Hands over the body's pieces as they come; resolves at its end. A throw of `onData` closes the
   * socket and is thrown. @throws RuntimeError PROVIDER_UNAVAILABLE (cut), DEADLINE, CANCELLED,
   * PROVIDER_FAILED (larger than `bytesMax`).
   */
  read(onData: (piece: Buffer) => void): Promise<void>;
  /** The whole body as text. */
  text(): Promise<string>;
  /** Closes the socket; what has not been read is lost. */
  discard(): void;
}

/** What the operator allows. */
export interface EgressPolicy {
  /** Hosts of the operator's own configuration ("localhost", "10.0.0.5"): private addresses too. */
  readonly allowedHosts: readonly string[];
  /** Resolves names; default the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly { address: string; family: number }[]>;
}

/** The way out. */
export interface Egress {
  /**
   * Sends a request and waits for the response's head.
   * @throws RuntimeError EGRESS_REFUSED (address, scheme or redirect not allowed), POOL_FULL,
   * PROVIDER_UNAVAILABLE (no connection), DEADLINE, CANCELLED.
   */
  request(request: EgressRequest): Promise<EgressResponse>;
  /** Closes idle and open sockets. */
  close(): void;
}

const CONNECTIONS_MAX = 64;
/** Requests that may wait for a connection to one host. */
const WAITING_MAX = 1_024;
const KEEP_ALIVE_MS = 30_000;
const IDLE_SOCKETS_MAX = 64;

type Agents = { readonly "http:": http.Agent; readonly "https:": https.Agent };

/** Builds the way out for one thread. */
export function createEgress(policy: EgressPolicy): Egress {
  const allowed = new Set(policy.allowedHosts.map((host) => host.toLowerCase()));
  const lookup = checkedLookup(allowed, policy.resolve ?? resolveBySystem);
  const agentsBySize = new Map<number, Agents>();
  const openByOrigin = new Map<string, number>();
  const agentsOf = (connectionsMax: number): Agents => {
    let agents = agentsBySize.get(connectionsMax);
    if (!agents) {
      const options = {
        keepAlive: true,
        keepAliveMsecs: KEEP_ALIVE_MS,
        maxSockets: connectionsMax,
        maxFreeSockets: IDLE_SOCKETS_MAX,
        scheduling: "lifo",
        lookup,
      } as const;
      agents = { "http:": new http.Agent(options), "https:": new https.Agent(options) };
      agentsBySize.set(connectionsMax, agents);
    }
    return agents;
  };
  return {
    async request(request) {
      const url = checkedUrl(request.url, allowed);
      const connectionsMax = request.connectionsMax ?? CONNECTIONS_MAX;
      const open = openByOrigin.get(url.origin) ?? 0;
      if (open >= connectionsMax + WAITING_MAX) {
        const message = `${url.host} has ${open} requests open or waiting; the limit is ${open}.`;
        throw new RuntimeError("POOL_FULL", message, { host: url.host });
      }
      openByOrigin.set(url.origin, open + 1);
      const exchange = new Exchange(request, url, agentsOf(connectionsMax), () => {
        const left = (openByOrigin.get(url.origin) ?? 1) - 1;
        if (left > 0) openByOrigin.set(url.origin, left);
        else openByOrigin.delete(url.origin);
      });
      return exchange.head();
    },
    close() {
      for (const agents of agentsBySize.values()) {
        agents["http:"].destroy();
        agents["https:"].destroy();
      }
    },
  };
}

const resolveBySystem = (host: string) => dns.promises.lookup(host, { all: true, verbatim: true });

function refused(host: string, why: string): RuntimeError {
  return new RuntimeError("EGRESS_REFUSED", `A request to ${host} was refused: ${why}.`, { host });
}

function checkedUrl(text: string, allowed: ReadonlySet<string>): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url) throw refused("an unreadable address", "it is no URL");
  const host = hostOf(url);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refused(host, `the scheme ${url.protocol} is not http or https`);
  }
  if (url.username !== "" || url.password !== "") throw refused(host, "its URL has credentials");
  if (isIP(host) !== 0 && !allowed.has(host) && !isPublicAddress(host)) {
    throw refused(host, "the address is not public and the operator has not allowed this host");
  }
  return url;
}

// Given to the socket as its resolver: what passes here is what is connected to.
function checkedLookup(
  allowed: ReadonlySet<string>,
  resolve: NonNullable<EgressPolicy["resolve"]>,
): LookupFunction {
  return (hostname, options, done) => {
    const host = hostname.toLowerCase().replace(/\.$/, "");
    resolve(host).then(
      (addresses) => {
        const first = addresses[0];
        if (!first) return done(refused(host, "the name has no address"), "", 0);
        if (!allowed.has(host) && !addresses.every(({ address }) => isPublicAddress(address))) {
          const why = "the name leads to an address that is not public, and is not allowed";
          return done(refused(host, why), "", 0);
        }
        if (options.all) return done(null, [...addresses]);
        return done(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => done(error, "", 0),
    );
  };
}

const isRedirect = (status: number) => [301, 302, 303, 307, 308].includes(status);

/** One request and its response: owns the socket's use, the timers and the abort. */
class Exchange {
  readonly #host: string;
  readonly #limits: EgressLimits;
  readonly #signal: AbortSignal | undefined;
  readonly #request: ClientRequest;
  readonly #released: () => void;
  readonly #totalTimer: NodeJS.Timeout;
  #idleTimer: NodeJS.Timeout;
  #fail: (error: RuntimeError) => void = () => {};
  #failure: RuntimeError | undefined;
  #isOver = false;

  constructor(request: EgressRequest, url: URL, agents: Agents, released: () => void) {
    this.#host = url.host;
    this.#limits = { ...egressLimits, ...request.limits };
    this.#signal = request.signal;
    this.#released = released;
    const body = request.body === undefined ? undefined : Buffer.from(request.body);
    const send = url.protocol === "https:" ? https.request : http.request;
    this.#request = send(url, {
      method: request.method,
      agent: agents[url.protocol as keyof Agents],
      headers: { ...request.headers, ...(body && { "content-length": body.length }) },
    });
    this.#request.setNoDelay(true);
    const { firstByteMs, totalMs } = this.#limits;
    this.#totalTimer = setTimeout(() => this.#late("answered whole", totalMs), totalMs);
    this.#idleTimer = setTimeout(() => this.#late("begun to answer", firstByteMs), firstByteMs);
    this.#signal?.addEventListener("abort", this.#onAbort);
    this.#request.on("error", (error) => this.#failed(error));
    if (this.#signal?.aborted) this.#onAbort();
    else this.#request.end(body);
  }

  head(): Promise<EgressResponse> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      if (this.#failure) return reject(this.#failure);
      this.#request.once("response", (message) => {
        clearTimeout(this.#idleTimer);
        const status = message.statusCode ?? 0;
        if (isRedirect(status)) {
          return this.#end(refused(this.#host, `it answered with a redirect (${status})`));
        }
        const encoding = message.headers["content-encoding"] ?? "identity";
        if (encoding !== "identity") {
          return this.#end(refused(this.#host, "it answered compressed, which was not asked for"));
        }
        resolve(this.#response(message, status));
      });
    });
  }

  #response(message: IncomingMessage, status: number): EgressResponse {
    const read = (onData: (piece: Buffer) => void) => this.#read(message, onData);
    message.on("error", (error) => this.#failed(error));
    return {
      status,
      headers: message.headers,
      read,
      async text() {
        const pieces: Buffer[] = [];
        await read((piece) => pieces.push(piece));
        return Buffer.concat(pieces).toString("utf8");
      },
      discard: () => this.#end(new RuntimeError("CANCELLED", "The response was discarded.")),
    };
  }

  #read(message: IncomingMessage, onData: (piece: Buffer) => void): Promise<void> {
    const { idleMs, bytesMax } = this.#limits;
    let bytes = 0;
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      if (this.#failure) return reject(this.#failure);
      this.#idleTimer = setTimeout(() => this.#late("sent anything more", idleMs), idleMs);
      message.on("data", (piece: Buffer) => {
        // Re-armed in place: a new timer for each token would cost as much as reading it.
        this.#idleTimer.refresh();
        bytes += piece.length;
        if (bytes > bytesMax) {
          const text = `${this.#host} sent more than ${bytesMax} bytes.`;
          return this.#end(new RuntimeError("PROVIDER_FAILED", text, { bytesMax }));
        }
        try {
          onData(piece);
        } catch (error) {
          reject(error);
          this.#end(new RuntimeError("CANCELLED", "The reader stopped."));
        }
      });
      message.once("end", () => {
        this.#settle();
        resolve();
      });
      message.once("close", () => this.#failed(new Error("closed")));
    });
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.#signal?.reason;
    const isOurs = reason instanceof RuntimeError;
    const text = `The request to ${this.#host} was cancelled.`;
    this.#end(isOurs ? reason : new RuntimeError("CANCELLED", text));
  };

  #late(what: string, limitMs: number): void {
    const text = `${this.#host} has not ${what} within ${limitMs} ms.`;
    this.#end(new RuntimeError("DEADLINE", text, { host: this.#host, limitMs }));
  }

  #failed(error: NodeJS.ErrnoException): void {
    if (error instanceof RuntimeError) {
      this.#end(error);
      return;
    }
    const text = `The connection to ${this.#host} failed (${error.code ?? error.message}).`;
    const details = { host: this.#host, isReused: this.#request.reusedSocket };
    this.#end(new RuntimeError("PROVIDER_UNAVAILABLE", text, details));
  }

  // The first end counts: destroying the socket makes it report further errors.
  #end(error: RuntimeError): void {
    if (this.#isOver) return;
    this.#failure = error;
    this.#settle();
    this.#request.destroy();
    this.#fail(error);
  }

  #settle(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#totalTimer);
    clearTimeout(this.#idleTimer);
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#released();
  }
}
