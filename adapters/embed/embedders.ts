// The embedders of one thread, from plain configuration: the composition of this folder. Each is made,
// and its modules are loaded, when a collection first asks for it.

import { join } from "node:path";
import type { ProviderPurse } from "../../actors/money/provider-call.ts";
import type { Compute, Embedder, Embedders } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { WeightOf } from "../../runtime/shared/tenant-weights.ts";
import type { SealerSource } from "../../runtime/store/sealer.ts";
import type { EmbedderConfig } from "../config-embedders.ts";
import { hostOf } from "../egress-address.ts";
import { builtinEmbedder } from "./builtin.ts";
import { BUILTIN } from "./kinds.ts";
import type { LocalModel } from "./model-folder.ts";
import { createRegistry, type EmbedderEntry, type MadeEmbedder } from "./registry.ts";
import { type EmbeddersConfig, weightsTaskName } from "./tasks.ts";
import type { WeightsInput } from "./weights-task.ts";

/** What a configured embedder is made from. */
interface Parts {
  readonly config: EmbeddersConfig & {
    /** Where what is a tenant's is sealed on the disk, no vectors are remembered there. */
    readonly sealer?: SealerSource | undefined;
  };
  readonly compute: Pick<Compute, "run">;
  /** Shares of a tenant where requests to a provider wait. Default: one each. */
  readonly weightOf?: WeightOf;
  /** Where requests to a provider are paid. Default: nowhere. */
  readonly purse?: ProviderPurse | undefined;
}

/** The registry of a thread; `builtin` is its built-in one, and all there is without `parts`. */
export function createEmbedders(builtin: Embedder, parts?: Parts): Embedders {
  const first: EmbedderEntry = {
    name: BUILTIN,
    id: builtinEmbedder.id,
    make: () => Promise.resolve({ embedder: builtin }),
  };
  if (parts === undefined) return createRegistry([first], BUILTIN);
  const entries = parts.config.embedders.map(
    (embedder): EmbedderEntry => ({
      name: embedder.name,
      id: embedder.id,
      make: () => make(embedder, parts),
    }),
  );
  return createRegistry([first, ...entries], parts.config.defaultEmbedder);
}

type Local = Extract<EmbedderConfig, { kind: "local" }>;
type Remote = Extract<EmbedderConfig, { kind: "openai" }>;

async function make(entry: EmbedderConfig, parts: Parts): Promise<MadeEmbedder> {
  const made =
    entry.kind === "local" ? await makeLocal(entry, parts) : await makeOpenai(entry, parts);
  const { embedding, sealer } = parts.config;
  if (embedding.cacheMib === 0 || sealer !== undefined) return made;
  const [{ remembering }, { openVectorCache }] = await Promise.all([
    import("./remembering.ts"),
    import("./vector-cache.ts"),
  ]);
  const { embedder, weights } = made;
  const path = memoryPath(entry.id, embedder.dimension, parts);
  const open = () => openVectorCache(path, embedder.dimension, embedding.cacheMib * 1_024 * 1_024);
  return { ...made, embedder: remembering(embedder, open, weights) };
}

/** Where the vectors of an embedder are remembered, and beside it what tells its weights. */
function memoryPath(id: string, dimension: number, { config }: Parts): string {
  return join(config.data, "vectors", `${encodeURIComponent(id)}-${dimension}`);
}

async function makeOpenai(entry: Remote, parts: Parts): Promise<MadeEmbedder> {
  const [{ createOpenaiEmbedder }, { createEgress }, { probing }, { callStates }] =
    await Promise.all([
      import("./openai.ts"),
      import("../egress.ts"),
      import("./probe.ts"),
      import("./provider-call.ts"),
    ]);
  const { config, compute, weightOf, purse } = parts;
  const provider = config.providers.find(({ name }) => name === entry.provider);
  if (provider === undefined) {
    // The configuration was checked; its parts do not fit together.
    throw new RuntimeError("CONFIG_INVALID", `There is no provider "${entry.provider}".`);
  }
  // The operator's own address: private ones are allowed by that.
  const egress = createEgress({ allowedHosts: [hostOf(new URL(provider.baseUrl))] });
  const { embedding: state } = callStates(config.providers, provider, config.embedMemory);
  const embedder = createOpenaiEmbedder({
    ...{ entry, provider, state, egress, compute, weightOf, purse },
  });
  const memory = `${memoryPath(entry.id, entry.dimension, parts)}.weights`;
  return { embedder, weights: probing(embedder, memory) };
}

/** How often a model's files are looked at, at most. */
const LOOK_MS = 1_000;
/** For hashing a model's files, its wait for a thread included. */
const HASH_MS = 300_000;

async function makeLocal(entry: Local, parts: Parts): Promise<MadeEmbedder> {
  const [{ createLocalEmbedder }, { filesVersion, readModelFolder }, { weightsOfFiles }] =
    await Promise.all([import("./local.ts"), import("./model-folder.ts"), import("./weights.ts")]);
  const { compute } = parts;
  const { id, model: name, folder, dtype, pooling, tokensMax, queryPrefix, documentPrefix } = entry;
  const found = await readModelFolder(name, folder, dtype);
  const model: LocalModel = {
    ...found,
    ...(pooling !== "auto" && { pooling }),
    ...(tokensMax > 0 && { inputTokensMax: Math.min(tokensMax, found.inputTokensMax) }),
    prompts: {
      query: queryPrefix ?? found.prompts.query,
      document: documentPrefix ?? found.prompts.document,
    },
  };
  const memory = `${memoryPath(id, model.dimension, parts)}.weights`;
  const input: WeightsInput = { model, memory };
  const hash = async (): Promise<string> => {
    const options = { tenant: "models", timeoutMs: HASH_MS };
    return weightsOfFiles(String(await compute.run(weightsTaskName, input, options)));
  };
  let weights: Promise<string> | undefined;
  let lookedAt = performance.now();
  return {
    embedder: createLocalEmbedder(id, model, compute),
    weights() {
      weights ??= hash();
      weights.catch(() => {
        weights = undefined;
      });
      return weights;
    },
    async isCurrent() {
      if (performance.now() - lookedAt < LOOK_MS) return true;
      lookedAt = performance.now();
      return (await filesVersion(folder, dtype)) === model.version;
    },
  };
}
