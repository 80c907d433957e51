// Each model provider: reached through the guard that calls go through, and each of its keys accepted by
// the cheapest call there is, the list of its models, and its clock like ours. Keys are never shown.

import type { Config } from "../config.ts";
import { createModelList } from "../llm/model-list.ts";
import { llmConfigOf } from "../llm-config.ts";
import { type Check, error, type Finding, ok, warning } from "./check.ts";
import { providerClock } from "./provider-clock.ts";

/** Keys of one provider that are tried. */
const KEYS_MAX = 20;

export const providersCheck: Check = {
  name: "providers",
  run: async ({ config }) => {
    if (config === null) return [];
    if (config.providers.length === 0) {
      return [ok("None is set: the built-in answerer answers, which quotes what it finds.")];
    }
    const looked = config.providers.map(async (provider) => [
      ...(await look(config, provider)),
      ...(await providerClock(config, provider)),
    ]);
    return (await Promise.all(looked)).flat();
  },
};

type Provider = Config["providers"][number];

async function look(config: Config, provider: Provider): Promise<readonly Finding[]> {
  const { apiKey, apiKeys, name } = provider;
  const keys = [...new Set([...(apiKey === null ? [] : [apiKey]), ...apiKeys])].slice(0, KEYS_MAX);
  const tried = keys.length === 0 ? [null] : keys;
  const findings = await Promise.all(
    tried.map(async (key, at) => {
      const which = tried.length > 1 ? `key ${at + 1} of ${tried.length}` : "its key";
      const one = { ...config, providers: [{ ...provider, apiKey: key, apiKeys: [] }] };
      const { models, missing } = await createModelList(llmConfigOf(one), [])();
      const failed = missing[0]?.error;
      if (failed === undefined)
        return ok(`${name}: lists ${models.length - 1} models with ${which}.`);
      return judged(provider, failed, which);
    }),
  );
  return findings;
}

function judged(
  { name, baseUrl }: Provider,
  failed: { readonly message: string; readonly details?: Readonly<Record<string, unknown>> },
  which: string,
): Finding {
  const status = Number(failed.details?.["status"] ?? 0);
  if (status === 401 || status === 403) {
    const fix = "Set a key that the provider accepts, and start the server again.";
    return error(`${name}: ${baseUrl} does not accept ${which} (${status}).`, fix);
  }
  if (status === 404 || status === 405) {
    return warning(
      `${name}: ${baseUrl} lists no models (${status}), so that ${which} was not tried.`,
      "If chats fail, compare base_url with what the provider's page says.",
    );
  }
  if (status === 429) {
    return warning(`${name}: ${baseUrl} limits ${which} (429).`, "Wait, or raise the quota there.");
  }
  return error(
    `${name}: ${baseUrl} does not answer: ${failed.message}`,
    "Compare base_url, the network's way out and the provider's status page.",
  );
}
