// What a provider's refusal means to us: its status, its own error object and its wish about when to
// come again, as a RuntimeError. The provider's text is shortened and never carries the key.

import { RuntimeError } from "../runtime/errors.ts";
import type { EgressResponse } from "./egress.ts";

const MESSAGE_CHARS_MAX = 300;
/** Of a refusal's body so much is looked at. */
const REFUSAL_CHARS_MAX = 8_192;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A refusal as it came. */
export interface ProviderRefusal {
  readonly provider: string;
  /** HTTP status; undefined for an error inside a stream that had begun. */
  readonly status?: number | undefined;
  /** The body (or the stream's error frame), parsed or not. */
  readonly body: unknown;
  readonly retryAfter?: string | undefined;
  readonly retryAfterMs?: string | undefined;
  /** Removed from whatever the provider says. */
  readonly secret: string;
}

/** The error for an answer whose status is none of success. `text` is its body. */
export function refusedBy(
  { status, headers }: Pick<EgressResponse, "status" | "headers">,
  text: string,
  { provider, secret }: Pick<ProviderRefusal, "provider" | "secret">,
): RuntimeError {
  const header = (name: string) => {
    const value = headers[name];
    return typeof value === "string" ? value : undefined;
  };
  return providerError({
    provider,
    status,
    body: text.slice(0, REFUSAL_CHARS_MAX),
    retryAfter: header("retry-after"),
    retryAfterMs: header("retry-after-ms"),
    secret,
  });
}

/** The error for a refusal: PROVIDER_LIMITED, PROVIDER_UNAVAILABLE or PROVIDER_FAILED. */
export function providerError(refusal: ProviderRefusal): RuntimeError {
  const { provider, status } = refusal;
  const { message, type, code } = readBody(refusal.body);
  const said = status === 401 || status === 403 ? "the key was not accepted" : message;
  const secretless = refusal.secret === "" ? said : said.replaceAll(refusal.secret, "***");
  const shown = secretless.slice(0, MESSAGE_CHARS_MAX);
  const retryAfterMs = readRetryAfter(refusal.retryAfter, refusal.retryAfterMs);
  const what = status === undefined ? "failed in its stream" : `answered ${status}`;
  return new RuntimeError(codeOf(status, type, code), `${provider} ${what}: ${shown}`, {
    provider,
    ...(status !== undefined && { status }),
    ...(type !== "" && { type }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

function codeOf(status: number | undefined, type: string, code: string) {
  // Comes as 429, but waiting does not help.
  if (code === "insufficient_quota") return "PROVIDER_FAILED";
  if (status === 429 || type.includes("rate_limit")) return "PROVIDER_LIMITED";
  if (status !== undefined) {
    return status >= 500 || status === 408 || status === 409
      ? "PROVIDER_UNAVAILABLE"
      : "PROVIDER_FAILED";
  }
  const isOurs = /invalid_request|authentication|permission|not_found|too_large/.test(type);
  return isOurs ? "PROVIDER_FAILED" : "PROVIDER_UNAVAILABLE";
}

function readBody(body: unknown): { message: string; type: string; code: string } {
  let value = body;
  if (typeof body === "string") {
    try {
      value = JSON.parse(body);
    } catch {
      return { message: body.replace(/<[^>]*>|\s+/g, " ").trim(), type: "", code: "" };
    }
  }
  const inner = isObject(value) ? (value["error"] ?? value) : value;
  if (!isObject(inner)) return { message: String(inner ?? "no reason given"), type: "", code: "" };
  const text = (member: unknown) => (typeof member === "string" ? member : "");
  // Anthropic's SDK hands over {type: "error", error: {...}}, wrapped once more.
  if (isObject(inner["error"])) return readBody(inner);
  return {
    message: text(inner["message"]) || "no reason given",
    type: text(inner["type"]),
    code: text(inner["code"]),
  };
}

/**
 * Milliseconds a provider asks to wait: `retry-after-ms`, or `retry-after` in seconds or as a date.
 * Undefined when neither is there or readable.
 */
export function readRetryAfter(
  retryAfter: string | undefined,
  retryAfterMs: string | undefined,
  now = Date.now(),
): number | undefined {
  const ms = Number(retryAfterMs);
  if (retryAfterMs && Number.isFinite(ms) && ms >= 0) return Math.ceil(ms);
  if (!retryAfter) return undefined;
  const seconds = Number(retryAfter);
  if (Number.isFinite(seconds)) return seconds >= 0 ? Math.ceil(seconds * 1_000) : undefined;
  const date = Date.parse(retryAfter);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
