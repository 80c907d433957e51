// Where a request says it was sent and from where. A Host we are not known by is refused (a name
// of the attacker's that points at us: DNS rebinding), and so is a page of another origin on
// every route with side effects.

import { RuntimeError } from "../../runtime/errors.ts";
import type { HttpRequest } from "./server.ts";

/** Checks Host and Origin headers. */
export interface OriginRules {
  /** @throws MISDIRECTED. */
  checkHost(request: Pick<HttpRequest, "header">): void;
  /** @param needsOwn the request is proven by a cookie: the page must be our own. @throws ORIGIN_REFUSED. */
  checkOrigin(request: Pick<HttpRequest, "header">, needsOwn: boolean): void;
  /** CORS headers for an allowed foreign origin, else none. */
  corsHeaders(request: Pick<HttpRequest, "header">): Readonly<Record<string, string>>;
}

const loopbackNames = ["localhost", "127.0.0.1", "[::1]"];
const NONE: Readonly<Record<string, string>> = {};
// A rebound name is a name: an address written out cannot be made to point elsewhere.
const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/i;

/**
 * @param hosts names beside the loopback ones, without port.
 * @param origins pages of other origins that may call us, e.g. "https://app.example.com".
 */
export function createOriginRules(options: {
  readonly hosts: readonly string[];
  readonly origins: readonly string[];
}): OriginRules {
  const hosts = new Set([...loopbackNames, ...options.hosts.map((host) => host.toLowerCase())]);
  const origins = new Set(options.origins);
  const isOwn = (origin: string, host: string | undefined): boolean =>
    host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
  // Nearly all requests name us alike: the last good name is not taken apart again.
  let lastGood = "localhost";
  return {
    checkHost: (request) => {
      const given = request.header("host") ?? "";
      if (given === lastGood) return;
      const name = given.toLowerCase().replace(/:\d{1,5}$/, "");
      if (hosts.has(given.toLowerCase()) || hosts.has(name) || ADDRESS.test(name)) {
        lastGood = given;
        return;
      }
      throw new RuntimeError(
        "MISDIRECTED",
        `This server is not known as "${name.slice(0, 100)}"; allowed_hosts names what it is known as.`,
      );
    },
    checkOrigin: (request, needsOwn) => {
      const origin = request.header("origin");
      if (origin === undefined && !needsOwn) return;
      if (origin !== undefined && isOwn(origin, request.header("host"))) return;
      if (origin !== undefined && !needsOwn && origins.has(origin)) return;
      throw new RuntimeError(
        "ORIGIN_REFUSED",
        needsOwn
          ? "A request with a session cookie must come from this server's own page."
          : "Pages of this origin may not call this server; allowed_origins names those that may.",
      );
    },
    corsHeaders: (request) => {
      const origin = request.header("origin");
      if (origin === undefined || !origins.has(origin)) return NONE;
      return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "X-Request-Id, Retry-After",
        Vary: "Origin",
      };
    },
  };
}
