// How other systems are told, as a port: a run's end, or a notice. Types only.

import type { Outcome } from "../runtime/actor.ts";
import type { ErrorData } from "../runtime/errors.ts";

/** A run's end, for who wants to hear of it. */
export interface WebhookEvent {
  readonly run: string;
  readonly kind: string;
  readonly status: Outcome["status"];
  /** What answered: an agent, a team or a workflow. */
  readonly target: string;
  readonly conversation: string;
  readonly endedAtMs: number;
  /** What the run's caller got; null unless it completed. */
  readonly reply: unknown;
  readonly error: ErrorData | null;
}

/** What happened, by its type: "alert.balance", "token.auth_required". `id` is the same however often it is sent. */
export interface Notice {
  readonly id: string;
  readonly type: string;
  readonly atMs: number;
  readonly data: Readonly<Record<string, string | number | null>>;
}

/** Something else that a tenant wants to hear of. */
export interface NoticeEvent {
  readonly notice: Notice;
}

/** Tells other systems. */
export interface Webhooks {
  /**
   * One signed delivery. Resolves with the status of the answer, whatever it is, and how long it wants
   * to be left alone, ms. @throws RuntimeError EGRESS_REFUSED, PROVIDER_UNAVAILABLE, DEADLINE, CANCELLED.
   */
  deliver(call: {
    readonly tenant: string;
    readonly url: string;
    readonly event: WebhookEvent | NoticeEvent;
    readonly signal: AbortSignal;
  }): Promise<{ readonly status: number; readonly retryAfterMs: number }>;
}
