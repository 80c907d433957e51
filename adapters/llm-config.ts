// The configuration of providers as the Llm port takes it.

import type { Config } from "./config.ts";
import type { LlmConfig } from "./llm/config.ts";

/** From the settings, without prices: no call asks for them. It holds keys: never logged. */
export function llmConfigOf({
  providers,
  defaultProvider,
  knownModels,
}: Pick<Config, "providers" | "defaultProvider" | "knownModels">): LlmConfig {
  return {
    windows: Object.fromEntries(
      knownModels.flatMap(({ name, windowTokens }) =>
        windowTokens > 0 ? [[name, windowTokens]] : [],
      ),
    ),
    images: Object.fromEntries(
      knownModels.flatMap(({ name, images }) =>
        images === "unknown" ? [] : [[name, images === "yes"]],
      ),
    ),
    providers: providers.map(({ firstByteMs, idleMs, totalMs, models, apiKey, ...provider }) => ({
      ...provider,
      apiKey: apiKey ?? "",
      ...(models.length > 0 && { models }),
      timeouts: { firstByteMs, idleMs, totalMs },
    })),
    ...(defaultProvider !== null && { defaultProvider }),
  };
}
