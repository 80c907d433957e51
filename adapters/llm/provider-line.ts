// The way to one provider from one thread: a slot, a key, the breaker, a bound in time, and further
// attempts where the error says that they may help and nothing has been shown yet.

import { setTimeout as pause } from "node:timers/promises";
import type { Llm, LlmEvent, LlmRequest, LlmResult } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { type Log, silentLog } from "../../runtime/log.ts";
import { FairSlots } from "../../runtime/shared/fair-slots.ts";
import type { WeightOf } from "../../runtime/shared/tenant-weights.ts";
import type { Egress } from "../egress.ts";
import { keyFaultOf } from "../provider-keys.ts";
import type { ProviderCounter } from "../provider-memory.ts";
import {
  type JudgedCall,
  judge,
  leftAlone,
  retryAfterOf,
  withoutKey,
} from "../provider-outcome.ts";
import { RETRY_AFTER_MS_MAX, retryDelay, withJitter } from "../provider-retry.ts";
import type { ProviderState } from "../provider-state.ts";
import type { Transport } from "./answer.ts";
import { createAnthropicDirect } from "./anthropic-direct.ts";
import { createAnthropicSdk } from "./anthropic-sdk.ts";
import {
  attemptsMaxDefault,
  connectionsMaxDefault,
  type ProviderConfig,
  providerTimeouts,
} from "./config.ts";
import type { TransportParts } from "./direct.ts";
import { type Attempt, hedged } from "./hedge.ts";
import { createOpenaiDirect } from "./openai-direct.ts";
import { createOpenaiSdk } from "./openai-sdk.ts";

const ANSWERS_AGAIN = "A provider answers again.";
/** Calls of one worker that may wait for one provider. */
const WAITING_MAX = 4_096;

const transports: Readonly<Record<string, (parts: TransportParts) => Transport>> = {
  "openai direct": createOpenaiDirect,
  "openai sdk": createOpenaiSdk,
  "anthropic direct": createAnthropicDirect,
  "anthropic sdk": createAnthropicSdk,
};

/** What a line is made from. */
export interface LineParts {
  readonly provider: ProviderConfig;
  readonly state: ProviderState;
  readonly egress: Egress;
  /** A number in [0, 1) for jitter. */
  readonly random: () => number;
  readonly log?: Log;
  /** Shares of a tenant where calls wait for a slot. Default: one each. */
  readonly weightOf?: WeightOf | undefined;
}

/** How one call is made. */
export interface LineOptions {
  readonly caller: Parameters<Llm["complete"]>[1]["caller"];
  readonly signal: AbortSignal;
  /** Absent: nothing of the answer is shown, and a cut stream may be asked for again. */
  readonly onEvent?: (event: LlmEvent) => void;
  /** Another model can be asked instead: a limited provider is not waited for. */
  readonly hasOther: boolean;
  /** The attempt that is made beside a slow one, of another provider; undefined: there is none now. */
  other?(): Attempt | undefined;
}

/** One call under way. */
interface Call {
  readonly request: LlmRequest;
  readonly options: LineOptions;
  /** The caller's end, or that of the call's time. */
  readonly signal: AbortSignal;
  readonly endsAtMs: number;
  hasShown: boolean;
  /** What the attempt under way has failed with, when it has one beside it. */
  failure: unknown;
  /** Another provider has answered. */
  isElsewhere: boolean;
}

/** What is asked, and for whom. */
interface Asked extends Pick<LineOptions, "caller"> {
  readonly request: LlmRequest;
}

/** The way to one provider. */
export class ProviderLine {
  readonly #parts: LineParts;
  readonly #log: Log;
  readonly #slots: FairSlots;
  readonly #slotsMax: number;
  /** One for each key. */
  readonly #transports: readonly Transport[];

