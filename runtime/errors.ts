// The one table of errors. A code says the HTTP status and whether trying again can help;
// everything that crosses a thread or a socket is `ErrorData`, because a thrown error loses its
// class and code in a structured clone.

/** Levels of an error's details. */
const DETAILS_DEPTH_MAX = 8;

/** What a code means: HTTP status and whether the same request may succeed later. */
export interface ErrorKind {
  readonly status: number;
  readonly retryable: boolean;
}

const fail = (status: number): ErrorKind => ({ status, retryable: false });
const later = (status: number): ErrorKind => ({ status, retryable: true });

/** Every error code of the system. Grouped by what the caller can do about it. */
export const errorTable = {
  // The request is wrong.
  INVALID: fail(400),
  UNKNOWN_FIELD: fail(400),
  BAD_JSON: fail(400),
  BAD_ENCODING: fail(400),
  TOO_DEEP: fail(400),
  GRAPH_INVALID: fail(400),
  SCHEMA_INVALID: fail(400),
  MODEL_UNKNOWN: fail(400),
  EMBEDDER_UNKNOWN: fail(400),
  // Answers of protocols that know none that is still to come. Sent again they would be another run, and clients
  // send again what is not 400 to 407: the AI SDK a 409, LangChain a 422, whatever the headers say.
  APPROVAL_REQUIRED: fail(400),
  RUN_WAITING: fail(400),
  AUTH_REQUIRED: fail(400),
  // Sent again it would be blocked again.
  GUARDRAIL_BLOCKED: fail(400),
  // Who is asking.
  UNAUTHENTICATED: fail(401),
  BALANCE_EXHAUSTED: fail(402),
  BUDGET_EXHAUSTED: fail(402),
  PRICE_UNKNOWN: fail(402),
  LIMIT_REACHED: fail(402),
  FORBIDDEN: fail(403),
  TENANT_SUSPENDED: fail(403),
  ORIGIN_REFUSED: fail(403),
  NOT_FOUND: fail(404),
  METHOD_NOT_ALLOWED: fail(405),
  // The state of things.
  CONVERSATION_BUSY: later(409),
  CONFLICT: fail(409),
  DUPLICATE: fail(409),
  RUN_ENDED: fail(409),
  EMBEDDER_MISMATCH: fail(409),
  MEMORY_FULL: fail(409),
  TENANT_LIMIT: fail(409),
  EVENTS_TRIMMED: fail(410),
  EVENTS_LOST: fail(410),
  PASSAGE_GONE: fail(410),
  REVISION_MISMATCH: fail(412),
  BODY_TOO_LARGE: fail(413),
  MISDIRECTED: fail(421),
  KEY_REUSED: fail(422),
  DOCUMENT_UNREADABLE: fail(422),
  URL_REFUSED: fail(422),
  HEADERS_TOO_LARGE: fail(431),
  // Limits that pass with time.
  REQUEST_TIMEOUT: later(408),
  RATE_LIMITED: later(429),
  MAILBOX_FULL: later(429),
  INBOX_FULL: later(429),
  SEEN_FULL: later(429),
  TENANT_BUSY: later(429),
  POOL_FULL: later(429),
  TOO_MANY_CONNECTIONS: later(503),
  SHUTTING_DOWN: later(503),
  STORE_FULL: later(503),
  STORE_FAILED: later(503),
  WORKER_LOST: later(503),
  // Work that did not end well.
  CANCELLED: fail(499),
  DEADLINE: later(504),
  CYCLE: fail(508),
  STEP_CHANGED: fail(500),
  STEP_UNKNOWN: fail(500),
  STEPS_EXHAUSTED: fail(500),
  DEPTH_EXHAUSTED: fail(500),
  TASK_MEMORY: fail(500),
  SCRIPT_FAILED: fail(500),
  OUTPUT_INVALID: fail(502),
  PROVIDER_FAILED: fail(502),
  URL_FAILED: fail(502),
  WEBHOOK_FAILED: fail(502),
  PROVIDER_UNAVAILABLE: later(502),
  PROVIDER_LIMITED: later(502),
  EGRESS_REFUSED: fail(502),
  EMBEDDER_UNAVAILABLE: fail(503),
  RERANKER_UNAVAILABLE: fail(503),
  SANDBOX_UNAVAILABLE: fail(503),
  ISSUER_UNAVAILABLE: later(503),
  // Where work is done cannot be reached, or no longer: whoever works there waits until it is back.
  TARGET_LOST: later(503),
  NO_EDGE: fail(500),
  QUARANTINED: fail(500),
  DEAD_LETTER: fail(500),
  STATE_TOO_NEW: fail(500),
  TURN_TOO_LARGE: fail(413),
  // Inside the runtime.
  STALE_EPOCH: later(503),
  CONDITION_FAILED: fail(409),
  UNKNOWN_KIND: fail(500),
  FOREIGN_DATA: fail(500),
  SECRET_UNREADABLE: fail(500),
  DATA_DAMAGED: fail(500),
  DATA_UNUSABLE: fail(500),
  DATA_LOCKED: fail(500),
  CONFIG_INVALID: fail(500),
  INTERNAL: fail(500),
} as const satisfies Record<string, ErrorKind>;

