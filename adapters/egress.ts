// The one way out for every HTTP call. An address is checked after it was resolved and is the very
// one connected to, so that a name cannot point elsewhere in between; redirects are refused; time,
// size and connections are limited; an abort closes the socket at once. Headers and bodies carry
// secrets and never appear in an error. undici's dispatch is used without its streams: a call of a
// model cost 20 us of CPU this way, 30 with node:http.

import type { Dispatcher } from "undici";
import type { DomainLists } from "../actors/records/constraints.ts";
import { RuntimeError } from "../runtime/errors.ts";
import type { WeightOf } from "../runtime/shared/tenant-weights.ts";
import {
  checkDomains,
  checkedLookup,
  checkedUrl,
  hostOf,
  hostRule,
  refused,
} from "./egress-address.ts";
import { closeIdle, HostPool } from "./egress-pool.ts";
import { poolClass } from "./undici-pool.ts";

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
  /** Whose it is: tenants take turns where requests wait for a connection. Default: nobody's, "". */
  readonly tenant?: string;
  /** Lists of hosts that the host has to be among, all of them (`checkDomains`). Default: any host. */
  readonly domains?: DomainLists | undefined;
  /**
   * What a redirect is: an error, or an answer whose `location` the caller asks for itself, in a new
   * request that is checked as any other (and without the headers meant for this host). Default refuse.
   */
  readonly redirects?: "refuse" | "show";
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
  /** Why no request may be sent at all; default: requests may be. */
  readonly closed?: string | undefined;
  /** Resolves names; default the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly { address: string; family: number }[]>;
  /** Shares of a tenant where requests wait for a connection. Default: one each. */
  readonly weightOf?: WeightOf | undefined;
}

/** The way out. */
export interface Egress {
  /**
   * Sends a request and waits for the response's head.
   * @throws RuntimeError EGRESS_REFUSED (address, scheme or redirect not allowed), POOL_FULL,
   * PROVIDER_UNAVAILABLE (no connection), DEADLINE, CANCELLED.
   */
  request(request: EgressRequest): Promise<EgressResponse>;
  /** Whether a request there is kept within the lists. @throws RuntimeError EGRESS_REFUSED. */
  check(url: string, domains: DomainLists): void;
  /** Closes idle and open sockets. */
  close(): void;
}

const CONNECTIONS_MAX = 64;
const CONNECT_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;
/** Hosts whose connections are kept; past it those without a request are closed. */
const HOSTS_KEPT = 64;
/** Checked addresses that are remembered. */
const ADDRESSES_KEPT = 256;
/** Bytes of a body that are taken before anybody reads it. */
const EARLY_BYTES_MAX = 65_536;

/** A checked address. */
interface Destination {
  readonly host: string;
  readonly origin: string;
  readonly path: string;
}

/** Builds the way out for one thread. */
export function createEgress(policy: EgressPolicy): Egress {
  const allowed = new Set(
    policy.allowedHosts.map((host) => hostRule(host)?.host ?? host.toLowerCase()),
  );
  const lookup = checkedLookup(allowed, policy.resolve);
  const checked = new Map<string, Destination>();
  const hosts = new Map<string, HostPool>();

  const destinationOf = (text: string): Destination => {
    const known = checked.get(text);
    if (known) return known;
    const url = checkedUrl(text, allowed);
    const { host, origin } = url;
    const destination = { host, origin, path: url.pathname + url.search };
    if (checked.size >= ADDRESSES_KEPT) checked.clear();
    checked.set(text, destination);
    return destination;
  };
  const hostPoolOf = (origin: string, connectionsMax: number): HostPool => {
    const key = `${connectionsMax} ${origin}`;
    let host = hosts.get(key);
    if (!host) {
      if (hosts.size >= HOSTS_KEPT) closeIdle(hosts);
      const Pool = poolClass();
      const pool = new Pool(origin, {
        connections: connectionsMax,
        pipelining: 1,
        // Time is limited here, and by one timer for each limit.
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connect: { lookup, timeout: CONNECT_MS },
      });
      host = new HostPool(pool, connectionsMax, policy.weightOf);
      hosts.set(key, host);
    }
    return host;
  };
  return {
    async request(request) {
      if (policy.closed !== undefined) throw refused(hostOf(new URL(request.url)), policy.closed);
      const destination = destinationOf(request.url);
      const { domains } = request;
      if (domains !== undefined) checkDomains(new URL(destination.origin), domains, allowed);
      const connectionsMax = request.connectionsMax ?? CONNECTIONS_MAX;
      const host = hostPoolOf(destination.origin, connectionsMax);
      const full = host.fullFor(request.tenant ?? "");
      if (full !== undefined) {
        const message = `For a connection to ${destination.host} ${full.waiting} requests wait; the limit is ${full.limit}.`;
        throw new RuntimeError("POOL_FULL", message, { host: destination.host });
      }
      return await new Exchange(request, destination, host).head;
    },
    check: (url, domains) => checkDomains(checkedUrl(url, allowed), domains, allowed),
    close() {
      for (const host of hosts.values()) void host.pool.destroy();
      hosts.clear();
    },
  };
}

const isRedirect = (status: number) => [301, 302, 303, 307, 308].includes(status);

