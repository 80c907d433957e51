// Answers to requests: of clients that are our own kind JSON, and errors as RFC 9457 has them.

import { RuntimeError } from "../../runtime/errors.ts";
import type { ChannelResponse, Handled } from "./adapter.ts";

/** Said where nothing better is known, s. */
const RETRY_S = 5;

/** Headers by name. */
export type Headers = Readonly<Record<string, string>>;

/** A request of a platform that was not believed or not understood, and why. */
export function refusal(status: 400 | 401 | 403, body: string): Handled & { refused: unknown } {
  return { refused: { status, body } };
}

/** A value as JSON; nothing of it is kept by caches. */
export function jsonAnswer(status: number, value: unknown, headers: Headers = {}): ChannelResponse {
  return {
    status,
    contentType: "application/json",
    headers: { "Cache-Control": "no-store", ...headers },
    body: JSON.stringify(value),
  };
}

/** What is wrong, in one sentence. */
export function problem(status: number, detail: string, headers: Headers = {}): ChannelResponse {
  const body = jsonAnswer(status, { type: "about:blank", status, detail }, headers);
  return { ...body, contentType: "application/problem+json" };
}

/** The answer to what was thrown. A programmer's error goes on. */
export function problemOf(error: unknown, headers: Headers = {}): ChannelResponse {
  if (!(error instanceof RuntimeError)) throw error;
  const pointer = error.details?.["pointer"];
  const place = typeof pointer === "string" && pointer !== "" ? ` (at ${pointer})` : "";
  const waitMs = error.details?.["retryAfterMs"];
  const waitS = typeof waitMs === "number" ? Math.ceil(waitMs / 1_000) : RETRY_S;
  const wait = error.retryable ? { "Retry-After": String(waitS) } : {};
  return problem(error.status, `${error.message}${place}`, { ...wait, ...headers });
}
