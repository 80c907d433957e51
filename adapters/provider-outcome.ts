// What the end of a call says of its provider and of the key it was made with, and what is said of a call
// that is not made because of it. The same for chat, embeddings and re-ranking.

import { RuntimeError } from "../runtime/errors.ts";
import type { Breaker } from "./provider-breaker.ts";

/** What a call was to the breaker. */
export interface JudgedCall {
  readonly isProbe: boolean;
  /** Its caller gave it up. */
  readonly isLeft: boolean;
}

/** What became of the breaker: closed by an answer, or open for so long. */
export interface Judgement {
  readonly isClosed?: boolean;
  readonly openMs?: number | undefined;
}

/** Tells the breaker how a call ended that failed. A refusal is an answer. */
export function judge(breaker: Breaker, error: unknown, call: JudgedCall): Judgement {
  const code = !call.isLeft && error instanceof RuntimeError ? error.code : undefined;
  if (code === "PROVIDER_LIMITED" || code === "PROVIDER_FAILED") {
    return { isClosed: breaker.answered() };
  }
  if (code === "PROVIDER_UNAVAILABLE" || code === "DEADLINE") {
    return { openMs: breaker.failed(call.isProbe) };
  }
  if (call.isProbe) breaker.left();
  return {};
}

/** Milliseconds that a refusal asks to wait. */
export function retryAfterOf(error: unknown): number | undefined {
  const asked = error instanceof RuntimeError ? error.details?.["retryAfterMs"] : undefined;
  return typeof asked === "number" ? asked : undefined;
}

/** The error of a call while the breaker is open. */
export function leftAlone(provider: string, retryAfterMs: number): RuntimeError {
  const text = `${provider} did not answer the last calls and is left alone for ${retryAfterMs} ms more.`;
  return new RuntimeError("PROVIDER_UNAVAILABLE", text, { provider, retryAfterMs, isOpen: true });
}

/** The error of a call while all keys rest. @param waitMs until the first is good again, where that is known. */
export function withoutKey(provider: string, waitMs: number | undefined): RuntimeError {
  if (waitMs === undefined) {
    const text = `${provider} did not accept any of its keys, the last time they were tried.`;
    return new RuntimeError("PROVIDER_FAILED", text, { provider, status: 401 });
  }
  const text = `${provider} limits all of its keys, the first of them for ${waitMs} ms more.`;
  return new RuntimeError("PROVIDER_LIMITED", text, { provider, retryAfterMs: waitMs });
}