/** One request and its response: owns the socket's use, the timers and the abort. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly head: Promise<EgressResponse>;
  readonly #request: EgressRequest;
  readonly #to: Destination;
  readonly #hostPool: HostPool;
  readonly #limits: EgressLimits;
  readonly #totalTimer: NodeJS.Timeout;
  #idleTimer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #answer: (response: EgressResponse) => void = () => {};
  #fail: (error: RuntimeError) => void = () => {};
  #failure: RuntimeError | undefined;
  #isOver = false;
  #hasEnded = false;
  #bytes = 0;
  /** Pieces that came before anybody read. */
  #early: Buffer[] = [];
  #onData: ((piece: Buffer) => void) | undefined;
  #onEnd: () => void = () => {};

  constructor(request: EgressRequest, to: Destination, hostPool: HostPool) {
    this.#request = request;
    this.#to = to;
    this.#hostPool = hostPool;
    this.#limits = { ...egressLimits, ...request.limits };
    this.head = new Promise((resolve, reject) => {
      this.#answer = resolve;
      this.#fail = reject;
    });
    const { firstByteMs, totalMs } = this.#limits;
    this.#totalTimer = setTimeout(() => this.#late("answered whole", totalMs), totalMs);
    this.#idleTimer = setTimeout(() => this.#late("begun to answer", firstByteMs), firstByteMs);
    request.signal?.addEventListener("abort", this.#onAbort);
    hostPool.enter(this, request.tenant ?? "");
    if (request.signal?.aborted) this.#onAbort();
  }

  send(): void {
    if (this.#isOver) return;
    const { method, headers, body } = this.#request;
    const { origin, path } = this.#to;
    const sent = { origin, path, method, headers: headers ?? null, body: body ?? null };
    try {
      this.#hostPool.pool.dispatch(sent, this);
    } catch (error) {
      // What undici refuses to send: a header or a method that is none.
      this.#failed(error as Error);
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(new Error("over"));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: EgressResponse["headers"],
  ): void {
    if (this.#isOver || status < 200) return;
    clearTimeout(this.#idleTimer);
    if (isRedirect(status) && this.#request.redirects !== "show") {
      this.#end(refused(this.#to.host, `it answered with a redirect (${status})`));
      return;
    }
    if ((headers["content-encoding"] ?? "identity") !== "identity") {
      const why = "it answered compressed, which was not asked for";
      this.#end(refused(this.#to.host, why));
      return;
    }
    this.#answer(this.#response(status, headers));
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    if (this.#isOver) return;
    const { bytesMax } = this.#limits;
    this.#bytes += piece.length;
    if (this.#bytes > bytesMax) {
      const text = `${this.#to.host} sent more than ${bytesMax} bytes.`;
      this.#end(new RuntimeError("PROVIDER_FAILED", text, { bytesMax }));
      return;
    }
    if (this.#onData === undefined) {
      this.#early.push(piece);
      if (this.#bytes > EARLY_BYTES_MAX) controller.pause();
      return;
    }
    // Re-armed in place: a new timer for each token would cost as much as reading it.
    this.#idleTimer.refresh();
    this.#onData(piece);
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    this.#hasEnded = true;
    this.#settle();
    this.#onEnd();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#failed(error);
  }

  #response(status: number, headers: EgressResponse["headers"]): EgressResponse {
    const read = (onData: (piece: Buffer) => void) => this.#read(onData);
    return {
      status,
      headers,
      read,
      async text() {
        const pieces: Buffer[] = [];
        await read((piece) => pieces.push(piece));
        const [only] = pieces;
        const whole = pieces.length === 1 && only ? only : Buffer.concat(pieces);
        return whole.toString("utf8");
      },
      discard: () => this.#end(new RuntimeError("CANCELLED", "The response was discarded.")),
    };
  }

  #read(onData: (piece: Buffer) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      const before = this.#failure;
      if (before?.code === "CANCELLED") return reject(before);
      const take = (piece: Buffer): void => {
        try {
          onData(piece);
        } catch (error) {
          reject(error);
          this.#end(new RuntimeError("CANCELLED", "The reader stopped."));
        }
      };
      const early = this.#early;
      this.#early = [];
      // Of a connection that was cut before anybody read, what had come is the reader's all the same.
      for (const piece of early) if (this.#failure === before) take(piece);
      if (before !== undefined) return reject(before);
      if (this.#hasEnded) return resolve();
      if (this.#isOver) return;
      const { idleMs } = this.#limits;
      this.#idleTimer = setTimeout(() => this.#late("sent anything more", idleMs), idleMs);
      this.#onData = take;
      this.#onEnd = resolve;
      this.#controller?.resume();
    });
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.#request.signal?.reason;
    const isOurs = reason instanceof RuntimeError;
    const text = `The request to ${this.#to.host} was cancelled.`;
    this.#end(isOurs ? reason : new RuntimeError("CANCELLED", text));
  };

  #late(what: string, limitMs: number): void {
    const { host } = this.#to;
    const text = `${host} has not ${what} within ${limitMs} ms.`;
    this.#end(new RuntimeError("DEADLINE", text, { host, limitMs }));
  }

  #failed(error: NodeJS.ErrnoException): void {
    if (this.#isOver) return;
    if (error instanceof RuntimeError) {
      this.#end(error);
      return;
    }
    const { host } = this.#to;
    const text = `The connection to ${host} failed (${error.code ?? error.message}).`;
    // A connection that was opened for this request fails with the system's own code.
    const isReused = error.code === "UND_ERR_SOCKET" || error.code === "ECONNRESET";
    const details = { host, isReused, reason: error.code ?? "" };
    this.#end(new RuntimeError("PROVIDER_UNAVAILABLE", text, details));
  }

  // The first end counts: closing the socket makes it report further errors.
  #end(error: RuntimeError): void {
    if (this.#isOver) return;
    this.#failure = error;
    this.#settle();
    this.#controller?.abort(error);
    this.#fail(error);
  }

  #settle(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#totalTimer);
    clearTimeout(this.#idleTimer);
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
    this.#hostPool.leave(this);
  }
}
