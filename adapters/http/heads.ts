// The head of an answer, and of a request, as both servers write and read it.

import { RuntimeError } from "../../runtime/errors.ts";
import type { HttpRequest, HttpResponse, ServerLimits } from "./server.ts";

let dateText = "";
let dateAtMs = 0;

/** The Date header, made once a second. */
export function dateHeader(): string {
  const nowMs = Date.now();
  if (Math.abs(nowMs - dateAtMs) >= 1_000) {
    dateAtMs = nowMs - (nowMs % 1_000);
    dateText = new Date(nowMs).toUTCString();
  }
  return dateText;
}

// Written out because node:http may be imported only where calls are checked or served.
const reasons: Readonly<Record<number, string>> = {
  101: "Switching Protocols",
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  303: "See Other",
  304: "Not Modified",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  412: "Precondition Failed",
  413: "Payload Too Large",
  415: "Unsupported Media Type",
  421: "Misdirected Request",
  422: "Unprocessable Entity",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  499: "Client Closed Request",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  508: "Loop Detected",
};

/** "404 Not Found". */
export function statusLine(status: number): string {
  return lines.get(status) ?? lineOf(status);
}

const lineOf = (status: number): string => `${status} ${reasons[status] ?? "Status"}`;
const lines = new Map(Object.keys(reasons).map((name) => [Number(name), lineOf(Number(name))]));

/** Calls `write` for each header of an answer: its own, then the defaults it has none of. */
export function forEachHeader(
  reply: HttpResponse,
  write: (name: string, value: string) => void,
): void {
  const { headers = NONE, defaults = NO_DEFAULTS } = reply;
  for (const name in headers) write(name, headers[name] ?? "");
  for (const [at, list] of defaults.entries()) {
    for (const name in list) {
      if (!(name in headers) && !isBefore(defaults, at, name)) write(name, list[name] ?? "");
    }
  }
}

/** Whether a list before the one at that place has it: the first one counts. */
function isBefore(lists: readonly object[], at: number, name: string): boolean {
  for (let before = 0; before < at; before += 1) if (name in (lists[before] ?? NONE)) return true;
  return false;
}

/**
 * The headers of an answer as text, "\r\nName: value" each: what follows a first header in one
 * native call. The values must be known to hold no line break.
 */
export function joinedHeaders(reply: HttpResponse): string {
  let text = "";
  forEachHeader(reply, (name, value) => {
    text += `\r\n${name}: ${value}`;
  });
  return text;
}

const NONE: Readonly<Record<string, string>> = {};
const NO_DEFAULTS: readonly Readonly<Record<string, string>>[] = [];

/** Whether a header value would break the head apart. */
export function hasBrokenHeader(headers: Readonly<Record<string, string>> | undefined): boolean {
  for (const name in headers) {
    const value = headers[name] ?? "";
    if (value.includes("\n") || value.includes("\r") || value.includes("\0")) return true;
  }
  return false;
}

/**
 * The headers of a request as they came. A head has a handful of them and few are asked for:
 * looking through a list costs less than building a map for each request.
 */
export class HeaderList {
  readonly #pairs: string[] = [];
  /** Characters of all names and values. */
  chars = 0;

  /** @param name lower case. */
  add(name: string, value: string): void {
    this.#pairs.push(name, value);
    this.chars += name.length + value.length;
  }

  /** All of them in their order. */
  *entries(): Generator<readonly [string, string]> {
    const pairs = this.#pairs;
    for (let at = 0; at + 1 < pairs.length; at += 2) yield [pairs[at] ?? "", pairs[at + 1] ?? ""];
  }

  /** The value; those of a name that came more than once, joined. */
  get(name: string): string | undefined {
    const pairs = this.#pairs;
    let found: string | undefined;
    for (let at = 0; at < pairs.length; at += 2) {
      if (pairs[at] !== name) continue;
      found = found === undefined ? pairs[at + 1] : `${found}, ${pairs[at + 1]}`;
    }
    return found;
  }
}

/** The refusal of a head that is too large; the server may refuse larger ones by itself. */
export function headTooLarge(limits: ServerLimits): RuntimeError {
  const most = limits.headerBytesMax;
  return new RuntimeError("HEADERS_TOO_LARGE", `The head is over the limit of ${most} bytes.`);
}

/**
 * Whether two readers of a head may see its body end at different places (RFC 9112, 6.3), as a proxy before
 * the native server and that: it takes every coding for chunks, and the first of several lengths.
 *
 * @param coding all of Transfer-Encoding. @param length all of Content-Length.
 */
export function isUnclearFraming(coding: string | undefined, length: string | undefined): boolean {
  if (coding !== undefined) return coding.toLowerCase() !== "chunked" || length !== undefined;
  return length !== undefined && !/^\d+$/.test(length);
}

/** The refusal of such a head. */
export function unclearFraming(): RuntimeError {
  const rule = "one Content-Length of digits, or one Transfer-Encoding, which is chunked";
  return new RuntimeError("INVALID", `Where the body ends is not clear: ${rule}.`);
}

/** An address as people write it: an IPv4 one in IPv6 form becomes plain. */
export function plainAddress(address: string): string {
  const mapped = /^(?:::ffff:|(?:0{4}:){5}ffff:)(.+)$/i.exec(address)?.[1];
  if (mapped === undefined || mapped.includes(".")) return mapped ?? address;
  const bytes = mapped.split(":").flatMap((part) => {
    const value = Number.parseInt(part, 16);
    return [value >> 8, value & 255];
  });
  return bytes.join(".");
}

/** Headers of a request by their names in lower case; what came twice is joined with ", ". */
export function headersOf(request: Pick<HttpRequest, "headers">): Readonly<Record<string, string>> {
  // Without a prototype: a header may have any name.
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of request.headers()) {
    const lower = name.toLowerCase();
    const before = headers[lower];
    headers[lower] = before === undefined ? value : `${before}, ${value}`;
  }
  return headers;
}
