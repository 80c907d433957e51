// A request as the matrix sends it.

/** A request. A body that is a text is sent as it is, anything else as JSON. */
export interface Sent {
  readonly params?: Readonly<Record<string, string>>;
  /** Without "?". */
  readonly query?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: who may call the route. */
  readonly key?: string;
}
