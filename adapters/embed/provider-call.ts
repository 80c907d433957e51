// One call of a provider that answers with a text, with its attempts: refusals that pass with time
// are tried again within the call's time. What leaves goes through the way out (egress.ts).

import { setTimeout as pause } from "node:timers/promises";
import { isUnpaid } from "../../actors/money/attempts.ts";
import type { CallUse, ReservedCall } from "../../actors/money/provider-call.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { FairSlots } from "../../runtime/shared/fair-slots.ts";
import type { ProviderConfig } from "../config-providers.ts";
import type { Egress } from "../egress.ts";
import { refusedBy } from "../provider-error.ts";
import { keyFaultOf } from "../provider-keys.ts";
import { judge, leftAlone, retryAfterOf, withoutKey } from "../provider-outcome.ts";
import { RETRY_AFTER_MS_MAX, retryDelay, withJitter } from "../provider-retry.ts";
import { type ProviderState, providerStates } from "../provider-state.ts";
import { createEmbedMemory } from "./tasks.ts";

/** What a call needs to know of its provider. */
export type CalledProvider = Pick<
  ProviderConfig,
  "name" | "baseUrl" | "apiKey" | "idleMs" | "totalMs" | "connectionsMax" | "attemptsMax"
> &
  // With the defaults of a chat's calls where they are absent.
  Partial<Pick<ProviderConfig, "apiKeys" | "breakerFailures" | "breakerOpenMs">>;

/** How the requests of a call are paid: each by itself, as each may be. */
export interface Paying<T> {
  /** Before one goes out. @throws BUDGET_EXHAUSTED, PRICE_UNKNOWN, POOL_FULL. */
  reserve(signal: AbortSignal): Promise<ReservedCall>;
  /** What an answer says that it took. */
  useOf(read: T): CallUse;
}

/** What is called, and how. */
export interface ProviderCallParts<T> {
  readonly provider: CalledProvider;
  /** Its keys and its breaker, shared by all threads and by nobody who asks it for anything else. */
  readonly state: Pick<ProviderState, "keys" | "breaker">;
  /** Whose limit it is, when the provider limits. */
  readonly model: string;
  readonly egress: Egress;
  /** Requests at once; more wait in fair order. */
  readonly slots: FairSlots;
  /** Below the provider's base address, e.g. "/embeddings". */
  readonly path: string;
  /** Bytes of one answer. */
  readonly answerBytes: number;
  /** Makes something of an answer; what it throws is tried again like a refusal. */
  read(text: string): T;
  /** Default: nobody pays. */
  readonly paying?: Paying<T> | undefined;
  /** The whole call with its attempts. Default: the provider's. */
  readonly totalMs?: number;
  /** A number in [0, 1) for jitter. Default Math.random. */
  readonly random?: () => number;
}

/**
 * What was read. @throws RuntimeError PROVIDER_LIMITED, PROVIDER_UNAVAILABLE (with `details.isOpen` at once
 * while the provider is left alone), PROVIDER_FAILED, POOL_FULL, DEADLINE, CANCELLED.
 */
export async function callProvider<T>(
  parts: ProviderCallParts<T>,
  body: object,
  { tenant, signal }: { readonly tenant: string; readonly signal: AbortSignal },
): Promise<T> {
  const { provider, totalMs = provider.totalMs } = parts;
  const { breaker } = parts.state;
  const admission = breaker.enter();
  if (admission.isProbe === undefined) throw leftAlone(provider.name, admission.retryAfterMs);
  try {
    const endsAt = performance.now() + totalMs;
    const result = await attempts(parts, body, { tenant, signal, endsAt });
    breaker.answered();
    return result;
  } catch (error) {
    judge(breaker, error, { isProbe: admission.isProbe, isLeft: signal.aborted });
    throw error;
  }
}

/** One call under way. */
interface Call {
  readonly tenant: string;
  readonly signal: AbortSignal;
  /** On the process's own clock. */
  readonly endsAt: number;
}

