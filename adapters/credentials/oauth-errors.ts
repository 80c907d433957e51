// What goes wrong with an authorization server, as one of our errors: with the code of the protocol and no
// other word of the other side, which may repeat what was sent.

import { RuntimeError } from "../../runtime/errors.ts";

const LIMITED = 429;

/** @throws what passes with time. */
export function checkStatus({ status, headers }: Response): void {
  if (status === LIMITED) {
    const seconds = Number(headers.get("retry-after"));
    const retryAfterMs = Math.min(Math.max(seconds > 0 ? seconds : 1, 1), 3_600) * 1_000;
    const text = "The authorization server limits requests (429).";
    throw new RuntimeError("PROVIDER_LIMITED", text, { retryAfterMs });
  }
  if (status < 500) return;
  const seconds = Number(headers.get("retry-after"));
  const details = seconds > 0 ? { retryAfterMs: Math.min(seconds, 3_600) * 1_000 } : {};
  throw new RuntimeError(
    "PROVIDER_UNAVAILABLE",
    `The authorization server answered ${status}.`,
    details,
  );
}

/** It did not give what was asked for. @param reason a code. */
export function failed(reason: string, cause?: unknown): RuntimeError {
  const text = `The authorization server did not give a token (${reason}).`;
  return new RuntimeError("PROVIDER_FAILED", text, { reason }, { cause });
}

/** An error of the library as one of ours: with the code of the protocol and no other word of the other side. */
export function explained(error: unknown): RuntimeError {
  if (error instanceof RuntimeError) return error;
  const {
    cause,
    error: code,
    code: kind,
  } = error as {
    readonly cause?: unknown;
    readonly error?: unknown;
    readonly code?: unknown;
  };
  if (cause instanceof RuntimeError) return cause;
  const said = [code, kind].find((one) => typeof one === "string" && /^[A-Za-z_]{1,60}$/.test(one));
  return failed(String(said ?? "invalid_response").toLowerCase());
}