/** A code of the table. */
export type ErrorCode = keyof typeof errorTable;

/** An error as plain data: what is written on wires, in journals and in dead letters. */
export interface ErrorData {
  readonly code: ErrorCode;
  /** One sentence for a person: what, which, and the limit. Never a secret, never a stack. */
  readonly message: string;
  /** Machine-readable particulars, e.g. `{ pointer: "/temperature" }` or `{ retryAfterMs: 1200 }`. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** An operating error: something the caller can be told. Programmer errors are other classes. */
export class RuntimeError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    details?: Readonly<Record<string, unknown>>,
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
    this.name = "RuntimeError";
    this.code = code;
    this.details = details;
  }

  /** HTTP status of the code. */
  get status(): number {
    return errorTable[this.code].status;
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }
}

/** Whether the disk took nothing: no room, or it fails. The same write may succeed later. */
export function isStorageTrouble(code: ErrorCode): boolean {
  return code === "STORE_FULL" || code === "STORE_FAILED";
}

/**
 * Any thrown value as data. A programmer error becomes INTERNAL and keeps only its message; details
 * that are no plain data are left out. Never throws, also when looking at what was thrown does.
 */
export function toErrorData(error: unknown): ErrorData {
  try {
    if (!(error instanceof RuntimeError)) {
      return { code: "INTERNAL", message: String(error instanceof Error ? error.message : error) };
    }
    const { code, details } = error;
    const message = String(error.message);
    return details === undefined || !isData(details, 0)
      ? { code, message }
      : { code, message, details };
  } catch {
    return { code: "INTERNAL", message: "What was thrown cannot be read." };
  }
}

function isData(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) {
    return typeof value !== "function" && typeof value !== "symbol" && typeof value !== "bigint";
  }
  if (depth > DETAILS_DEPTH_MAX) return false;
  if (Array.isArray(value)) return value.every((item) => isData(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.entries(value).every(
    ([field, item]) => field !== "__proto__" && isData(item, depth + 1),
  );
}

/** What whoever is not the operator is told of a programmer's error. */
const INSIDE = "Something went wrong inside the server.";

/** Whether an error's text may hold anything, of others' data too: it is for the operator alone. */
export function isInside({ code }: Pick<ErrorData, "code">): boolean {
  return code === "INTERNAL";
}

/** An error as whoever is not the operator is told it. `reference`: where the operator finds the rest. */
export function toldError(error: ErrorData, reference?: string): ErrorData {
  if (!isInside(error)) return error;
  return { code: error.code, message: reference === undefined ? INSIDE : `${INSIDE} ${reference}` };
}

/** The same of what a run ended with, or a step of it. */
export function toldOfRun(error: ErrorData, run: string): ErrorData {
  return toldError(error, `Its operator finds more in the record of ${run}.`);
}

/** The thrown form of `ErrorData`. */
export function fromErrorData(data: ErrorData): RuntimeError {
  return new RuntimeError(data.code, data.message, data.details);
}
