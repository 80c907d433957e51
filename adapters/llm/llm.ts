// The Llm port: chooses the provider, waits for one of its slots, bounds the call in time, and tries
// again where the error says that it may help and nothing has been shown yet. Built once in each worker.

import { setTimeout as pause } from "node:timers/promises";
import type { Llm, LlmEvent, LlmRequest, LlmResult } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { FairSlots } from "../../runtime/shared/fair-slots.ts";
import { createEgress, type Egress } from "../egress.ts";
import { retryDelay } from "../provider-retry.ts";
import type { Transport } from "./answer.ts";
import { createAnthropicDirect } from "./anthropic-direct.ts";
import { createAnthropicSdk } from "./anthropic-sdk.ts";
import { createBuiltin } from "./builtin.ts";
import {
  attemptsMaxDefault,
  connectionsMaxDefault,
  type LlmConfig,
  type ProviderConfig,
  providerTimeouts,
} from "./config.ts";
import type { TransportParts } from "./direct.ts";
import { BUILTIN, chooseModel, windowOf } from "./models.ts";
import { createOpenaiDirect } from "./openai-direct.ts";
import { createOpenaiSdk } from "./openai-sdk.ts";

/** What `createLlm` may be given from outside. */
export interface LlmParts {
  /** The way out; default one that allows the hosts of the configuration. */
  readonly egress?: Egress;
  /** A number in [0, 1) for jitter. Default Math.random. */
  readonly random?: () => number;
}

/** Calls of one worker that may wait for one provider. */
const WAITING_MAX = 4_096;

const transports: Readonly<Record<string, (parts: TransportParts) => Transport>> = {
  "openai direct": createOpenaiDirect,
  "openai sdk": createOpenaiSdk,
  "anthropic direct": createAnthropicDirect,
  "anthropic sdk": createAnthropicSdk,
};

/** Hosts that the provider configuration itself allows. */
export function hostsOf(config: LlmConfig): string[] {
  return config.providers.map(({ baseUrl }) =>
    new URL(baseUrl).hostname.replace(/^\[|\]$/g, "").replace(/\.$/, ""),
  );
}

/** Builds the port. Calls without any configured provider go to the built-in answerer. */
export function createLlm(config: LlmConfig, parts: LlmParts = {}): Llm {
  const egress = parts.egress ?? createEgress({ allowedHosts: hostsOf(config) });
  const random = parts.random ?? Math.random;
  const builtin = createBuiltin();
  const byProvider = new Map<ProviderConfig, Line>();
  const lineOf = (provider: ProviderConfig): Line => {
    let line = byProvider.get(provider);
    if (!line) {
      const create = transports[`${provider.kind} ${provider.transport ?? "direct"}`];
      if (!create) {
        const text = `Provider ${provider.name} has an unknown kind or transport.`;
        throw new RuntimeError("CONFIG_INVALID", text);
      }
      const transport = create({ config: provider, egress });
      const slots = new FairSlots({
        name: `calls to ${provider.name}`,
        slots: provider.connectionsMax ?? connectionsMaxDefault,
        waitingMax: WAITING_MAX,
      });
      line = { provider, transport, slots, random };
      byProvider.set(provider, line);
    }
    return line;
  };
  return {
    async complete(request, { caller, signal, onEvent = () => {} }) {
      const { provider, model } = chooseModel(config, request.model);
      if (!provider) return builtin.attempt(request, { signal, onEvent });
      const call = { caller, ...lineOf(provider) };
      return completeWith(call, { ...request, model }, signal, onEvent);
    },
    windowOf: (model) => windowOf(config, model),
    isBuiltin: (model) => config.providers.length === 0 || model === BUILTIN,
  };
}

/** The way to one provider. */
interface Line {
  readonly transport: Transport;
  readonly provider: ProviderConfig;
  readonly slots: FairSlots;
  readonly random: () => number;
}

interface Call extends Line {
  readonly caller: { readonly tenant: string; readonly key: string };
}

async function completeWith(
  call: Call,
  request: LlmRequest,
  signal: AbortSignal,
  onEvent: (event: LlmEvent) => void,
): Promise<LlmResult> {
  const { provider } = call;
  const { totalMs } = { ...providerTimeouts, ...provider.timeouts };
  const attemptsMax = provider.attemptsMax ?? attemptsMaxDefault;
  const endsAt = performance.now() + totalMs;
  const whole = new AbortController();
  const timer = setTimeout(() => {
    const text = `${provider.name} has not answered within ${totalMs} ms.`;
    whole.abort(new RuntimeError("DEADLINE", text, { provider: provider.name, limitMs: totalMs }));
  }, totalMs);
  const onAbort = () => whole.abort(cancelled(provider, signal));
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  let hasShown = false;
  const show = (event: LlmEvent) => {
    hasShown = true;
    onEvent(event);
  };
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        whole.signal.throwIfAborted();
        return await attemptInSlot(call, request, { signal: whole.signal, onEvent: show });
      } catch (error) {
        const waitMs = hasShown
          ? undefined
          : retryDelay(error, attempt, { attemptsMax, random: call.random });
        if (waitMs === undefined || performance.now() + waitMs >= endsAt) throw error;
        await pauseUnless(whole.signal, waitMs);
      }
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

/** A call waits between its attempts without a slot. */
async function attemptInSlot(
  { slots, caller, transport }: Call,
  request: LlmRequest,
  options: { readonly signal: AbortSignal; readonly onEvent: (event: LlmEvent) => void },
): Promise<LlmResult> {
  const entered = slots.enter(caller.tenant, caller.key, options.signal);
  if (entered !== undefined) await entered;
  try {
    return await transport.attempt(request, options);
  } finally {
    slots.leave();
  }
}

function cancelled(provider: ProviderConfig, signal: AbortSignal): RuntimeError {
  if (signal.reason instanceof RuntimeError) return signal.reason;
  return new RuntimeError("CANCELLED", `The call to ${provider.name} was cancelled.`);
}

async function pauseUnless(signal: AbortSignal, ms: number): Promise<void> {
  // The pause rejects only for the abort, whose reason is what counts.
  await pause(ms, undefined, { signal }).catch(() => {});
  signal.throwIfAborted();
}
