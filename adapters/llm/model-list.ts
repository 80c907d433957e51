// The models there are: what each provider lists, what the configuration names, with windows and prices.
// Asked of a provider seldom, and shown without its part when it does not answer.

import { figureOf, modelsOfChain } from "../../actors/model-chain.ts";
import type { ModelPrice } from "../../actors/money/catalogue.ts";
import { type ErrorData, toErrorData } from "../../runtime/errors.ts";
import { createEgress, type Egress } from "../egress.ts";
import { refusedBy } from "../provider-error.ts";
import { isObject, parseObject } from "./answer.ts";
import { anthropicVersion } from "./anthropic-wire.ts";
import type { LlmConfig, ProviderConfig } from "./config.ts";
import { hostsOf } from "./llm.ts";
import { BUILTIN, chooseModel, windowOf } from "./models.ts";

/** What a provider listed is believed for so long; that it did not answer, for less. */
const LISTED_MS = 300_000;
const FAILED_MS = 10_000;
/** Models taken of one provider. */
const MODELS_MAX = 1_000;
const limits = { firstByteMs: 2_500, idleMs: 2_500, totalMs: 5_000, bytesMax: 4 * 1024 * 1024 };

/** One model. */
export interface ListedModel {
  /** As an agent may name it: `provider/model`. */
  readonly id: string;
  readonly provider: string;
  readonly windowTokens: number;
  /** Null when it is not configured. */
  readonly price: ModelPrice | null;
}

/** All of them, and whose are missing. */
export interface ModelList {
  readonly models: readonly ListedModel[];
  readonly missing: readonly { readonly provider: string; readonly error: ErrorData }[];
}

type Listed = { readonly names: readonly string[] } | { readonly error: ErrorData };

interface Asked {
  readonly atMs: number;
  readonly answer: Promise<Listed>;
  hasFailed: boolean;
}

/**
 * Makes the list. @param named models that the configuration names beside those with figures.
 * @param parts.nowMs a clock that nobody sets.
 */
export function createModelList(
  config: LlmConfig,
  named: readonly string[],
  parts: { readonly egress?: Egress; readonly nowMs?: () => number } = {},
): () => Promise<ModelList> {
  const { egress = createEgress({ allowedHosts: hostsOf(config) }) } = parts;
  const { nowMs = () => performance.now() } = parts;
  const known = new Map<ProviderConfig, Asked>();
  const listed = (provider: ProviderConfig): Promise<Listed> => {
    const before = known.get(provider);
    const restMs = before?.hasFailed ? FAILED_MS : LISTED_MS;
    if (before !== undefined && nowMs() - before.atMs < restMs) return before.answer;
    const asked: Asked = { atMs: nowMs(), answer: ask(provider, egress), hasFailed: false };
    known.set(provider, asked);
    return asked.answer.then((answer) => {
      asked.hasFailed = "error" in answer;
      return answer;
    });
  };
  return async () => {
    const answers = await Promise.all(config.providers.map(listed));
    const ids = new Set<string>();
    const missing: ModelList["missing"][number][] = [];
    for (const [at, { name }] of config.providers.entries()) {
      const answer = answers[at];
      if (answer === undefined) continue;
      if ("error" in answer) missing.push({ provider: name, error: answer.error });
      else for (const model of answer.names) ids.add(`${name}/${model}`);
    }
    for (const name of named.flatMap(modelsOfChain)) {
      const id = idOf(config, name);
      if (id !== undefined) ids.add(id);
    }
    const models = [...ids].sort().map((id) => figured(config, id));
    return { models: [...models, builtin], missing };
  };
}

const builtin: ListedModel = {
  ...{ id: BUILTIN, provider: BUILTIN, price: { inputMicros: 0, outputMicros: 0 } },
  windowTokens: windowOf({ providers: [] }, BUILTIN),
};

function figured(config: LlmConfig, id: string): ListedModel {
  const provider = id.slice(0, id.indexOf("/"));
  const price = figureOf(config.prices ?? {}, id) ?? null;
  return { id, provider, windowTokens: windowOf(config, id), price };
}

/** `provider/model` of a name; undefined when nobody serves it. */
function idOf(config: LlmConfig, name: string): string | undefined {
  try {
    const { provider, model } = chooseModel(config, name);
    return provider && `${provider.name}/${model}`;
  } catch {
    return undefined;
  }
}

/** What a provider lists. Both protocols have the same form of a list. */
async function ask(provider: ProviderConfig, egress: Egress): Promise<Listed> {
  const { kind, apiKey, name } = provider;
  const base = provider.baseUrl.replace(/\/+$/, "");
  const isOpenai = kind === "openai";
  const own: Readonly<Record<string, string>> = isOpenai
    ? { authorization: `Bearer ${apiKey}` }
    : { "x-api-key": apiKey, "anthropic-version": anthropicVersion };
  try {
    const response = await egress.request({
      url: isOpenai ? `${base}/models` : `${base}/v1/models?limit=${MODELS_MAX}`,
      method: "GET",
      headers: { accept: "application/json", ...(apiKey === "" ? {} : own) },
      limits,
    });
    const text = await response.text();
    if (response.status !== 200)
      throw refusedBy(response, text, { provider: name, secret: apiKey });
    const { data } = parseObject(text, name);
    const names = (Array.isArray(data) ? data : []).flatMap((model) =>
      isObject(model) && typeof model["id"] === "string" ? [model["id"].slice(0, 200)] : [],
    );
    return { names: names.slice(0, MODELS_MAX) };
  } catch (error) {
    return { error: toErrorData(error) };
  }
}
