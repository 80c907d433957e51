// The re-rankers of one thread, from plain configuration. Each is made, and its modules are loaded,
// when a search first asks for it.

import type { ProviderPurse } from "../../actors/money/provider-call.ts";
import type { Compute, Reranker, Rerankers } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { WeightOf } from "../../runtime/shared/tenant-weights.ts";
import type { RerankerConfig } from "../config-rerankers.ts";
import { hostOf } from "../egress-address.ts";
import type { EmbeddersConfig } from "./tasks.ts";

/** What a configured re-ranker is made from. */
interface Parts {
  readonly config: Pick<EmbeddersConfig, "rerankers" | "providers" | "embedMemory">;
  readonly compute: Pick<Compute, "run">;
  /** Shares of a tenant where requests to a provider wait. Default: one each. */
  readonly weightOf?: WeightOf;
  /** Where requests to a provider are paid. Default: nowhere. */
  readonly purse?: ProviderPurse | undefined;
}

/** The registry of a thread. A failed making is tried again when it is next asked for. */
export function createRerankers(parts: Parts): Rerankers {
  const { rerankers } = parts.config;
  const made = new Map<string, Promise<Reranker>>();
  const names = rerankers.map(({ name }) => name);
  return {
    names,
    async find(name) {
      const entry = rerankers.find((one) => one.name === name);
      if (entry === undefined) {
        const text = `There is no re-ranker "${name}"; configured: ${names.join(", ") || "none"}.`;
        throw new RuntimeError("INVALID", text, { reranker: name, rerankers: names });
      }
      const making = made.get(name) ?? make(entry, parts);
      made.set(name, making);
      making.catch(() => made.delete(name));
      const reranker = await making.catch(asOurs);
      return {
        id: reranker.id,
        rerank: (...of) => reranker.rerank(...of).catch(asOurs),
      };
    },
  };
}

/** Models are loaded as an embedder's are; what is missing is missing for us. */
function asOurs(error: unknown): never {
  if (!(error instanceof RuntimeError) || error.code !== "EMBEDDER_UNAVAILABLE") throw error;
  const { message, details } = error;
  throw new RuntimeError("RERANKER_UNAVAILABLE", message, details, { cause: error });
}

function make(entry: RerankerConfig, parts: Parts): Promise<Reranker> {
  return entry.kind === "local" ? makeLocal(entry, parts) : makeRemote(entry, parts);
}

async function makeLocal(
  { id, model, folder, dtype, tokensMax, timeoutMs }: Extract<RerankerConfig, { kind: "local" }>,
  { compute }: Parts,
): Promise<Reranker> {
  const [{ createLocalReranker }, { readModelFolder }] = await Promise.all([
    import("./rerank-local.ts"),
    import("./model-folder.ts"),
  ]);
  const found = await readModelFolder(model, folder, dtype);
  const inputTokensMax =
    tokensMax > 0 ? Math.min(tokensMax, found.inputTokensMax) : found.inputTokensMax;
  return createLocalReranker(id, { ...found, inputTokensMax }, timeoutMs, compute);
}

async function makeRemote(
  entry: Extract<RerankerConfig, { kind: "provider" }>,
  { config, weightOf, purse }: Parts,
): Promise<Reranker> {
  const [{ createProviderReranker }, { createEgress }, { callStates }] = await Promise.all([
    import("./rerank-provider.ts"),
    import("../egress.ts"),
    import("./provider-call.ts"),
  ]);
  const provider = config.providers.find(({ name }) => name === entry.provider);
  if (provider === undefined) {
    // The configuration was checked; its parts do not fit together.
    throw new RuntimeError("CONFIG_INVALID", `There is no provider "${entry.provider}".`);
  }
  // The operator's own address: private ones are allowed by that.
  const egress = createEgress({ allowedHosts: [hostOf(new URL(provider.baseUrl))] });
  const { reranking: state } = callStates(config.providers, provider, config.embedMemory);
  return createProviderReranker({ entry, provider, state, egress, weightOf, purse });
}
