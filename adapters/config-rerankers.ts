// The settings of re-rankers, and what they mean together: part of config-schema.ts and config.ts.

import { resolve } from "node:path";
import { isFolder } from "./config-embedders.ts";
import { choice, type Fields, integer, type ValuesOf } from "./config-field.ts";
import { type Dtype, dtypes } from "./embed/kinds.ts";

/** One re-ranker. */
export const rerankerFields = {
  name: {
    type: "text",
    text: "Name under which a collection or a search asks for it.",
    default: "",
    charsMax: 64,
    pattern: /^[a-z][a-z0-9_-]*$/,
    expected: "lower-case letters, digits, - and _, starting with a letter",
  },
  kind: choice(
    "`local` runs a cross-encoder in this process, `provider` asks a server with `/rerank`.",
    ["local", "provider"],
    "local",
  ),
  model: {
    type: "text",
    text: "Hub id (Xenova/ms-marco-MiniLM-L-6-v2) or folder (./model) of a local one; the provider's name of another.",
    default: "",
    charsMax: 400,
  },
  dtype: choice("How a local model's numbers are stored.", dtypes, "q8"),
  provider: {
    type: "text",
    text: "Name of the provider, for `provider`; its base address with /rerank behind it is asked.",
    default: null as string | null,
    charsMax: 64,
  },
  tokensMax: integer(
    "Tokens of a question with a text, of a local model; 0: the model's own limit.",
    "tokens",
    [0, 0, 100_000],
  ),
  timeoutMs: integer(
    "For one search; then its order is as it was found.",
    "ms",
    [5_000, 100, 20_000],
  ),
} as const satisfies Fields;

type Entry = ValuesOf<typeof rerankerFields>;

/** A configured re-ranker, as plain data. */
export type RerankerConfig = {
  readonly name: string;
  readonly id: string;
  readonly model: string;
  readonly timeoutMs: number;
} & (
  | {
      readonly kind: "local";
      readonly folder: string;
      readonly dtype: Dtype;
      readonly tokensMax: number;
    }
  | { readonly kind: "provider"; readonly provider: string }
);

/** The re-rankers of the configuration; what is wrong with them is added to `problems`. */
export function rerankersOf(
  entries: readonly Entry[],
  at: { readonly folder: string; readonly models: string },
  providers: readonly { readonly name: string; readonly kind: string }[],
  problems: string[],
): readonly RerankerConfig[] {
  const seen = new Set<string>();
  return entries.flatMap((entry): RerankerConfig[] => {
    const { name, kind, model, dtype, provider, tokensMax, timeoutMs } = entry;
    if (seen.has(name)) problems.push(`rerankers: the name "${name}" is used twice`);
    seen.add(name);
    const common = { name, model, timeoutMs };
    if (kind === "local") {
      const folder = isFolder(model) ? resolve(at.folder, model) : resolve(at.models, model);
      return [{ ...common, kind, id: `local:${model}:${dtype}`, folder, dtype, tokensMax }];
    }
    if (providers.find((one) => one.name === provider)?.kind !== "openai") {
      const text = `needs a provider of kind openai; "${provider ?? ""}" is none`;
      problems.push(`rerankers: ${name}: ${text}`);
      return [];
    }
    const asked = provider ?? "";
    return [{ ...common, kind, id: `provider:${asked}:${model}`, provider: asked }];
  });
}
