// The error of an embedder that cannot work as it stands: a package, a file or a model is not what
// it must be. It says what to do; trying again alone does not help.

import { RuntimeError } from "../../runtime/errors.ts";

/** @param cause why, when something was thrown. */
export function unavailable(
  message: string,
  details: Readonly<Record<string, unknown>>,
  cause?: unknown,
): RuntimeError {
  return new RuntimeError("EMBEDDER_UNAVAILABLE", message, details, { cause });
}

/** One line of what was thrown. */
export function saidBy(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.split("\n")[0] ?? "";
}
