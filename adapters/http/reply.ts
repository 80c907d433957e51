// Answers: success bodies, and any error in the style of its surface (document 001's envelope,
// RFC 9457 problem details, OpenAI's or Anthropic's error object). An error says its code, a sentence and, for a
// wrong body, the RFC 6901 pointer; never a stack, and of INTERNAL not even the message.

import { reachedConstraint } from "../../actors/records/constraints.ts";
import { type ErrorData, errorTable, toldError } from "../../runtime/errors.ts";
import { anthropicError, anthropicStatus } from "./anthropic/errors.ts";
import type { ErrorStyle, RouteContext } from "./route.ts";
import { rpcBody, statusBody } from "./rpc-errors.ts";
import type { HttpResponse } from "./server.ts";

type Headers = Readonly<Record<string, string>>;

const JSON_TYPE = "application/json; charset=utf-8";
const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

/** A JSON answer. `value` is serialised once, here. */
export function json(status: number, value: unknown, headers?: Headers): HttpResponse {
  return {
    status,
    headers: { "Content-Type": JSON_TYPE, ...headers },
    body: JSON.stringify(value),
  };
}

/** A JSON answer whose text the caller made. */
export function jsonText(status: number, body: string, headers?: Headers): HttpResponse {
  return { status, headers: { "Content-Type": JSON_TYPE, ...headers }, body };
}

/** 204: done, and nothing to say. */
export function noContent(headers?: Headers): HttpResponse {
  return headers === undefined ? { status: 204, body: "" } : { status: 204, headers, body: "" };
}

/** Of a file that a client had sent: no browser shows it as a page of this server. */
export function fileHeaders(type: string, name: string): Headers {
  return {
    "Content-Type": type,
    "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
  };
}

/** Bytes as they come. */
export function streamed(
  headers: Headers,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): HttpResponse {
  return {
    status: 200,
    headers,
    stream: async (sink) => {
      for await (const piece of pieces) {
        if (sink.signal.aborted) return;
        if (!sink.write(piece)) await sink.drained;
      }
    },
  };
}

/**
 * Document 001's success: `{status, data, ...top, gateway: {request_id, service}, cost?}`. `top` are
 * members beside `data`, such as a list's pagination.
 */
export function envelope(
  context: Pick<RouteContext, "request" | "route">,
  data: unknown,
  extra: {
    readonly status?: number;
    readonly top?: Readonly<Record<string, unknown>>;
    readonly cost?: unknown;
    readonly headers?: Headers;
  } = {},
): HttpResponse {
  const value = {
    status: "success",
    data,
    ...extra.top,
    gateway: { request_id: context.request.id, service: context.route.service },
    ...(extra.cost === undefined ? {} : { cost: extra.cost }),
  };
  return json(extra.status ?? 200, value, extra.headers);
}

/** Where an error is answered. */
export interface ErrorPlace {
  readonly style: ErrorStyle;
  readonly requestId: string;
  /** Name of the service, "gateway" when no route was found. */
  readonly service: string;
}

/** An error as an answer: status and body in the style, `Retry-After` and `Allow` from its details. */
export function errorReply(error: ErrorData, place: ErrorPlace, headers?: Headers): HttpResponse {
  const isAnthropic = place.style === "anthropic";
  const status = isAnthropic ? anthropicStatus(error) : errorTable[error.code].status;
  const all = { ...errorHeaders(error, place.style), ...headers };
  return { status, headers: all, body: JSON.stringify(errorBody(error, place)) };
}

/** The body of an error in its style: also what a stream sends when it fails on the way. */
export function errorBody(error: ErrorData, place: ErrorPlace): unknown {
  switch (place.style) {
    case "envelope":
      return {
        status: "error",
        error: {
          code: error.code,
          message: messageOf(error),
          ...placeOf(error),
          ...limitOf(error),
        },
        gateway: { request_id: place.requestId, service: place.service },
      };
    case "openai":
      return {
        error: {
          message: messageOf(error),
          type: openaiType(error),
          param: openaiParam(error),
          code: openaiCode(error),
          ...reachedConstraint(error),
        },
      };
    case "rpc-status":
      return statusBody(error);
    case "json-rpc":
      return rpcBody(error);
    case "anthropic": {
      const { requestId } = place;
      const found = { ...placeOf(error), ...reachedConstraint(error) };
      return anthropicError(error, { message: messageOf(error), place: found, requestId });
    }
    case "problem":
      return {
        type: `urn:troupe:error:${error.code.toLowerCase().replaceAll("_", "-")}`,
        title: titleOf(error),
        status: errorTable[error.code].status,
        detail: messageOf(error),
        code: error.code,
        retryable: errorTable[error.code].retryable,
        ...placeOf(error),
        ...reasonOf(error),
        ...currentOf(error),
        ...problemsOf(error),
        ...limitOf(error),
        ...guardrailOf(error),
        request_id: place.requestId,
      };
  }
}

