// Errors in the words of RPC protocols: google.rpc.Status as HTTP+JSON bindings of such protocols have
// it, and JSON-RPC 2.0's error object.

import { type ErrorData, errorTable, toldError } from "../../runtime/errors.ts";

const DOMAIN = "troupe";
const INFO = "type.googleapis.com/google.rpc.ErrorInfo";
const PARSE_ERROR = -32_700;
const INVALID_REQUEST = -32_600;
const INTERNAL_ERROR = -32_603;

/** Names of google.rpc.Code by HTTP status. */
const names: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  402: "RESOURCE_EXHAUSTED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  405: "UNIMPLEMENTED",
  409: "FAILED_PRECONDITION",
  413: "INVALID_ARGUMENT",
  422: "INVALID_ARGUMENT",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

/** `{error: {code, status, message, details}}`. */
export function statusBody(error: ErrorData): object {
  const { status } = errorTable[error.code];
  const name = names[status] ?? (status >= 500 ? "INTERNAL" : "FAILED_PRECONDITION");
  return { error: { code: status, status: name, message: told(error), details: [info(error)] } };
}

/** `{jsonrpc, id, error: {code, message, data}}`: of a request whose id is not known. */
export function rpcBody(error: ErrorData): object {
  const body = { code: rpcCode(error), message: told(error), data: [info(error)] };
  return { jsonrpc: "2.0", id: null, error: body };
}

function rpcCode({ code }: ErrorData): number {
  if (code === "BAD_JSON" || code === "BAD_ENCODING") return PARSE_ERROR;
  return errorTable[code].status === 400 ? INVALID_REQUEST : INTERNAL_ERROR;
}

const told = (error: ErrorData): string =>
  toldError(error, "The log has it under this request's id.").message;

/** google.rpc.ErrorInfo: the code, and the place of what is wrong. */
function info({ code, details }: ErrorData): object {
  const places = Object.entries({
    pointer: details?.["pointer"],
    parameter: details?.["parameter"],
  });
  const metadata = Object.fromEntries(places.filter(([, place]) => typeof place === "string"));
  return { "@type": INFO, reason: code, domain: DOMAIN, metadata };
}
