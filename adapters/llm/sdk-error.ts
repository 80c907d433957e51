// What an official SDK throws, as our error: both SDKs share the shape of their errors.

import { RuntimeError } from "../../runtime/errors.ts";
import { providerError } from "../provider-error.ts";
import { isObject, unreadable } from "./answer.ts";
import type { ProviderConfig } from "./config.ts";

const CAUSES_MAX = 8;

/** Our error for anything a call through an SDK threw. */
export function fromSdkError(error: unknown, config: ProviderConfig, signal: AbortSignal): unknown {
  // The SDK aborts the way out itself and hides why: our own reason goes first.
  if (signal.aborted) {
    const { reason } = signal;
    if (reason instanceof RuntimeError) return reason;
    return new RuntimeError("CANCELLED", `The call to ${config.name} was cancelled.`);
  }
  const ours = causeOf(error);
  if (ours) return ours;
  if (error instanceof SyntaxError) return unreadable(config.name, error);
  if (!(error instanceof Error) || !("status" in error)) return error;
  const headers =
    "headers" in error && error.headers instanceof Headers ? error.headers : undefined;
  const { status } = error;
  const body = "error" in error && isObject(error.error) ? error.error : error.message;
  return providerError({
    provider: config.name,
    status: typeof status === "number" ? status : undefined,
    body,
    header: (name) => headers?.get(name) ?? undefined,
    secret: config.apiKey,
  });
}

function causeOf(error: unknown): RuntimeError | undefined {
  let current = error;
  for (let depth = 0; depth < CAUSES_MAX && current instanceof Error; depth += 1) {
    if (current instanceof RuntimeError) return current;
    current = current.cause;
  }
  return undefined;
}
