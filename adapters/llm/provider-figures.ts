// How the providers stand, for /metrics and /admin/providers. Keys are told apart without being shown.

import { createHash } from "node:crypto";
import type { BreakerState } from "../provider-breaker.ts";
import type { KeyState } from "../provider-keys.ts";
import type { ProviderCounter } from "../provider-memory.ts";
import { providerStates } from "../provider-state.ts";
import type { LlmConfig } from "./config.ts";

/** A key with fewer characters shows none of them. */
const SHOWN_FROM_CHARS = 20;
const SHOWN_CHARS = 4;
const FINGERPRINT_CHARS = 12;

/** One key. */
export interface KeyFigures {
  /** Beginning of its SHA-256, hexadecimal. */
  readonly fingerprint: string;
  /** Its last four characters; null for a key so short that they would say much of it. */
  readonly endsWith: string | null;
  readonly state: KeyState;
  /** How long it is left aside yet, ms. */
  readonly restMs: number;
  /** Models that it is left aside for alone. */
  readonly models: number;
  /** How often it was left aside. */
  readonly rests: number;
}

/** One provider. */
export interface ProviderFigures {
  readonly name: string;
  readonly kind: string;
  readonly baseUrl: string;
  readonly breaker: {
    readonly state: BreakerState;
    /** Calls that failed in a row. */
    readonly failures: number;
    readonly openings: number;
    /** How long it is left alone yet, ms. */
    readonly retryAfterMs: number;
  };
  readonly calls: Readonly<Record<ProviderCounter, number>>;
  /** Empty for a server that needs none. */
  readonly keys: readonly KeyFigures[];
}

/** Looks at all providers, in the order of the configuration, over the memory that was made for them. */
export function createProviderFigures(
  { providers }: LlmConfig,
  memory: SharedArrayBuffer,
): () => readonly ProviderFigures[] {
  const states = providerStates(memory, providers);
  const names = providers.map(({ apiKey, apiKeys }) =>
    (apiKeys ?? [apiKey]).filter((key) => key !== "").map(shownKey),
  );
  return () =>
    states.map((state, at) => {
      const { name = "", kind = "", baseUrl = "" } = providers[at] ?? {};
      const keys = (names[at] ?? []).map((key, number) => ({ ...key, ...state.keys.look(number) }));
      return { name, kind, baseUrl, breaker: state.breaker.look(), calls: state.counts(), keys };
    });
}

function shownKey(key: string): Pick<KeyFigures, "fingerprint" | "endsWith"> {
  return {
    fingerprint: createHash("sha256").update(key).digest("hex").slice(0, FINGERPRINT_CHARS),
    endsWith: key.length < SHOWN_FROM_CHARS ? null : key.slice(-SHOWN_CHARS),
  };
}
