// What a handler is given of one request.

import type { System } from "../../runtime/system.ts";
import type { Authenticator } from "./auth.ts";
import type { ReadBody } from "./body.ts";
import type { Match, Principal, Route, RouteContext } from "./route.ts";
import type { HttpRequest } from "./server.ts";

/** What of the door a request is handled with. */
interface Behind {
  readonly system: System;
  readonly authenticator: Authenticator;
}

/** A class, and not a literal put together by spreading: one shape for all requests. */
export class Context implements RouteContext {
  readonly request: HttpRequest;
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
  readonly principal: Principal;
  readonly system: System;
  readonly body: unknown;
  readonly bodyBytes: Uint8Array;
  readonly #authenticator: Authenticator;

  constructor(
    request: HttpRequest,
    match: Extract<Match, { type: "route" }>,
    principal: Principal,
    { system, authenticator }: Behind,
    read: ReadBody,
  ) {
    this.request = request;
    this.route = match.route;
    this.params = match.params;
    this.principal = principal;
    this.system = system;
    this.body = read.value;
    this.bodyBytes = read.bytes;
    this.#authenticator = authenticator;
  }

  get address(): string {
    return this.#authenticator.addressOf(this.request);
  }

  /** Parsed only for handlers that look at it. */
  get query(): URLSearchParams {
    return this.request.query;
  }
}
