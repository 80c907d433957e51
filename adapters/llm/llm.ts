// The Llm port: chooses the model's provider, a chain of them, or the built-in answerer. Built once in
// each worker.

import { modelsOfChain } from "../../actors/model-chain.ts";
import type { Llm } from "../../actors/ports.ts";
import type { Log } from "../../runtime/log.ts";
import type { WeightOf } from "../../runtime/shared/tenant-weights.ts";
import { createEgress, type Egress } from "../egress.ts";
import { providerMemory } from "../provider-memory.ts";
import { createBuiltin } from "./builtin.ts";
import type { LlmConfig } from "./config.ts";
import { BUILTIN, checkTopK, chooseModel, takesImages, windowOf } from "./models.ts";
import type { FindLine } from "./provider-lines.ts";

/** What `createLlm` may be given from outside. */
export interface LlmParts {
  /** The way out; default one that allows the hosts of the configuration. */
  readonly egress?: Egress;
  /** A number in [0, 1) for jitter. Default Math.random. */
  readonly random?: () => number;
  /** What is known of the providers, of `providerMemory`. Default: known to this port alone. */
  readonly memory?: SharedArrayBuffer;
  readonly log?: Log;
  /** Shares of a tenant where calls wait for a slot. Default: one each. */
  readonly weightOf?: WeightOf | undefined;
}

/** Hosts that the provider configuration itself allows. */
export function hostsOf(config: LlmConfig): string[] {
  return config.providers.map(({ baseUrl }) =>
    new URL(baseUrl).hostname.replace(/^\[|\]$/g, "").replace(/\.$/, ""),
  );
}

/** Builds the port. Calls without any configured provider go to the built-in answerer. */
export function createLlm(config: LlmConfig, parts: LlmParts = {}): Llm {
  const { providers } = config;
  const builtin = createBuiltin();
  // A thread without providers does not load what speaks to them.
  const lines = providers.length === 0 ? undefined : loadLines(config, parts);
  // Whoever calls is told; until then it is nobody's.
  lines?.catch(() => undefined);
  return {
    async complete(request, { caller, signal, onEvent = () => {} }) {
      const models = modelsOfChain(request.model);
      if (request.topK !== undefined) checkTopK(config, models);
      const lineOf = await lines;
      if (lineOf && models.length > 1) {
        const choose = (one: string) => chooseModel(config, one);
        const { askChain } = await import("./chain.ts");
        return askChain(models, request, { caller, signal, onEvent, lineOf, choose });
      }
      const { provider, model } = chooseModel(config, request.model);
      if (!provider || !lineOf) return builtin.attempt(request, { signal, onEvent });
      const asked = model === request.model ? request : { ...request, model };
      return lineOf(provider).complete(asked, { caller, signal, onEvent, hasOther: false });
    },
    // What is sent must fit whichever of a chain is asked.
    windowOf: (model) => Math.min(...modelsOfChain(model).map((one) => windowOf(config, one))),
    takesImages: (model) => modelsOfChain(model).every((one) => takesImages(config, one)),
    isBuiltin: (model) => providers.length === 0 || model === BUILTIN,
  };
}

async function loadLines(config: LlmConfig, parts: LlmParts): Promise<FindLine> {
  const {
    egress = createEgress({ allowedHosts: hostsOf(config) }),
    random = Math.random,
    memory = providerMemory(config.providers),
    log,
    weightOf,
  } = parts;
  const { createLines } = await import("./provider-lines.ts");
  return createLines(config, { egress, random, memory, weightOf, ...(log && { log }) });
}