function messageOf(error: ErrorData): string {
  return toldError(error, "The log has it under this request's id.").message;
}

function titleOf(error: ErrorData): string {
  const words = error.code.toLowerCase().replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What is wrong: a place in the body, or a parameter of the query. */
function placeOf(error: ErrorData): { readonly pointer?: string; readonly parameter?: string } {
  const { pointer, parameter } = error.details ?? {};
  return {
    ...(typeof pointer === "string" && { pointer }),
    ...(typeof parameter === "string" && { parameter }),
  };
}

/** Why a document cannot be read, in a word. */
function reasonOf(error: ErrorData): { readonly reason?: string } {
  const reason = error.code === "DOCUMENT_UNREADABLE" ? error.details?.["reason"] : undefined;
  return typeof reason === "string" ? { reason } : {};
}

/** What stands already, of a conflict that says so. */
function currentOf(error: ErrorData): { readonly current?: object } {
  const current = error.code === "CONFLICT" ? error.details?.["current"] : undefined;
  return typeof current === "object" && current !== null ? { current } : {};
}

/** All that is wrong with a file that was sent, with the lines where it is. */
function problemsOf(error: ErrorData): { readonly problems?: readonly unknown[] } {
  const problems = error.code === "INVALID" ? error.details?.["problems"] : undefined;
  return Array.isArray(problems) ? { problems } : {};
}

/** Which limit was reached, and what was left. */
export function limitOf(error: ErrorData): {
  readonly limit?: object;
  readonly constraint?: object;
} {
  const limit = error.code === "BUDGET_EXHAUSTED" ? error.details?.["limit"] : undefined;
  return typeof limit === "object" && limit !== null ? { limit } : reachedConstraint(error);
}

/** Which guardrail has blocked it, and what it has found. */
function guardrailOf(error: ErrorData): { readonly guardrail?: object } {
  const guardrail = error.code === "GUARDRAIL_BLOCKED" ? error.details?.["guardrail"] : undefined;
  return typeof guardrail === "object" && guardrail !== null ? { guardrail } : {};
}

function errorHeaders(error: ErrorData, style: ErrorStyle): Record<string, string> {
  const headers: Record<string, string> = {
    "Content-Type": style === "problem" ? PROBLEM_TYPE : JSON_TYPE,
  };
  const retryAfterMs = error.details?.["retryAfterMs"];
  if (typeof retryAfterMs === "number" && Number.isFinite(retryAfterMs)) {
    headers["Retry-After"] = String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
  } else if (errorTable[error.code].retryable) {
    headers["Retry-After"] = "1";
  }
  const allow = error.details?.["allow"];
  if (Array.isArray(allow)) headers["Allow"] = allow.join(", ");
  return headers;
}

function openaiType(error: ErrorData): string {
  switch (errorTable[error.code].status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 402:
      return "insufficient_quota";
    case 429:
      return "rate_limit_error";
    default:
      return errorTable[error.code].status >= 500 ? "server_error" : "invalid_request_error";
  }
}

function openaiCode(error: ErrorData): string {
  if (error.code === "BALANCE_EXHAUSTED" || error.code === "BUDGET_EXHAUSTED") {
    return "insufficient_quota";
  }
  if (error.code === "UNAUTHENTICATED") return "invalid_api_key";
  if (error.code === "MODEL_UNKNOWN") return "model_not_found";
  if (error.code === "NOT_FOUND" && error.details?.["pointer"] === "/model") {
    return "model_not_found";
  }
  if (error.code === "RATE_LIMITED") return "rate_limit_exceeded";
  if (error.code === "GUARDRAIL_BLOCKED") return "content_filter";
  return error.code.toLowerCase();
}

// OpenAI names a parameter as "messages[0].content", not as a pointer.
function openaiParam(error: ErrorData): string | null {
  const { pointer, parameter = null } = placeOf(error);
  if (pointer === undefined || pointer === "") return parameter;
  return pointer
    .slice(1)
    .split("/")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : `${path}.${part}`));
}
