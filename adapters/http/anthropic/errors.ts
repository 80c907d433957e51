// Errors as Anthropic's protocol has them: its types, and its statuses where they are not those of the
// table. What the table says besides is in `details`, whose `error_code` the official SDK shows; an error
// whose own details have one means a code of the protocol.

import { type ErrorCode, type ErrorData, errorTable } from "../../../runtime/errors.ts";

/** Codes with a status of their own here. */
const own: Partial<Record<ErrorCode, number>> = {
  PROVIDER_LIMITED: 529,
  CANCELLED: 500,
};

const types: Readonly<Record<number, string>> = {
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error",
};

/** The status: of the server's own errors the protocol knows 500, 504 and 529, which means overloaded. */
export function anthropicStatus({ code }: Pick<ErrorData, "code">): number {
  const status = own[code] ?? errorTable[code].status;
  if (status === 503) return 529;
  return status < 500 || status === 504 || status === 529 ? status : 500;
}

/** The body. `message` and `place` are of the error as its caller may be told it. */
export function anthropicError(
  error: Pick<ErrorData, "code" | "details">,
  told: { readonly message: string; readonly place: object; readonly requestId: string },
): object {
  const status = anthropicStatus(error);
  const type = types[status] ?? (status < 500 ? "invalid_request_error" : "api_error");
  const own = error.details?.["error_code"];
  return bodyOf(type, typeof own === "string" ? own : error.code.toLowerCase(), told);
}

/** Of an answer that was begun again after a part of it was shown. */
export function restartedError(message: string, requestId: string): object {
  return bodyOf("api_error", "stream_restarted", { message, place: {}, requestId });
}

function bodyOf(
  type: string,
  code: string,
  { message, place, requestId }: Parameters<typeof anthropicError>[1],
): object {
  const error = { type, message, details: { error_code: code, ...place } };
  return { type: "error", error, request_id: requestId };
}
