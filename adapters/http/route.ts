// The route table: what a resource writes (`defineRoute`) and how a path finds its route. Matching
// is one walk over a tree built at start, so that a request never costs a regular expression, and
// a path that no route knows (404) is told from a method it does not have (405).

import type { KeyRole } from "../../actors/records/api-key.ts";
import type { AllowedResources } from "../../actors/records/resource-scope.ts";
import type { Static, TSchema } from "../../actors/schema.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { System } from "../../runtime/system.ts";
import { type Permission, permissionOf } from "./permissions.ts";
import type { HttpRequest, HttpResponse } from "./server.ts";

/** Methods a route can have. HEAD is answered by the GET route, OPTIONS by the door. */
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/**
 * How errors look: document 001's envelope, RFC 9457 problem details, OpenAI's, Anthropic's,
 * google.rpc.Status, or JSON-RPC's.
 */
export type ErrorStyle =
  | "envelope"
  | "problem"
  | "openai"
  | "anthropic"
  | "rpc-status"
  | "json-rpc";

/** Who is asking, after authentication. */
export interface Principal {
  /** `tn_...`; every read and write of a handler goes to this tenant and to no other. */
  readonly tenant: string;
  /** `ak_...`, `jwt.<issuer>.<subject's hash>`, or null for the admin key and for public routes. */
  readonly keyId: string | null;
  /** Whether it has the server's admin key, which stands above all tenants. */
  readonly isServer: boolean;
  /** Within the tenant. */
  readonly role: KeyRole;
  /** Names of services, or ["*"] for all. */
  readonly allowedServices: readonly string[];
  /** What it reaches of its tenant; null or absent: everything. */
  readonly allowedResources?: AllowedResources | null;
  /** When it ends, ISO 8601; null: never. What it makes ends no later. */
  readonly expiresAt: string | null;
  /** The user that an issuer's token names; null or absent: none. */
  readonly user?: string | null;
  /** The user whom alone a token speaks for; null or absent: it may speak for any. */
  readonly boundTo?: string | null;
  /** How it proved itself; "none" on public routes. */
  readonly via: "key" | "token" | "cookie" | "none";
}

/** What a handler is given. What else a resource needs it closes over when its routes are made. */
export interface RouteContext<Body = unknown> {
  readonly request: HttpRequest;
  /** Where it came from, behind the proxies that are trusted. */
  readonly address: string;
  readonly route: Route;
  /** Parts of the path named by the pattern, percent-decoded, never empty. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The checked body; undefined when the route has no schema. */
  readonly body: Body;
  /** The body as sent, for fingerprints; empty when the route has no schema. */
  readonly bodyBytes: Uint8Array;
  readonly principal: Principal;
  readonly system: System;
}

/** Headers of a request that decide what a route does. */
export type RequestHeader = "Idempotency-Key" | "If-Match" | "Last-Event-ID" | "X-Max-Spend";

/** What a route answers with one status, as the API's description says it. */
export interface RouteResponse {
  readonly description: string;
  /** Schemas of the body by media type; absent: no body. */
  readonly content?: Readonly<Record<string, TSchema>>;
  readonly headers?: readonly ("ETag" | "Location")[];
}

/** What the description says of a parameter. */
export interface RouteParameter {
  readonly description: string;
  /** Default: a text. */
  readonly schema?: TSchema;
  /** Of the query; one of the path always is. Default false. */
  readonly required?: boolean;
}

