// Which provider serves a model, and how much fits its window. Pure.

import { figureOf } from "../../actors/model-chain.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { LlmConfig, ProviderConfig } from "./config.ts";

/** The name of the built-in answerer, as a model and as a provider. */
export const BUILTIN = "builtin";

const prefixesByKind: Readonly<Record<ProviderConfig["kind"], readonly string[]>> = {
  openai: ["gpt-", "chatgpt-", "o1", "o3", "o4"],
  anthropic: ["claude-"],
};

/** A provider and its own name of the model. `provider` is undefined for the built-in answerer. */
export interface ModelChoice {
  readonly provider: ProviderConfig | undefined;
  readonly model: string;
}

/**
 * Maps a model's name: `builtin`; then `provider/model`; then the prefixes of each provider in order
 * (its own, or those of its kind); then the default provider. With no provider at all everything is
 * served by the built-in answerer.
 * @throws RuntimeError MODEL_UNKNOWN when providers are configured and none serves it.
 */
export function chooseModel(config: LlmConfig, model: string): ModelChoice {
  if (config.providers.length === 0 || model === BUILTIN) {
    return { provider: undefined, model: BUILTIN };
  }
  const slash = model.indexOf("/");
  const named = config.providers.find(({ name }) => name === model.slice(0, slash));
  if (slash > 0 && named) return { provider: named, model: model.slice(slash + 1) };
  const found =
    config.providers.find((one) => serves(one, model)) ??
    config.providers.find(({ name }) => name === config.defaultProvider);
  if (found) return { provider: found, model };
  const names = config.providers.map(({ name }) => name).join(", ");
  const hint = `Write "provider/model", name it in a provider's models, or set a default provider`;
  throw new RuntimeError(
    "MODEL_UNKNOWN",
    `No provider serves the model "${model}". ${hint}; configured: ${names}.`,
    { model, providers: config.providers.map(({ name }) => name) },
  );
}

/** Name of the provider that has local models, as set-ups of agents in files take for granted. */
const OLLAMA = "ollama";

/** A model as agents of files name it: one that no provider is known to have is Ollama's, where that is configured. */
export function modelOfFile(config: LlmConfig, model: string): string {
  const { providers } = config;
  if (model === BUILTIN || !providers.some(({ name }) => name === OLLAMA)) return model;
  const isNamed = providers.some(({ name }) => model.startsWith(`${name}/`));
  return isNamed || providers.some((one) => serves(one, model)) ? model : `${OLLAMA}/${model}`;
}

const serves = (provider: ProviderConfig, model: string): boolean =>
  (provider.models ?? prefixesByKind[provider.kind]).some((prefix) => model.startsWith(prefix));

/** @throws INVALID with the pointer for a model that is reached by a protocol without `top_k`. */
export function checkTopK(config: LlmConfig, models: readonly string[]): void {
  const other = models.find((one) => chooseModel(config, one).provider?.kind !== "anthropic");
  if (other === undefined) return;
  const who = other === "" ? "The model" : `The model ${other.slice(0, 80)}`;
  const text = `${who} takes no top_k: only those of Anthropic's protocol do. Leave it out.`;
  throw new RuntimeError("INVALID", text, { pointer: "/top_k" });
}

const WINDOW_DEFAULT = 128_000;

// Published figures, longest prefix first where one begins another.
const knownWindows: readonly (readonly [string, number])[] = [
  ["gpt-3.5", 16_385],
  ["gpt-4.1", 1_047_576],
  ["gpt-4-32k", 32_768],
  ["gpt-4-turbo", 128_000],
  ["gpt-4o", 128_000],
  ["gpt-4", 8_192],
  ["gpt-5", 400_000],
  ["o1", 200_000],
  ["o3", 200_000],
  ["o4", 200_000],
  ["claude-", 200_000],
  [BUILTIN, 1_000_000],
];

// Models that read text alone, longest prefix first where one begins another; newer ones all take images.
const knownImages: Readonly<Record<string, boolean>> = {
  "gpt-3.5": false,
  "gpt-4": false,
  "gpt-4-turbo": true,
  "gpt-4-vision": true,
  "gpt-4.": true,
  "gpt-4o": true,
  "o1-mini": false,
  "o1-preview": false,
  "o3-mini": false,
  "claude-2": false,
  "claude-instant": false,
};

/** Whether a model takes images: as configured, as known, or it is left to its provider to refuse them. */
export function takesImages(config: LlmConfig, model: string): boolean {
  if (config.providers.length === 0 || model === BUILTIN) return false;
  return figureOf(config.images ?? {}, model) ?? figureOf(knownImages, model) ?? true;
}

/** Context window in tokens: configured (exact name, then longest prefix), known, or 128,000. */
export function windowOf(config: LlmConfig, model: string): number {
  const name = config.providers.length === 0 ? BUILTIN : model;
  const own = figureOf(config.windows ?? {}, name);
  if (own !== undefined) return own;
  const bare = name.slice(name.indexOf("/") + 1);
  const known = knownWindows.find(([prefix]) => bare.startsWith(prefix));
  return known?.[1] ?? WINDOW_DEFAULT;
}
