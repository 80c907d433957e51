// The front door: one straight line for every request. Host, route, who, origin, scope, rate, body,
// handler, answer. What is thrown anywhere on it becomes an answer in the style of its surface.

import { type ErrorData, RuntimeError, toErrorData } from "../../runtime/errors.ts";
import type { System } from "../../runtime/system.ts";
import { type Authenticator, authorize, presentedKey, withinScope } from "./auth.ts";
import { type ReadBody, readBody } from "./body.ts";
import { Context } from "./context.ts";
import type { DoorAudit, Refused } from "./door-audit.ts";
import { errorStyle } from "./error-style.ts";
import type { WorkGate } from "./gate/work-gate.ts";
import { healthReply, isHealth, safeHeaders } from "./health.ts";
import type { OriginRules } from "./origin.ts";
import { createStreamWatch, type StreamWatch } from "./proof.ts";
import type { Allowance, RateLimiter } from "./rate.ts";
import { rateHeaders } from "./rate-headers.ts";
import { errorReply, noContent } from "./reply.ts";
import type { RequestLine } from "./request-line.ts";
import {
  createRouteTable,
  type ErrorStyle,
  type Match,
  type Principal,
  type Route,
  type RouteContext,
} from "./route.ts";
import type {
  FrontDoor,
  HttpRequest,
  HttpResponse,
  ResponseSink,
  SocketHandler,
} from "./server.ts";
import { checkQuery } from "./validate.ts";

/** What the door is made of. */
export interface DoorOptions {
  readonly routes: readonly Route[];
  readonly system: System;
  readonly authenticator: Authenticator;
  readonly origins: OriginRules;
  readonly rates: RateLimiter;
  readonly gate: WorkGate;
  /** What is done is told there. Default: nowhere. */
  readonly audit?: DoorAudit;
  /** Called once for each answer. */
  readonly log?: (line: RequestLine) => void;
  /** Whether what a start prepares is there; `/health/ready` says so. Default: yes, until `stop`. */
  readonly isReady?: () => boolean;
  /** How often readers of open streams are proved anew, ms. Default `STREAM_PROOF_MS`. */
  readonly streamProofMs?: number;
  /** Makes the handler of a WebSocket on `/ws`; null principal: it must say hello with a key. */
  readonly socket?: (
    request: HttpRequest,
    principal: Principal | null,
  ) => SocketHandler | Promise<SocketHandler>;
}

/** Has another process answer a request; null when it is to be answered here. @throws what is answered. */
export type Elsewhere = (request: HttpRequest) => Promise<HttpResponse | null>;

/** A front door that can be told to stop. */
export interface Door extends FrontDoor {
  /**
   * From now on every request but `/health` is SHUTTING_DOWN; with `elsewhere` it is answered there, and
   * so is one that can be sent twice and was under way.
   */
  stop(elsewhere?: Elsewhere): void;
  /** Takes it back, with nothing stopped. */
  goOn(): void;
}

const SOCKET_PATH = "/ws";
const RETRY_AFTER_STOP_MS = 5_000;
const NOBODY: Principal = {
  tenant: "",
  keyId: null,
  isServer: false,
  role: "viewer",
  allowedServices: [],
  expiresAt: null,
  via: "none",
};

/** Ties the parts together. */
export function createDoor(options: DoorOptions): Door {
  const table = createRouteTable(options.routes);
  let isStopping = false;
  let elsewhere: Elsewhere | undefined;
  const streams = createStreamWatch(options.authenticator, options.streamProofMs);

  function health(path: string): HttpResponse {
    if (isStopping) return healthReply(path, "stopping");
    return healthReply(path, (options.isReady?.() ?? true) ? "ok" : "starting");
  }

  function refuseWhenStopping(): void {
    if (!isStopping) return;
    throw new RuntimeError("SHUTTING_DOWN", "The server is shutting down.", {
      retryAfterMs: RETRY_AFTER_STOP_MS,
    });
  }

  async function serve(request: HttpRequest): Promise<HttpResponse> {
    const visit = new Visit(request, options, streams);
    try {
      const there = elsewhere === undefined ? null : await elsewhere(request);
      if (there !== null) return there;
      refuseWhenStopping();
      options.origins.checkHost(request);
      const reply = visit.answer(table.match(request.method, request.path));
      return visit.done(reply instanceof Promise ? await reply : reply);
    } catch (error) {
      const isCut = error instanceof RuntimeError && error.code === "SHUTTING_DOWN";
      if (isCut && elsewhere !== undefined && mayBeRepeated(request)) {
        const there = await elsewhere(request).catch((cause: unknown) => visit.failed(cause));
        if (there !== null) return there;
      }
      return visit.failed(error);
    }
  }

  return {
    stop: (to) => {
      isStopping = true;
      elsewhere = to;
    },
    goOn: () => {
      isStopping = false;
      elsewhere = undefined;
    },
    handle: (request) => {
      if (elsewhere !== undefined) return serve(request);
      const { path, method } = request;
      return path.startsWith("/health") && isHealth(path, method) ? health(path) : serve(request);
    },
    upgrade: (request) => {
      const visit = new Visit(request, options, streams);
      try {
        refuseWhenStopping();
        options.origins.checkHost(request);
        return visit.upgrade().catch((error: unknown) => visit.failed(error));
      } catch (error) {
        return visit.failed(error);
      }
    },
  };
}

