// How the providers stand, as main sees it. Loaded with the first look.

import type { Config } from "./config.ts";
import type { ProviderFigures } from "./llm/provider-figures.ts";

/** Looks at all providers. */
export type LookAtProviders = () => Promise<readonly ProviderFigures[]>;

/** Makes the look over the memory that all threads share. */
export function lookAtProviders(
  config: Pick<Config, "providers" | "defaultProvider">,
  memory: SharedArrayBuffer,
): LookAtProviders {
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
