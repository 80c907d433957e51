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
  /** A header of the answer, by its name in lower case. */
  readonly header?: ((name: string) => string | undefined) | undefined;
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
    header,
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
  const retryAfterMs = refusal.header === undefined ? undefined : readWait(refusal.header);
  const what = status === undefined ? "failed in its stream" : `answered ${status}`;
  return new RuntimeError(codeOf(status, type, code), `${provider} ${what}: ${shown}`, {
    provider,
    ...(status !== undefined && { status }),
    ...(isOutOfQuota(status, code, message) ? { type: QUOTA } : type !== "" && { type }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** OpenAI's word for a key without money; it comes as 429, but waiting does not help. */
const QUOTA = "insufficient_quota";

/** Also as Anthropic says it: 400 and a sentence. */
function isOutOfQuota(status: number | undefined, code: string, message: string): boolean {
  return code === QUOTA || (status === 400 && /credit balance is too low/i.test(message));
}

function codeOf(status: number | undefined, type: string, code: string) {
  if (code === QUOTA || type === QUOTA) return "PROVIDER_FAILED";
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

/** Milliseconds until what is used up is there again: `retry-after`, else when the limits that are at 0 end. */
function readWait(header: (name: string) => string | undefined): number | undefined {
  const asked = readRetryAfter(header("retry-after"), header("retry-after-ms"));
  if (asked !== undefined) return asked;
  const waits = limitHeaders
    .filter(({ left }) => Number(header(left) ?? 1) <= 0)
    .map(({ reset }) => readReset(header(reset)))
    .filter((ms) => ms !== undefined);
  return waits.length === 0 ? undefined : Math.max(...waits);
}

// https://platform.openai.com/docs/guides/rate-limits, https://docs.anthropic.com/en/api/rate-limits
const limitHeaders = [
  ...["requests", "tokens"].map((what) => ({
    left: `x-ratelimit-remaining-${what}`,
    reset: `x-ratelimit-reset-${what}`,
  })),
  ...["requests", "tokens", "input-tokens", "output-tokens"].map((what) => ({
    left: `anthropic-ratelimit-${what}-remaining`,
    reset: `anthropic-ratelimit-${what}-reset`,
  })),
];

/** When a limit ends, as OpenAI writes it ("6m0s", "120ms") or as a date; milliseconds from now. */
export function readReset(text: string | undefined, now = Date.now()): number | undefined {
  if (text === undefined) return undefined;
  const parts = /^(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/.exec(
    text,
  );
  if (parts === null || text === "") {
    const date = Date.parse(text);
    return Number.isNaN(date) ? undefined : Math.max(0, date - now);
  }
  const [hours, minutes, seconds, ms] = parts.slice(1).map((part) => Number(part ?? 0));
  const whole = ((hours ?? 0) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0);
  return Math.ceil(whole * 1_000 + (ms ?? 0));
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
