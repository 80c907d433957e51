// The configuration of providers as the Llm port takes it.

import type { Config } from "./config.ts";
import type { LlmConfig } from "./llm/config.ts";

/** From the settings. It holds keys: never logged. */
export function llmConfigOf({
  providers,
  defaultProvider,
}: Pick<Config, "providers" | "defaultProvider">): LlmConfig {
  return {
    providers: providers.map(({ firstByteMs, idleMs, totalMs, models, apiKey, ...provider }) => ({
      ...provider,
      apiKey: apiKey ?? "",
      ...(models.length > 0 && { models }),
      timeouts: { firstByteMs, idleMs, totalMs },
    })),
    ...(defaultProvider !== null && { defaultProvider }),
  };
}