/** Whether answering it a second time does nothing twice. */
export function mayBeRepeated(request: HttpRequest): boolean {
  if (request.method === "GET" || request.method === "HEAD") return true;
  return request.header("idempotency-key") !== undefined;
}

type RouteMatch = Extract<Match, { type: "route" }>;
type Streamed = Extract<HttpResponse, { stream: unknown }>;

/** One request on its way. */
class Visit {
  readonly #request: HttpRequest;
  readonly #options: DoorOptions;
  readonly #streams: StreamWatch;
  #context: RouteContext | null = null;
  readonly #startedMs = performance.now();
  #route: Route | null = null;
  #principal: Principal = NOBODY;
  #allowance: Allowance | null = null;
  #cors: Readonly<Record<string, string>> = NONE;

  constructor(request: HttpRequest, options: DoorOptions, streams: StreamWatch) {
    this.#request = request;
    this.#options = options;
    this.#streams = streams;
  }

  // Waits only where there is something to wait for: each turn of the queue of promises costs CPU.
  answer(match: Match): HttpResponse | Promise<HttpResponse> {
    const { origins } = this.#options;
    const request = this.#request;
    this.#cors = origins.corsHeaders(request);
    if (match.type === "unknown") {
      throw new RuntimeError("NOT_FOUND", `There is nothing at ${request.path.slice(0, 200)}.`);
    }
    if (match.type === "wrong-method") return this.#wrongMethod(match);
    const { route } = match;
    this.#route = route;
    const admission = this.#admit(route);
    return admission === null ? this.#gated(match) : admission.then(() => this.#gated(match));
  }

