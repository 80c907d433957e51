// How the providers stand and which models they have, as main sees it. Loaded with the first look.

import type { Config } from "./config.ts";
import { modelPricesOf } from "./config-prices.ts";
import type { ModelList } from "./llm/model-list.ts";
import type { ProviderFigures } from "./llm/provider-figures.ts";

type LlmSettings = Pick<Config, "providers" | "defaultProvider" | "knownModels">;

/** Looks at all providers. */
export type LookAtProviders = () => Promise<readonly ProviderFigures[]>;

/** Makes the look over the memory that all threads share. */
export function lookAtProviders(config: LlmSettings, memory: SharedArrayBuffer): LookAtProviders {
  let loading: Promise<() => readonly ProviderFigures[]> | undefined;
  const load = async (): Promise<() => readonly ProviderFigures[]> => {
    const { createProviderFigures } = await import("./llm/provider-figures.ts");
    const { llmConfigOf } = await import("./llm-config.ts");
    return createProviderFigures(llmConfigOf(config), memory);
  };
  return async () => {
    loading ??= load();
    return (await loading)();
  };
}

/** The list of models; made with the first look at it. */
export function listModels(
  config: LlmSettings & Pick<Config, "defaultModel">,
): () => Promise<ModelList> {
  let loading: Promise<() => Promise<ModelList>> | undefined;
  const load = async (): Promise<() => Promise<ModelList>> => {
    const { createModelList } = await import("./llm/model-list.ts");
    const { llmConfigOf } = await import("./llm-config.ts");
    const names = config.knownModels.map(({ name }) => name);
    const named = config.defaultModel === null ? [] : [config.defaultModel];
    // A beginning of names ends in no name of its own.
    const priced = { ...llmConfigOf(config), prices: modelPricesOf(config.knownModels) };
    return createModelList(priced, [...named, ...names.filter(isWhole)]);
  };
  return async () => {
    loading ??= load();
    return await (await loading)();
  };
}

function isWhole(name: string): boolean {
  return !/[-/.]$/.test(name);
}
