// The ways to all providers of the configuration from one thread. Loaded where there are any.

import type { Log } from "../../runtime/log.ts";
import type { WeightOf } from "../../runtime/shared/tenant-weights.ts";
import type { Egress } from "../egress.ts";
import { type ProviderState, providerStates } from "../provider-state.ts";
import type { LlmConfig, ProviderConfig } from "./config.ts";
import { ProviderLine } from "./provider-line.ts";

/** What the lines share. */
export interface LinesParts {
  readonly egress: Egress;
  /** A number in [0, 1) for jitter. */
  readonly random: () => number;
  /** Of `providerMemory`. */
  readonly memory: SharedArrayBuffer;
  readonly log?: Log;
  readonly weightOf?: WeightOf | undefined;
}

/** Finds the line of a provider of this configuration. */
export type FindLine = (provider: ProviderConfig) => ProviderLine;

/** Makes each line when it is first asked for. */
export function createLines({ providers }: LlmConfig, parts: LinesParts): FindLine {
  const states = providerStates(parts.memory, providers);
  const lines = new Map<ProviderConfig, ProviderLine>();
  return (provider) => {
    let line = lines.get(provider);
    if (line === undefined) {
      const state = states[providers.indexOf(provider)] as ProviderState;
      line = new ProviderLine({ ...parts, provider, state });
      lines.set(provider, line);
    }
    return line;
  };
}
