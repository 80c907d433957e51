// Tells another system that a run has ended, or what an alert has to tell: a durable run, started in the
// transaction of that end, so that it is told though everything dies. Told at least once: the id is the
// same each time, so that the receiver can tell a repetition.

import { defineRun, type RunContext, type Turn } from "../runtime/actor.ts";
import { type ErrorData, RuntimeError, toErrorData } from "../runtime/errors.ts";
import { limits } from "./limits.ts";
import type { Ports } from "./ports.ts";
import type { NoticeEvent, WebhookEvent } from "./webhooks.ts";

/** Kind `webhook`. */
export const webhookKind = "webhook";

/** Its input. */
export interface WebhookInput {
  /** Where it goes; or a name under which the port keeps an address with its secrets. */
  readonly url: string;
  readonly event: WebhookEvent | NoticeEvent;
}

/** What came of one attempt, as viewers of the run see it. */
export interface WebhookAttempt {
  readonly type: "webhook_attempt";
  readonly attempt: number;
  /** Status of the answer; null when there was none. */
  readonly status: number | null;
  readonly error: Pick<ErrorData, "code" | "message"> | null;
}

/** Starts the runs that tell these addresses, as a part of the turn that takes the end. */
export function startWebhooks(turn: Turn, urls: readonly string[], event: WebhookEvent): void {
  for (const url of urls) {
    const input: WebhookInput = { url, event };
    turn.startRun({ kind: webhookKind, input, timeoutMs: limits.webhookRunMs });
  }
}

/** Ends completed when an attempt was answered with 2xx. @throws WEBHOOK_FAILED after the last one. */
export const webhookRun = defineRun<WebhookInput, { readonly attempts: number }, Ports>({
  kind: webhookKind,
  run: async (input, context) => {
    for (let attempt = 1; ; attempt += 1) {
      const { status, error, retryAfterMs } = await deliver(context, input, attempt);
      const told: WebhookAttempt = { type: "webhook_attempt", attempt, status, error };
      context.emit(`attempt:${attempt}`, told);
      if (status !== null && status >= 200 && status < 300) return { attempts: attempt };
      const waitMs = limits.webhookWaitsMs[attempt - 1];
      // 410: the receiver wants no more of it.
      if (waitMs === undefined || status === 410) {
        const why = status === null ? (error?.message ?? "no answer") : `status ${status}`;
        const message = `The webhook was not taken in ${attempt} attempts; the last one: ${why}`;
        throw new RuntimeError("WEBHOOK_FAILED", message);
      }
      await context.sleep(`wait:${attempt}`, Math.max(waitMs, retryAfterMs));
    }
  },
});

interface Delivered extends Omit<WebhookAttempt, "type" | "attempt"> {
  readonly retryAfterMs: number;
}

function deliver(
  context: RunContext<Ports>,
  { url, event }: WebhookInput,
  attempt: number,
): Promise<Delivered> {
  return context.step(
    `deliver:${attempt}`,
    async ({ signal }) => {
      const { webhooks } = context.ports;
      try {
        const given = await webhooks.deliver({ tenant: context.tenant, url, event, signal });
        return { ...given, error: null };
      } catch (error) {
        if (context.signal.aborted) throw error;
        const { code, message } = toErrorData(error);
        return { status: null, error: { code, message }, retryAfterMs: 0 };
      }
    },
    { repeat: "safe", timeoutMs: limits.webhookMs },
  );
}
