// What the log says of a request.

/** One line of the request log. Never a header, a query or a body: they hold secrets. */
export interface RequestLine {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  readonly tenant: string | null;
  readonly keyId: string | null;
  /** Code of the error, if it was one; `cause` is for the log alone. */
  readonly code?: string;
  readonly cause?: unknown;
}
