// What went wrong with a server, in our words: errors of the library, of HTTP and of the server itself. What a
// stranger says in an error is bounded and freed of what is not seen. The library's classes are known by their names
// and codes, so that nothing of it is loaded for them.

import { seen } from "../../actors/mcp/definition.ts";
import { type ErrorCode, RuntimeError } from "../../runtime/errors.ts";

const SAID_CHARS = 500;
const CAUSES_MAX = 8;

/** What an error of the library may have. */
interface Failed {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly status?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
}

/** The error and what it came of. */
function chain(error: unknown): readonly Failed[] {
  const all: Failed[] = [];
  let at: unknown = error;
  while (typeof at === "object" && at !== null && all.length < CAUSES_MAX) {
    all.push(at as Failed);
    at = (at as Failed).cause ?? (at as { readonly data?: Failed }).data?.cause;
  }
  return all;
}

function statusOf(error: unknown): number | undefined {
  for (const one of chain(error)) {
    // Ours has the status of an answer of this server's own.
    if (one instanceof RuntimeError) continue;
    if (typeof one.status === "number") return one.status;
    const isHttp = one.name === "SseError" && typeof one.code === "number";
    if (isHttp) return one.code as number;
    const said = /\(HTTP (\d{3})\)/.exec(String(one.message))?.[1];
    if (said !== undefined) return Number(said);
  }
  return undefined;
}

/** Whether the server does not take who asks. */
export function isUnauthorized(error: unknown): boolean {
  return statusOf(error) === 401 || chain(error).some(({ name }) => name === "UnauthorizedError");
}

/** Whether the server does not know the session any more, so that nothing was done. */
export function isForgotten(error: unknown): boolean {
  return statusOf(error) === 404;
}

/** Whether it does not speak the newer way over HTTP: one that is older says so by these. */
export function isOlder(error: unknown): boolean {
  return [400, 404, 405, 406, 415].includes(statusOf(error) ?? 0);
}

/** Whether the connection is of no use any more. */
export function isGone(error: unknown): boolean {
  return chain(error).some(({ code }) => code === "CONNECTION_CLOSED" || code === "NOT_CONNECTED");
}

/** An error that the server answered with. */
function isProtocol(error: unknown): boolean {
  const [first] = chain(error);
  return typeof first?.code === "number" && first.name !== "SseError";
}

/** @param hide takes out secrets. */
export function wordsOf(
  error: unknown,
  called: string,
  hide: (text: string) => string = (text) => text,
): RuntimeError {
  const own = chain(error).find((one): one is RuntimeError => one instanceof RuntimeError);
  if (own !== undefined) return own;
  const [first] = chain(error);
  const said = seen(hide(String(first?.message ?? error)), SAID_CHARS);
  const fail = (code: ErrorCode, message: string) =>
    new RuntimeError(code, message, { server: called }, { cause: error });
  const status = statusOf(error);
  if (status === 401) return fail("PROVIDER_FAILED", `${called} wants to know who asks.`);
  if (status === 429)
    return fail("PROVIDER_LIMITED", `${called} answers that it is asked too often.`);
  if (status !== undefined && status >= 500) {
    return fail("PROVIDER_UNAVAILABLE", `${called} answered with status ${status}.`);
  }
  if (status !== undefined)
    return fail("PROVIDER_FAILED", `${called} answered with status ${status}.`);
  const code = first?.code;
  if (code === "REQUEST_TIMEOUT") return fail("DEADLINE", `${called} has not answered in time.`);
  if (code === "CONNECTION_CLOSED" || code === "NOT_CONNECTED" || code === "SEND_FAILED") {
    return fail("PROVIDER_UNAVAILABLE", `The connection to ${called} has ended.`);
  }
  if (code === "UNSUPPORTED_RESULT_TYPE") {
    return fail(
      "PROVIDER_FAILED",
      `${called} wants to ask a person in between, which is not done here.`,
    );
  }
  if (isProtocol(error)) {
    return fail("PROVIDER_FAILED", `${called} answered with an error (${code}): ${said}`);
  }
  return fail(
    "PROVIDER_FAILED",
    `${called} does not speak as a server of the protocol does: ${said}`,
  );
}