/** One row of the table. */
export interface Route {
  readonly method: Method;
  /** "/v2/agents/{id}": literal segments and `{names}`, one segment each. */
  readonly pattern: string;
  /** Name checked against the key's `allowed_services`; also `gateway.service` of the envelope. */
  readonly service: string;
  /** What who calls it must be allowed. Default: by its service and method (permissions.ts). */
  readonly permission?: Permission;
  /**
   * Schema of a JSON body; "raw": the handler reads `request.body()` itself; absent: no body is read.
   * `optionalBody` accepts an empty body as {}.
   */
  readonly body?: TSchema | "raw";
  readonly optionalBody?: boolean;
  /** Smaller (or larger) limit than the server's, in bytes. */
  readonly bodyBytesMax?: number;
  /** Names of the query parameters it takes; another one is UNKNOWN_FIELD. Absent: not looked at. */
  readonly query?: readonly string[];
  /** Others are let through unread: what clients of a protocol of others may add. Default false. */
  readonly ignoresOtherQuery?: boolean;
  /** Of parameters of the path or query that are not what their name says elsewhere; for the description. */
  readonly parameters?: Readonly<Record<string, RouteParameter>>;
  /** Headers it reads. */
  readonly reads?: readonly RequestHeader[];
  /** Name of its operation, where the one made of its pattern would be another's too. */
  readonly operation?: string;
  /** What it does, in a few words, and what a caller has to know besides; for the description. */
  readonly summary?: string;
  readonly description?: string;
  /** Bodies that a "raw" route reads, by media type; for the description. */
  readonly accepts?: Readonly<Record<string, TSchema>>;
  /** What it answers when nothing is wrong, by status; for the description, which tests hold it to. */
  readonly responses?: Readonly<Record<number, RouteResponse>>;
  readonly errors: ErrorStyle;
  /** Whether a call changes something or costs money. Default: every method but GET. */
  readonly sideEffects?: boolean;
  /** Stops or decides what is under way: it has a rate of its own beside the load it may have to stop. */
  readonly isControl?: boolean;
  /**
   * Its handler passes the gate of work itself: its answer goes on after the handler has returned, and
   * only its body is read as a request. Default: the gate is left when the handler has returned.
   */
  readonly hasOwnGate?: boolean;
  /** Whether it is refused where its tenant has stored all it may. Default: by its permission. */
  readonly stores?: boolean;
  /** No key is asked for. Default false. */
  readonly isPublic?: boolean;
  /** Extra headers of every answer, e.g. a content policy of a page. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly handler: (context: RouteContext<never>) => Promise<HttpResponse> | HttpResponse;
}

/** A route as its author writes it: the handler's body has the schema's type. */
export type RouteSpec<Schema extends TSchema> = Omit<Route, "handler" | "body"> & {
  readonly body: Schema;
  readonly handler: (context: RouteContext<Static<Schema>>) => Promise<HttpResponse> | HttpResponse;
};

/** A route without a JSON body. */
export type PlainRouteSpec = Omit<Route, "handler" | "body"> & {
  readonly body?: "raw";
  readonly handler: (context: RouteContext<undefined>) => Promise<HttpResponse> | HttpResponse;
};

/** Types a route; returns it unchanged. */
export function defineRoute<const Schema extends TSchema>(spec: RouteSpec<Schema>): Route;
export function defineRoute(spec: PlainRouteSpec): Route;
export function defineRoute(spec: Route): Route {
  return spec;
}

/** What a path and method lead to. */
export type Match =
  | {
      readonly type: "route";
      readonly route: Route;
      readonly params: Readonly<Record<string, string>>;
    }
  /** The path exists; `allow` lists its methods, HEAD and OPTIONS included. `near` is any route of it. */
  | { readonly type: "wrong-method"; readonly allow: readonly string[]; readonly near: Route }
  | { readonly type: "unknown" };

/** A compiled table. */
export interface RouteTable {
  readonly routes: readonly Route[];
  /** Services of all routes that need a key, sorted, each once. */
  readonly services: readonly string[];
  /** @throws BAD_ENCODING when a named part of the path is not valid percent-encoded UTF-8. */
  match(method: string, path: string): Match;
}

interface Entry {
  readonly route: Route;
  readonly names: readonly string[];
}

interface Node {
  readonly literal: Map<string, Node>;
  named: Node | null;
  readonly methods: Map<string, Entry>;
}

const newNode = (): Node => ({ literal: new Map(), named: null, methods: new Map() });
const NO_PARAMS: Readonly<Record<string, string>> = {};

/**
 * Compiles a table. @throws Error when two routes share method and path, or one that asks for a key has
 * no permission: mistakes of the program.
 */
export function createRouteTable(routes: readonly Route[]): RouteTable {
  const root = newNode();
  for (const route of routes) addRoute(root, route);
  const services = new Set(routes.filter((route) => !route.isPublic).map((route) => route.service));
  return {
    routes,
    services: [...services].sort(),
    match: (method, path) => {
      const values: string[] = [];
      const node = walk(root, path, 1, values);
      return node === null ? { type: "unknown" } : choose(node, method, values);
    },
  };
}

function addRoute(root: Node, route: Route): void {
  if (!route.isPublic) permissionOf(route);
  const names: string[] = [];
  let node = root;
  for (const segment of route.pattern.slice(1).split("/")) {
    if (segment.startsWith("{") && segment.endsWith("}")) {
      names.push(segment.slice(1, -1));
      node.named ??= newNode();
      node = node.named;
    } else {
      const next = node.literal.get(segment) ?? newNode();
      node.literal.set(segment, next);
      node = next;
    }
  }
  if (node.methods.has(route.method)) {
    throw new Error(`Two routes answer ${route.method} ${route.pattern}.`);
  }
  node.methods.set(route.method, { route, names });
}

// A literal segment wins over a named one; the named one is tried when the literal leads nowhere.
function walk(node: Node, path: string, from: number, values: string[]): Node | null {
  const slash = path.indexOf("/", from);
  const segment = slash === -1 ? path.slice(from) : path.slice(from, slash);
  const literal = node.literal.get(segment);
  if (literal !== undefined) {
    const found = slash === -1 ? ended(literal) : walk(literal, path, slash + 1, values);
    if (found !== null) return found;
  }
  if (node.named === null || segment === "") return null;
  values.push(segment);
  const found = slash === -1 ? ended(node.named) : walk(node.named, path, slash + 1, values);
  if (found === null) values.pop();
  return found;
}

const ended = (node: Node): Node | null => (node.methods.size === 0 ? null : node);

function choose(node: Node, method: string, values: readonly string[]): Match {
  const entry = node.methods.get(method === "HEAD" ? "GET" : method);
  if (entry !== undefined) {
    return { type: "route", route: entry.route, params: paramsOf(entry.names, values) };
  }
  const allow = [...node.methods.keys()];
  if (node.methods.has("GET")) allow.push("HEAD");
  allow.push("OPTIONS");
  const [near] = node.methods.values();
  if (near === undefined) return { type: "unknown" };
  return { type: "wrong-method", allow, near: near.route };
}

function paramsOf(
  names: readonly string[],
  values: readonly string[],
): Readonly<Record<string, string>> {
  if (names.length === 0) return NO_PARAMS;
  const params: Record<string, string> = {};
  for (let at = 0; at < names.length; at += 1) {
    params[names[at] ?? ""] = decodeSegment(values[at] ?? "");
  }
  return params;
}

function decodeSegment(segment: string): string {
  if (!segment.includes("%")) return segment;
  const decoded = decodedOrNull(segment);
  if (decoded !== null) return decoded;
  throw new RuntimeError("BAD_ENCODING", "The path has a percent-encoding that is not UTF-8.");
}

function decodedOrNull(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}
