// The configuration of model providers as plain data: parsed by adapters/config.ts, sent to each
// worker, read by llm.ts. It holds keys, so it is never logged.

import type { ModelPrice } from "../../actors/money/catalogue.ts";

/** How long a provider may take. All in milliseconds. */
export interface ProviderTimeouts {
  /** From sending the request to the first byte of the answer. Default 60,000. */
  readonly firstByteMs: number;
  /** Between two pieces of a stream. Default 60,000. */
  readonly idleMs: number;
  /** A whole call with its retries. Default 600,000. */
  readonly totalMs: number;
}

/** One model provider. */
export interface ProviderConfig {
  /** Name in rules (`name/model`), results and errors. Letters, digits, `-`, `_`. */
  readonly name: string;
  /** The protocol it speaks. */
  readonly kind: "openai" | "anthropic";
  /**
   * Where it is, as its SDK takes it: "https://api.openai.com/v1", "https://api.anthropic.com",
   * "http://localhost:11434/v1". Its host is allowed by that, private addresses included.
   */
  readonly baseUrl: string;
  /** Sent as the protocol wants it. Empty for servers that need none. */
  readonly apiKey: string;
  /** All of its keys, when there are several: calls take them in turn. Default: `apiKey` alone. */
  readonly apiKeys?: readonly string[];
  /** Prefixes of the model names it serves, e.g. ["gpt-", "o3"]. Default: by kind, see llm.ts. */
  readonly models?: readonly string[];
  /** `direct` reads the wire itself, `sdk` goes through the official package. Default direct. */
  readonly transport?: "direct" | "sdk";
  /** Unset ones take the defaults of `providerTimeouts`. */
  readonly timeouts?: Partial<ProviderTimeouts>;
  /** Calls to it at once from one worker, a socket each; more wait in fair order. Default 256. */
  readonly connectionsMax?: number;
  /** Attempts of one call, the first included, before any text was shown. Default 3, 1..10. */
  readonly attemptsMax?: number;
  /** Calls that fail in a row before it is left alone; 0: never. Default 5. */
  readonly breakerFailures?: number;
  /** How long it is left alone then, ms. Default 10,000. */
  readonly breakerOpenMs?: number;
  /** A call without a word for so long is made a second time beside it, ms; 0, the default: never. */
  readonly hedgeAfterMs?: number;
}

/** Everything `createLlm` needs. */
export interface LlmConfig {
  /** In order: the first whose rule fits serves a model. Empty: the built-in answerer serves all. */
  readonly providers: readonly ProviderConfig[];
  /** Name of the provider for models that no rule names. Default: none, such models are refused. */
  readonly defaultProvider?: string;
  /** Context window by model name or prefix, in tokens; goes before the known figures. */
  readonly windows?: Readonly<Record<string, number>>;
  /** Whether a model takes images, by name or prefix; goes before what is known. */
  readonly images?: Readonly<Record<string, boolean>>;
  /** Prices by model name or prefix. */
  readonly prices?: Readonly<Record<string, ModelPrice>>;
}

/** Timeouts where a provider's configuration names none. */
export const providerTimeouts: ProviderTimeouts = {
  firstByteMs: 60_000,
  idleMs: 60_000,
  totalMs: 600_000,
};

/** Sockets to one provider where its configuration names no limit. */
export const connectionsMaxDefault = 256;

/** Attempts of one call where the provider's configuration names no limit. */
export const attemptsMaxDefault = 3;

/** When a provider is left alone where its configuration says nothing. */
export const breakerDefaults = { breakerFailures: 5, breakerOpenMs: 10_000 } as const;
