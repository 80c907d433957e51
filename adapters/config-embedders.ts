// What the settings of embedders mean together: names, ids, the provider of each and its dimension.
// The id is what collections are pinned to, so it names all that changes the vectors.

import { createHash } from "node:crypto";
import { basename, isAbsolute, resolve } from "node:path";
import type { embedderFields } from "./config-embedding.ts";
import type { ValuesOf } from "./config-field.ts";
import { BUILTIN, type Dtype, type Pooling } from "./embed/kinds.ts";

type Entry = ValuesOf<typeof embedderFields>;

interface Common {
  readonly name: string;
  readonly id: string;
  readonly model: string;
  readonly tokensMax: number;
  readonly queryPrefix: string | null;
  readonly documentPrefix: string | null;
}

/** A configured embedder, as plain data. */
export type EmbedderConfig = Common &
  (
    | {
        readonly kind: "local";
        readonly folder: string;
        readonly dtype: Dtype;
        readonly pooling: Pooling | "auto";
      }
    | {
        readonly kind: "openai";
        readonly provider: string;
        readonly dimension: number;
        /** Whether the provider is asked for `dimension`. */
        readonly sendDimension: boolean;
        readonly tokenizer: "approximate" | "cl100k_base" | "o200k_base";
      }
  );

/** Dimensions and limits of OpenAI's own models; `isShortened`: they take a smaller dimension. */
const knownModels: Readonly<
  Record<string, { readonly dimension: number; readonly isShortened: boolean }>
> = {
  "text-embedding-3-small": { dimension: 1_536, isShortened: true },
  "text-embedding-3-large": { dimension: 3_072, isShortened: true },
  "text-embedding-ada-002": { dimension: 1_536, isShortened: false },
};
const KNOWN_TOKENS_MAX = 8_191;
/** Where a provider's model is not known: what nearly all take. */
const TOKENS_MAX = 512;

/** The embedders of the configuration; what is wrong with them is added to `problems`. */
export function embeddersOf(
  values: { readonly embedders: readonly Entry[]; readonly defaultEmbedder: string },
  at: { readonly folder: string; readonly models: string },
  providers: readonly { readonly name: string; readonly kind: string }[],
  problems: string[],
): readonly EmbedderConfig[] {
  const seen = new Set([BUILTIN]);
  const embedders = values.embedders.flatMap((entry): EmbedderConfig[] => {
    if (seen.has(entry.name)) problems.push(`embedders: the name "${entry.name}" is used twice`);
    seen.add(entry.name);
    if (entry.kind === "local") return [local(entry, at)];
    return remote(entry, providers, problems);
  });
  if (!seen.has(values.defaultEmbedder)) {
    const names = [...seen].join(", ");
    const problem = `there is no embedder "${values.defaultEmbedder}"; there are ${names}`;
    problems.push(`default_embedder: ${problem}`);
  }
  return embedders;
}

/** Whether a model is a folder and no id of the hub. */
export function isFolder(model: string): boolean {
  return isAbsolute(model) || /^\.{1,2}[\\/]/.test(model);
}

function local(entry: Entry, at: { readonly folder: string; readonly models: string }) {
  const { name, model, dtype, pooling, tokensMax, queryPrefix, documentPrefix } = entry;
  const folder = isFolder(model) ? resolve(at.folder, model) : resolve(at.models, model);
  const id = `local:${isFolder(model) ? basename(folder) : model}:${dtype}${othersOf(entry)}`;
  return {
    ...{ kind: "local" as const, name, id, model, folder, dtype, pooling },
    ...{ tokensMax, queryPrefix, documentPrefix },
  };
}

/** What else changes the vectors, where it is set. */
function othersOf({ pooling, queryPrefix, documentPrefix }: Entry): string {
  const pooled = pooling === "auto" ? "" : `:${pooling}`;
  if (queryPrefix === null && documentPrefix === null) return pooled;
  const prefixes = JSON.stringify([queryPrefix, documentPrefix]);
  return `${pooled}:${createHash("sha256").update(prefixes).digest("hex").slice(0, 8)}`;
}

function remote(
  entry: Entry,
  providers: readonly { readonly name: string; readonly kind: string }[],
  problems: string[],
): EmbedderConfig[] {
  const { name, model, queryPrefix, documentPrefix } = entry;
  const provider = entry.provider ?? "openai";
  const found = providers.find((one) => one.name === provider);
  if (found?.kind !== "openai") {
    const what = found === undefined ? "there is no" : "embeddings need kind openai of the";
    problems.push(`embedders: ${name}: ${what} provider "${provider}"`);
    return [];
  }
  const known = Object.hasOwn(knownModels, model) ? knownModels[model] : undefined;
  const dimension = entry.dimension || known?.dimension;
  if (dimension === undefined) {
    problems.push(`embedders: ${name}: the dimension of ${model} is not known; set "dimension"`);
    return [];
  }
  const isShorter = known?.isShortened === true && dimension !== known.dimension;
  const byDefault = known === undefined ? "approximate" : "cl100k_base";
  return [
    {
      ...{ kind: "openai", name, model, provider, dimension, queryPrefix, documentPrefix },
      id: `openai:${provider}:${model}:${dimension}${othersOf(entry)}`,
      tokensMax: entry.tokensMax || (known === undefined ? TOKENS_MAX : KNOWN_TOKENS_MAX),
      sendDimension: entry.shorten === "on" || (entry.shorten === "auto" && isShorter),
      tokenizer: entry.tokenizer === "auto" ? byDefault : entry.tokenizer,
    },
  ];
}