  /** Who stops something does not wait at the gate, nor does the operator, who has no tenant. */
  #gated(match: RouteMatch): HttpResponse | Promise<HttpResponse> {
    const { tenant, keyId } = this.#principal;
    const { isControl = false, hasOwnGate = false } = match.route;
    if (isControl || tenant === "") return this.#answer(match);
    const { requests } = this.#options.gate;
    if (!hasOwnGate) {
      return requests.pass(tenant, keyId ?? "", this.#request, (isItsTurn) =>
        this.#answer(match, isItsTurn),
      );
    }
    const body = requests.pass(tenant, keyId ?? "", this.#request, (isItsTurn) =>
      this.#read(match.route, isItsTurn),
    );
    return this.#callWith(match, body);
  }

  #answer(match: RouteMatch, isItsTurn = false): HttpResponse | Promise<HttpResponse> {
    return this.#callWith(match, this.#read(match.route, isItsTurn));
  }

  /** What it costs begins here: tenants take turns for it. */
  #read(route: Route, isItsTurn: boolean): ReadBody | Promise<ReadBody> {
    const { turns } = this.#options.gate;
    if (route.isControl === true || isItsTurn || turns.isNow()) return this.#body(route);
    return turns.turn(this.#principal.tenant).then(() => this.#body(route));
  }

  #callWith(
    match: RouteMatch,
    body: ReadBody | Promise<ReadBody>,
  ): HttpResponse | Promise<HttpResponse> {
    return body instanceof Promise
      ? body.then((read) => this.#call(match, read))
      : this.#call(match, body);
  }

  #call(match: RouteMatch, read: ReadBody): HttpResponse | Promise<HttpResponse> {
    const request = this.#request;
    const context = new Context(request, match, this.#principal, this.#options, read);
    this.#context = context;
    // The body has the type of the schema it was just checked against.
    const handle = () => match.route.handler(context as unknown as RouteContext<never>);
    const { audit } = this.#options;
    return withinScope(context, () =>
      audit === undefined ? handle() : audit.call(context, handle),
    );
  }

  /** @throws at once what needs no look-up: path, Origin. Who is asking comes with the promise. */
  upgrade(): Promise<SocketHandler | HttpResponse> {
    const { socket, authenticator, origins } = this.#options;
    const request = this.#request;
    if (socket === undefined || request.path !== SOCKET_PATH) {
      throw new RuntimeError("NOT_FOUND", "WebSockets are served at /ws.");
    }
    const hasKey = presentedKey(request) !== null;
    const hasCookie = !hasKey && request.header("cookie") !== undefined;
    origins.checkOrigin(request, hasCookie);
    const connect = async (): Promise<SocketHandler> =>
      socket(request, hasKey || hasCookie ? await authenticator.authenticate(request) : null);
    return connect();
  }

  done(reply: HttpResponse): HttpResponse {
    this.#log(reply.status);
    // Perhaps a key has changed, by which somebody reads.
    if (this.#route?.service === "admin" && this.#request.method !== "GET") this.#streams.prove();
    return this.#withDefaults(reply);
  }

  failed(error: unknown): HttpResponse {
    const data = toErrorData(error);
    const place = {
      style: errorStyle(this.#route, this.#request),
      requestId: this.#request.id,
      service: this.#route?.service ?? "gateway",
    };
    const challenge =
      data.code === "UNAUTHENTICATED" ? { "WWW-Authenticate": 'Bearer realm="troupe"' } : {};
    const reply = errorReply(data, place, challenge);
    this.#options.audit?.failed(data, () => this.#refused(), error);
    this.#log(reply.status, data, error);
    return this.#withDefaults(reply);
  }

  /** The address is looked up only where it is told. */
  #refused(): Refused {
    const [request, principal, route] = [this.#request, this.#principal, this.#route];
    return { request, principal, route, address: this.#options.authenticator.addressOf(request) };
  }

  #withDefaults(reply: HttpResponse): HttpResponse {
    const own = this.#route?.headers ?? NONE;
    const style = errorStyle(this.#route, this.#request);
    const allowance = this.#allowance;
    const limits = allowance === null ? NONE : rateHeaders(allowance, style, Date.now());
    const defaults = [own, this.#named(style), limits, this.#cors, safeHeaders];
    const { status, headers = NONE } = reply;
    return "stream" in reply
      ? { status, headers, defaults, stream: (sink) => this.#stream(reply, sink) }
      : { status, headers, defaults, body: reply.body };
  }

  #stream(reply: Streamed, sink: ResponseSink): Promise<void> {
    const write = () => reply.stream(sink);
    return this.#context === null ? write() : this.#streams.run(this.#context, write);
  }

  /** What clients of a protocol read of an answer beside its rate. */
  #named(style: ErrorStyle): Readonly<Record<string, string>> {
    if (style === "anthropic") return { "request-id": this.#request.id };
    if (style !== "openai" || this.#route === null) return NONE;
    return { "openai-processing-ms": String(Math.round(performance.now() - this.#startedMs)) };
  }

  #wrongMethod(match: Extract<Match, { type: "wrong-method" }>): HttpResponse {
    this.#route = match.near;
    const allow = match.allow.join(", ");
    if (this.#request.method === "OPTIONS") {
      return noContent({
        Allow: allow,
        "Access-Control-Allow-Methods": allow,
        "Access-Control-Allow-Headers":
          "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-API-Key",
        "Access-Control-Max-Age": "600",
      });
    }
    throw new RuntimeError(
      "METHOD_NOT_ALLOWED",
      `${this.#request.method.slice(0, 20)} is no method of this path; it has ${allow}.`,
      { allow: match.allow },
    );
  }

  #admit(route: Route): Promise<void> | null {
    const { authenticator, origins } = this.#options;
    const hasEffects = route.sideEffects ?? route.method !== "GET";
    if (hasEffects) origins.checkOrigin(this.#request, false);
    if (route.isPublic) {
      this.#checkQuery(route);
      return null;
    }
    const known = authenticator.known(this.#request);
    if (known === null) {
      return authenticator.authenticate(this.#request).then((who) => this.#enter(route, who));
    }
    this.#enter(route, known);
    return null;
  }

  #enter(route: Route, principal: Principal): void {
    const { origins, rates } = this.#options;
    this.#principal = principal;
    const hasEffects = route.sideEffects ?? route.method !== "GET";
    if (hasEffects && principal.via === "cookie") origins.checkOrigin(this.#request, true);
    const bucket = principal.keyId ?? `${principal.via}:admin`;
    const key = route.isControl === true ? `${bucket} control` : bucket;
    try {
      this.#allowance = rates.take(key);
    } catch (error) {
      this.#allowance = rates.look(key);
      throw error;
    }
    authorize(principal, route);
    this.#checkQuery(route);
  }

  #checkQuery({ query, ignoresOtherQuery = false }: Route): void {
    if (query !== undefined && !ignoresOtherQuery) checkQuery(this.#request.query, query);
  }

  #body(route: Route): ReadBody | Promise<ReadBody> {
    if (route.body === undefined || route.body === "raw") return NO_BODY;
    return readBody(this.#request, {
      schema: route.body,
      bytesMax: route.bodyBytesMax,
      isOptional: route.optionalBody ?? false,
    });
  }

  #log(status: number, error?: ErrorData, cause?: unknown): void {
    const { log } = this.#options;
    if (log === undefined) return;
    const { tenant, keyId } = this.#principal;
    log({
      id: this.#request.id,
      method: this.#request.method,
      path: this.#request.path.slice(0, 300),
      status,
      ms: Math.round((performance.now() - this.#startedMs) * 10) / 10,
      tenant: tenant === "" ? null : tenant,
      keyId,
      ...(error === undefined ? {} : { code: error.code }),
      ...(error?.code === "INTERNAL" ? { cause } : {}),
    });
  }
}

const NO_BODY: ReadBody = { value: undefined, bytes: new Uint8Array(0) };
const NONE: Readonly<Record<string, string>> = {};
