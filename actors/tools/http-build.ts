// How a request of a tool is put together from its configuration and a call's arguments: nothing that a
// model writes becomes another part of the address or another header than it was meant for.

import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import type { Arguments } from "./tool.ts";

/** `config` of an http_request. */
export interface RequestConfig {
  readonly url?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly secret_headers?: readonly string[];
  readonly allowed_hosts?: readonly string[];
  readonly max_bytes?: number;
  readonly reconcile_url?: string;
}

const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);

/** Methods that change nothing. */
export const safeMethods: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** Those whose arguments go into the address instead of a body. */
const withoutBody: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE"]);

const PLACE = /\{([A-Za-z_][A-Za-z0-9_]{0,63})\}/g;
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Said by the connection itself. */
const CONNECTION =
  /^(host|content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|accept-encoding|proxy-.*)$/i;
/** Only the configuration says who asks. */
const CREDENTIALS = /^(authorization|cookie|idempotency-key)$/i;

/** Names of the places in an address. */
export function placesOf(url: string): readonly string[] {
  return [...new Set([...url.matchAll(PLACE)].map(([, name]) => name ?? ""))];
}

/** @throws INVALID with the pointer within the configuration. */
export function checkRequestConfig(config: RequestConfig): void {
  for (const field of ["url", "reconcile_url"] as const) {
    const url = config[field];
    if (url !== undefined) checkAddress(url, `/${field}`);
  }
  for (const [name, value] of Object.entries(config.headers ?? {})) {
    checkHeader(name, value, `/headers/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`);
  }
  for (const [at, host] of (config.allowed_hosts ?? []).entries()) {
    const isHost = /^(\*\.)?[a-z0-9.:_-]{1,253}$/i.test(host);
    if (!isHost) throw invalid(`"${host}" is no host name.`, `/allowed_hosts/${at}`);
  }
  if (config.reconcile_url !== undefined && !placesOf(config.reconcile_url).includes("operation")) {
    throw invalid("It has no {operation}, by which a call is known.", "/reconcile_url");
  }
}

function checkAddress(url: string, pointer: string): void {
  const plain = url.replaceAll(PLACE, "x");
  const parsed = URL.canParse(plain) ? new URL(plain) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw invalid("It is no address of http or https.", pointer);
  }
  if (parsed.username !== "" || parsed.password !== "") {
    throw invalid("An address has no credentials; they go into headers.", pointer);
  }
  const [, authority = ""] = /^https?:\/\/([^/?#]*)/i.exec(url) ?? [];
  if (authority.includes("{")) throw invalid("Places are behind the host.", pointer);
}

/** The request of one call. @throws INVALID with the pointer of the argument. */
export function requestOf(
  config: RequestConfig,
  method: string,
  given: Arguments,
  more: Readonly<Record<string, string>>,
) {
  const { url, headers: own = {} } = config;
  if (!methods.has(method)) throw invalid(`There is no method ${method.slice(0, 20)}.`, "/method");
  if (url !== undefined) {
    const { address, body } = filled(url, method, given);
    const type = body === undefined ? {} : { "content-type": "application/json" };
    return { url: address, method, headers: merged({ ...type, ...more }, own), ...bodyOf(body) };
  }
  const theirs = (given["headers"] ?? {}) as Readonly<Record<string, string>>;
  for (const [name, value] of Object.entries(theirs)) {
    const pointer = `/headers/${name.slice(0, 64)}`;
    checkHeader(name, value, pointer);
    if (!CREDENTIALS.test(name)) continue;
    throw invalid(`The header ${name} is set by the configuration of the tool.`, pointer);
  }
  const { body } = given;
  if (body !== undefined && safeMethods.has(method)) {
    throw invalid(`${method} has no body.`, "/body");
  }
  const type = body === undefined ? {} : { "content-type": guessedType(String(body)) };
  return {
    url: String(given["url"]),
    method,
    headers: merged({ ...type, ...lower(theirs), ...more }, own),
    ...bodyOf(body === undefined ? undefined : String(body)),
  };
}

const bodyOf = (body: string | undefined) => (body === undefined ? {} : { body });

/** The address with its places filled; the other arguments as its query or as a JSON body. */
function filled(
  url: string,
  method: string,
  given: Arguments,
): { readonly address: string; readonly body?: string } {
  const places = new Set(placesOf(url));
  const address = url.replaceAll(PLACE, (_all, name: string) => partOf(given[name], name));
  const rest = Object.entries(given).filter(([name]) => !places.has(name));
  if (rest.length === 0) return { address };
  if (!withoutBody.has(method)) {
    const body = JSON.stringify(Object.fromEntries(rest));
    if (body.length <= limits.webBodyChars) return { address, body };
    throw invalid(`A body has at most ${limits.webBodyChars} characters.`, "");
  }
  const full = new URL(address);
  for (const [name, value] of rest) full.searchParams.append(name, textOf(value));
  return { address: full.href };
}

/** One part of a path or a query: "." and ".." would lead elsewhere. */
function partOf(value: unknown, name: string): string {
  const text = textOf(value);
  if (/^\.{0,2}$/.test(text)) throw invalid(`"${text}" cannot stand in an address.`, `/${name}`);
  return encodeURIComponent(text);
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "");

/** What the configuration says stands. */
function merged(
  given: Readonly<Record<string, string>>,
  own: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return { ...given, ...lower(own) };
}

function lower(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

function checkHeader(name: string, value: string, pointer: string): void {
  if (!NAME.test(name)) throw invalid("It is no name of a header.", pointer);
  if (CONNECTION.test(name)) throw invalid(`The header ${name} cannot be set.`, pointer);
  // Its value may be a secret: it is not repeated.
  if (typeof value !== "string" || !VALUE.test(value)) {
    throw invalid("The value of a header has no line breaks or control characters.", pointer);
  }
}

function guessedType(body: string): string {
  return /^\s*[[{]/.test(body) ? "application/json" : "text/plain; charset=utf-8";
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
