// The embedders of one thread, from plain configuration: the composition of this folder. Each is made,
// and its modules are loaded, when a collection first asks for it.

import { join } from "node:path";
import type { Compute, Embedder, Embedders } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { EmbedderConfig } from "../config-embedders.ts";
import { hostOf } from "../egress-address.ts";
import { builtinEmbedder } from "./builtin.ts";
import { BUILTIN } from "./kinds.ts";
import { createRegistry, type EmbedderEntry } from "./registry.ts";
import type { EmbeddersConfig } from "./tasks.ts";

/** What a configured embedder is made from. */
interface Parts {
  readonly config: EmbeddersConfig;
  readonly compute: Pick<Compute, "run">;
}

/** The registry of a thread; `builtin` is its built-in one, and all there is without `parts`. */
export function createEmbedders(builtin: Embedder, parts?: Parts): Embedders {
  const first: EmbedderEntry = {
    name: BUILTIN,
    id: builtinEmbedder.id,
    make: () => Promise.resolve(builtin),
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

async function make(entry: EmbedderConfig, parts: Parts): Promise<Embedder> {
  const embedder =
    entry.kind === "local" ? await makeLocal(entry, parts) : await makeOpenai(entry, parts);
  const { embedding, data } = parts.config;
  if (embedding.cacheMib === 0) return embedder;
  const [{ remembering }, { openVectorCache }] = await Promise.all([
    import("./remembering.ts"),
    import("./vector-cache.ts"),
  ]);
  const { id, dimension } = embedder;
  const path = join(data, "vectors", `${encodeURIComponent(id)}-${dimension}`);
  const open = () => openVectorCache(path, dimension, embedding.cacheMib * 1_024 * 1_024);
  return remembering(embedder, open, await versionOf(entry));
}

/** A folder may get other files under its name; a provider's model is what its name says. */
async function versionOf(entry: EmbedderConfig): Promise<string> {
  if (entry.kind !== "local") return "";
  const { filesVersion } = await import("./model-folder.ts");
  return await filesVersion(entry.folder, entry.dtype);
}

async function makeOpenai(entry: Remote, { config, compute }: Parts): Promise<Embedder> {
  const [{ createOpenaiEmbedder }, { createEgress }] = await Promise.all([
    import("./openai.ts"),
    import("../egress.ts"),
  ]);
  const provider = config.providers.find(({ name }) => name === entry.provider);
  if (provider === undefined) {
    // The configuration was checked; its parts do not fit together.
    throw new RuntimeError("CONFIG_INVALID", `There is no provider "${entry.provider}".`);
  }
  // The operator's own address: private ones are allowed by that.
  const egress = createEgress({ allowedHosts: [hostOf(new URL(provider.baseUrl))] });
  return createOpenaiEmbedder({ entry, provider, egress, compute });
}

async function makeLocal(entry: Local, { compute }: Parts): Promise<Embedder> {
  const [{ createLocalEmbedder }, { readModelFolder }] = await Promise.all([
    import("./local.ts"),
    import("./model-folder.ts"),
  ]);
  const { id, model, folder, dtype, pooling, tokensMax, queryPrefix, documentPrefix } = entry;
  const found = await readModelFolder(model, folder, dtype);
  return createLocalEmbedder(
    id,
    {
      ...found,
      ...(pooling !== "auto" && { pooling }),
      ...(tokensMax > 0 && { inputTokensMax: Math.min(tokensMax, found.inputTokensMax) }),
      prompts: {
        query: queryPrefix ?? found.prompts.query,
        document: documentPrefix ?? found.prompts.document,
      },
    },
    compute,
  );
}