async function attempts<T>(parts: ProviderCallParts<T>, body: object, call: Call): Promise<T> {
  const { provider, state, model, random = Math.random } = parts;
  const { attemptsMax } = provider;
  const { signal, endsAt } = call;
  let attempt = 1;
  let last: unknown;
  // Every pass ends in an attempt that counts, in a key that rests from then on, or in a pause.
  for (let others = state.keys.count - 1; ; ) {
    if (signal.aborted) throw cancelled(provider);
    const { key, waitMs: restMs } = { waitMs: undefined, ...state.keys.take(model) };
    try {
      if (key === undefined) throw last ?? withoutKey(provider.name, restMs);
      return await once(parts, body, call, key);
    } catch (error) {
      last = error;
      if (signal.aborted) throw error instanceof RuntimeError ? error : cancelled(provider);
      const fault = key === undefined ? undefined : keyFaultOf(error);
      if (fault !== undefined && others > 0) {
        others -= 1;
        continue;
      }
      const waitMs = waitOf(error, { isKeyless: key === undefined, restMs, attempt });
      if (waitMs === undefined || performance.now() + waitMs >= endsAt) throw error;
      if (key !== undefined) attempt += 1;
      // A key that rests is waited for where the next one is taken. It rejects only for the abort.
      if (fault === undefined) await pause(waitMs, undefined, { signal }).catch(() => {});
    }
  }

  function waitOf(
    error: unknown,
    of: {
      readonly isKeyless: boolean;
      readonly restMs: number | undefined;
      readonly attempt: number;
    },
  ): number | undefined {
    if (!of.isKeyless) return retryDelay(error, of.attempt, { attemptsMax, random });
    const { restMs } = of;
    if (restMs === undefined || restMs > RETRY_AFTER_MS_MAX) return undefined;
    return withJitter(restMs, random());
  }
}

/** With one key. A request waits between its attempts without a slot. */
async function once<T>(
  parts: ProviderCallParts<T>,
  body: object,
  { tenant, signal, endsAt }: Call,
  key: number,
): Promise<T> {
  const { provider, slots, state, model } = parts;
  const entered = slots.enter(tenant, "", signal);
  if (entered !== undefined) await entered;
  try {
    const apiKey = provider.apiKeys?.[key] ?? provider.apiKey;
    const send = () => post(parts, body, { apiKey, signal, leftMs: endsAt - performance.now() });
    const read = await paid(parts.paying, send, signal);
    state.keys.accepted(key, model);
    return read;
  } catch (error) {
    const fault = keyFaultOf(error);
    if (fault !== undefined) state.keys.rest(key, model, fault, retryAfterOf(error));
    throw error;
  } finally {
    slots.leave();
  }
}

/** A request that fails and may be paid counts as it was reserved. */
async function paid<T>(
  paying: Paying<T> | undefined,
  send: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  if (paying === undefined) return await send();
  const reserved = await paying.reserve(signal);
  const wasLeft = signal.aborted;
  let read: T;
  try {
    read = await send();
  } catch (error) {
    await (wasLeft || isUnpaid(error) ? reserved.release() : reserved.settle({}));
    throw error;
  }
  await reserved.settle(paying.useOf(read));
  return read;
}

async function post<T>(
  { provider, egress, path, answerBytes, read }: ProviderCallParts<T>,
  body: object,
  {
    apiKey,
    signal,
    leftMs,
  }: {
    readonly apiKey: string | null;
    readonly signal: AbortSignal;
    readonly leftMs: number;
  },
): Promise<T> {
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

/** What is known of each provider as one that embeds, and as one that re-ranks. */
export interface CallStates {
  readonly embedding: ProviderState;
  readonly reranking: ProviderState;
}

/** The states of one provider of these. @param memory of `createEmbedMemory`; default one of this thread's. */
export function callStates(
  providers: readonly CalledProvider[],
  provider: CalledProvider,
  memory: SharedArrayBuffer = createEmbedMemory(providers),
): CallStates {
  // No chat's calls: their times are bounded by `totalMs` alone.
  const shapes = providers.map(({ totalMs, ...of }) => ({ ...of, timeouts: { totalMs } }));
  const states = providerStates(memory, [...shapes, ...shapes]);
  const at = providers.indexOf(provider);
  const [embedding, reranking] = [states[at], states[providers.length + at]];
  if (embedding !== undefined && reranking !== undefined) return { embedding, reranking };
  throw new RuntimeError("CONFIG_INVALID", `There is no provider "${provider.name}".`);
}