  constructor(parts: LineParts) {
    const { provider, egress, log = silentLog } = parts;
    const create = transports[`${provider.kind} ${provider.transport ?? "direct"}`];
    if (!create) {
      const text = `Provider ${provider.name} has an unknown kind or transport.`;
      throw new RuntimeError("CONFIG_INVALID", text);
    }
    const keys = provider.apiKeys?.length ? provider.apiKeys : [provider.apiKey];
    this.#parts = parts;
    this.#log = log;
    this.#transports = keys.map((apiKey) => create({ config: { ...provider, apiKey }, egress }));
    this.#slotsMax = provider.connectionsMax ?? connectionsMaxDefault;
    this.#slots = new FairSlots({
      name: `calls to ${provider.name}`,
      slots: this.#slotsMax,
      waitingMax: WAITING_MAX,
      weightOf: parts.weightOf,
    });
  }

  /** Counts something that was done about this provider. */
  count(what: ProviderCounter): void {
    this.#parts.state.count(what);
  }

  /**
   * One call with its attempts. `request.model` is the provider's own name of the model.
   * @throws as `Llm.complete`; PROVIDER_UNAVAILABLE with `details.isOpen` at once while it is left alone.
   */
  async complete(request: LlmRequest, options: LineOptions): Promise<LlmResult> {
    const { state, provider } = this.#parts;
    const admission = state.breaker.enter();
    if (admission.isProbe === undefined) {
      state.count("turned_away");
      throw leftAlone(provider.name, admission.retryAfterMs);
    }
    const { totalMs } = { ...providerTimeouts, ...provider.timeouts };
    const whole = new AbortController();
    const timer = setTimeout(() => whole.abort(late(provider, totalMs)), totalMs);
    const onAbort = () => whole.abort(cancelled(provider, options.signal));
    options.signal.addEventListener("abort", onAbort);
    if (options.signal.aborted) onAbort();
    try {
      const endsAtMs = performance.now() + totalMs;
      const call: Call = {
        ...{ request, options, signal: whole.signal, endsAtMs },
        ...{ hasShown: false, failure: undefined, isElsewhere: false },
      };
      const result = await this.#attempts(call);
      // Of a provider that was only too slow nothing is known.
      if (!call.isElsewhere) this.#answered();
      else this.#judge(call.failure, { isProbe: admission.isProbe, isLeft: false });
      return result;
    } catch (error) {
      this.#judge(error, { isProbe: admission.isProbe, isLeft: options.signal.aborted });
      throw error;
    } finally {
      clearTimeout(timer);
      options.signal.removeEventListener("abort", onAbort);
    }
  }

  /**
   * An attempt beside a slow one of another provider, where the breaker is closed, nobody waits for a slot
   * and there is a key. `request.model` is the provider's own name of the model.
   */
  standIn(request: LlmRequest, caller: LineOptions["caller"]): Attempt | undefined {
    const { breaker, keys } = this.#parts.state;
    if (breaker.look().state !== "closed" || !this.#hasRoom()) return undefined;
    const { key } = keys.take(request.model);
    if (key === undefined) return undefined;
    return async (options) => {
      try {
        const result = await this.#attempt({ request, caller }, key, options);
        this.#answered();
        return result;
      } catch (error) {
        this.#judge(error, { isProbe: false, isLeft: options.signal.aborted });
        throw error;
      }
    };
  }

  async #attempts(call: Call): Promise<LlmResult> {
    const { provider, state, random } = this.#parts;
    const attemptsMax = provider.attemptsMax ?? attemptsMaxDefault;
    let last: unknown;
    let attempt = 1;
    // Every pass ends in an attempt that counts, in a key that rests from then on, or in a pause.
    for (let others = state.keys.count - 1; ; ) {
      call.signal.throwIfAborted();
      const choice = state.keys.take(call.request.model);
      if (choice.key === undefined) {
        await this.#awaitKey(call, choice.waitMs, last);
        continue;
      }
      try {
        return await this.#ask(call, choice.key);
      } catch (error) {
        last = error;
        if (call.hasShown) throw error;
        if (keyFaultOf(error) !== undefined && others > 0) {
          others -= 1;
          continue;
        }
        const waitMs = retryDelay(error, attempt, { attemptsMax, random });
        if (waitMs === undefined || performance.now() + waitMs >= call.endsAtMs) throw error;
        attempt += 1;
        // A limited key is waited for where the next one is taken.
        if (keyFaultOf(error) === undefined) await pauseUnless(call.signal, waitMs);
      }
    }
  }

  /** All keys rest: waits for the first that may be good again. @throws what its provider said last. */
  async #awaitKey(call: Call, restMs: number | undefined, last: unknown): Promise<void> {
    const { provider, random } = this.#parts;
    const error = last ?? withoutKey(provider.name, restMs);
    if (restMs === undefined || restMs > RETRY_AFTER_MS_MAX || call.options.hasOther) throw error;
    const waitMs = withJitter(restMs, random());
    if (performance.now() + waitMs >= call.endsAtMs) throw error;
    await pauseUnless(call.signal, waitMs);
  }

  /** With one key; when it is slow and the provider is hedged, beside it another provider, or another key. */
  #ask(call: Call, key: number): Promise<LlmResult> {
    const { hedgeAfterMs = 0 } = this.#parts.provider;
    const { signal, request } = call;
    const { caller } = call.options;
    const onEvent = (event: LlmEvent): void => {
      const { onEvent: show } = call.options;
      if (show === undefined) return;
      call.hasShown = true;
      show(event);
    };
    const asked = { request, caller };
    if (hedgeAfterMs === 0) return this.#attempt(asked, key, { signal, onEvent });
    let isElsewhere = false;
    call.failure = undefined;
    const first: Attempt = (options) =>
      this.#attempt(asked, key, options).catch((error: unknown) => {
        if (!options.signal.aborted) call.failure = error;
        throw error;
      });
    return hedged(first, {
      ...{ request, signal, onEvent, afterMs: hedgeAfterMs },
      second: () => {
        const other = call.options.other?.();
        isElsewhere = other !== undefined;
        const attempt = other ?? this.#second(asked, key);
        if (attempt !== undefined) this.count("hedges");
        return attempt;
      },
      onWon: () => {
        call.isElsewhere = isElsewhere;
        this.count("hedges_won");
      },
    });
  }

  /** A second attempt, where nobody waits for a slot and there is a key for it: another one, if it can be. */
  #second(asked: Asked, first: number): Attempt | undefined {
    if (!this.#hasRoom()) return undefined;
    const { key } = this.#parts.state.keys.take(asked.request.model, first);
    return key === undefined ? undefined : (options) => this.#attempt(asked, key, options);
  }

  #hasRoom(): boolean {
    return this.#slots.taken < this.#slotsMax;
  }

  /** Once, with one key. A call waits between its attempts without a slot. */
  async #attempt(
    { request, caller }: Asked,
    key: number,
    { signal, onEvent }: Parameters<Attempt>[0],
  ): Promise<LlmResult> {
    const { state } = this.#parts;
    // What may be waited for here holds no slot.
    await caller.attempts?.begin();
    try {
      const entered = this.#slots.enter(caller.tenant, caller.key, signal);
      if (entered !== undefined) await entered;
    } catch (error) {
      caller.attempts?.failed(error, false);
      throw error;
    }
    try {
      const transport = this.#transports[key] as Transport;
      const result = await transport.attempt(request, { signal, onEvent });
      state.keys.accepted(key, request.model);
      state.count("answered");
      return result;
    } catch (error) {
      caller.attempts?.failed(error, true);
      const fault = keyFaultOf(error);
      if (fault !== undefined) state.keys.rest(key, request.model, fault, retryAfterOf(error));
      state.count(outcomeOf(error));
      throw error;
    } finally {
      this.#slots.leave();
    }
  }

  /** What the end of a call says of the provider. */
  #judge(error: unknown, call: JudgedCall): void {
    const { state, provider } = this.#parts;
    const { isClosed, openMs } = judge(state.breaker, error, call);
    if (isClosed) this.#log.write("warn", ANSWERS_AGAIN, { provider: provider.name });
    if (openMs === undefined || !(error instanceof RuntimeError)) return;
    const fields = { provider: provider.name, ms: openMs, code: error.code, error: error.message };
    this.#log.write("warn", "A provider does not answer: it is left alone for a while.", fields);
  }

  #answered(): void {
    const { state, provider } = this.#parts;
    if (!state.breaker.answered()) return;
    this.#log.write("warn", ANSWERS_AGAIN, { provider: provider.name });
  }
}

function outcomeOf(error: unknown): ProviderCounter {
  if (!(error instanceof RuntimeError) || error.code === "CANCELLED") return "cancelled";
  if (error.code === "PROVIDER_LIMITED") return "limited";
  return error.code === "PROVIDER_FAILED" ? "refused" : "unavailable";
}

function late({ name }: ProviderConfig, totalMs: number): RuntimeError {
  const text = `${name} has not answered within ${totalMs} ms.`;
  return new RuntimeError("DEADLINE", text, { provider: name, limitMs: totalMs });
}

function cancelled({ name }: ProviderConfig, signal: AbortSignal): RuntimeError {
  if (signal.reason instanceof RuntimeError) return signal.reason;
  return new RuntimeError("CANCELLED", `The call to ${name} was cancelled.`);
}

async function pauseUnless(signal: AbortSignal, ms: number): Promise<void> {
  // The pause rejects only for the abort, whose reason is what counts.
  await pause(ms, undefined, { signal }).catch(() => {});
  signal.throwIfAborted();
}
