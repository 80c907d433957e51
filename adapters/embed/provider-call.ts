// One call of a provider that answers with a text, with its attempts: refusals that pass with time
// are tried again within the call's time. What leaves goes through the way out (egress.ts).

import { setTimeout as pause } from "node:timers/promises";
import { RuntimeError } from "../../runtime/errors.ts";
import type { FairSlots } from "../../runtime/shared/fair-slots.ts";
import type { ProviderConfig } from "../config-providers.ts";
import type { Egress } from "../egress.ts";
import { refusedBy } from "../provider-error.ts";
import { retryDelay } from "../provider-retry.ts";

/** What a call needs to know of its provider. */
export type CalledProvider = Pick<
  ProviderConfig,
  "name" | "baseUrl" | "apiKey" | "idleMs" | "totalMs" | "connectionsMax" | "attemptsMax"
>;

/** What is called, and how. */
export interface ProviderCallParts<T> {
  readonly provider: CalledProvider;
  readonly egress: Egress;
  /** Requests at once; more wait in fair order. */
  readonly slots: FairSlots;
  /** Below the provider's base address, e.g. "/embeddings". */
  readonly path: string;
  /** Bytes of one answer. */
  readonly answerBytes: number;
  /** Makes something of an answer; what it throws is tried again like a refusal. */
  read(text: string): T;
  /** The whole call with its attempts. Default: the provider's. */
  readonly totalMs?: number;
  /** A number in [0, 1) for jitter. Default Math.random. */
  readonly random?: () => number;
}

/**
 * What was read. @throws RuntimeError PROVIDER_LIMITED, PROVIDER_UNAVAILABLE, PROVIDER_FAILED,
 * POOL_FULL, DEADLINE, CANCELLED.
 */
export async function callProvider<T>(
  parts: ProviderCallParts<T>,
  body: object,
  { tenant, signal }: { readonly tenant: string; readonly signal: AbortSignal },
): Promise<T> {
  const { provider, slots, totalMs = provider.totalMs, random = Math.random } = parts;
  const { attemptsMax } = provider;
  const endsAt = performance.now() + totalMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (signal.aborted) throw cancelled(provider);
      // A request waits between its attempts without a slot.
      const entered = slots.enter(tenant, "", signal);
      if (entered !== undefined) await entered;
      try {
        return await post(parts, body, signal, endsAt - performance.now());
      } finally {
        slots.leave();
      }
    } catch (error) {
      if (signal.aborted) throw error instanceof RuntimeError ? error : cancelled(provider);
      const waitMs = retryDelay(error, attempt, { attemptsMax, random });
      if (waitMs === undefined || performance.now() + waitMs >= endsAt) throw error;
      // It rejects only for the abort, which the next attempt sees.
      await pause(waitMs, undefined, { signal }).catch(() => {});
    }
  }
}

async function post<T>(
  { provider, egress, path, answerBytes, read }: ProviderCallParts<T>,
  body: object,
  signal: AbortSignal,
  leftMs: number,
): Promise<T> {
  const { apiKey } = provider;
  const response = await egress.request({
    url: provider.baseUrl.replace(/\/+$/, "") + path,
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json",
      ...(apiKey && { authorization: `Bearer ${apiKey}` }),
    },
    body: JSON.stringify(body),
    signal,
    limits: {
      firstByteMs: leftMs,
      idleMs: provider.idleMs,
      totalMs: leftMs,
      bytesMax: answerBytes,
    },
    connectionsMax: provider.connectionsMax,
  });
  const text = await response.text();
  if (response.status >= 200 && response.status < 300) return read(text);
  throw refusedBy(response, text, { provider: provider.name, secret: apiKey ?? "" });
}

function cancelled({ name }: CalledProvider): RuntimeError {
  return new RuntimeError("CANCELLED", `The call to ${name} was cancelled.`);
}
