// How an account is: what was last heard and sent, and what went wrong last. In memory, since this start.

/** As it is shown. Times are ISO 8601, null: not since the start. */
export interface HealthView {
  /** `open`; `failed`: it could not be opened; `inactive`: it is switched off, or its tenant is. */
  readonly state: "open" | "failed" | "inactive";
  /** Of a connection that the account keeps (a mailbox, a socket); null: it has none. */
  readonly connection: "connected" | "disconnected" | null;
  /** What an operator should know of the connection while it works; null: nothing. */
  readonly notice: string | null;
  readonly last_inbound_at: string | null;
  readonly last_outbound_at: string | null;
  readonly last_error: { readonly at: string; readonly message: string } | null;
  /** Requests and events since the start. */
  readonly counts: Readonly<Record<Counted, number>>;
}

/** What is counted. */
export type Counted =
  | "received"
  | "dropped"
  | "parked"
  | "refused"
  | "nacked"
  | "sent"
  | "send_failed";

/** Characters of an error that are kept. */
const ERROR_CHARS = 500;

/** Of one account. */
export class Health {
  readonly #nowMs: () => number;
  readonly #counts: Record<Counted, number> = {
    ...{ received: 0, dropped: 0, parked: 0, refused: 0, nacked: 0, sent: 0, send_failed: 0 },
  };
  #state: HealthView["state"] = "inactive";
  #connection: HealthView["connection"] = null;
  #notice: string | null = null;
  #inboundMs: number | null = null;
  #outboundMs: number | null = null;
  #error: { readonly atMs: number; readonly message: string } | null = null;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  state(state: HealthView["state"]): void {
    this.#state = state;
  }

  connection(connection: HealthView["connection"], detail?: string): void {
    this.#connection = connection;
    this.#notice = connection === "connected" ? (detail?.slice(0, ERROR_CHARS) ?? null) : null;
    if (connection === "disconnected" && detail !== undefined) this.failed(detail);
  }

  count(what: Counted, times = 1): void {
    this.#counts[what] += times;
    if (what === "received") this.#inboundMs = this.#nowMs();
    if (what === "sent") this.#outboundMs = this.#nowMs();
  }

  /** @param message without secrets. */
  failed(message: string): void {
    this.#error = { atMs: this.#nowMs(), message: message.slice(0, ERROR_CHARS) };
  }

  view(): HealthView {
    const error = this.#error;
    return {
      state: this.#state,
      connection: this.#connection,
      notice: this.#notice,
      last_inbound_at: timeOf(this.#inboundMs),
      last_outbound_at: timeOf(this.#outboundMs),
      last_error: error && { at: new Date(error.atMs).toISOString(), message: error.message },
      counts: { ...this.#counts },
    };
  }
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
