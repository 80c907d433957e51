// An embedder whose model runs in this process, in the compute pool's threads. This side of it sends
// each text on its own: the pool puts texts of all callers together, tenants in turn.

import { setMaxListeners } from "node:events";
import type { Compute, Embedder, EmbedOptions } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { LocalInput, LocalOutput } from "./local-model.ts";
import type { LocalModel } from "./model-folder.ts";
import { localTaskName } from "./tasks.ts";

/** Limits of one call. */
export const localLimits = {
  /** Texts of one call that wait or run at once. */
  underWayMax: 64,
  /** For one text, its wait and the model's loading included. */
  timeoutMs: 120_000,
  /** What nearly every model adds around a text. */
  specialTokens: 2,
} as const;

let calls = 0;

/** @param id under which collections are pinned to it. */
export function createLocalEmbedder(
  id: string,
  model: LocalModel,
  compute: Pick<Compute, "run">,
): Embedder {
  return {
    id,
    dimension: model.dimension,
    tokensMax: Math.max(1, model.inputTokensMax - localLimits.specialTokens),
    tokenizer: { kind: "model", folder: model.folder },
    async embed(texts, options) {
      const outputs = await embedAll(model, compute, texts, options);
      options.onUse?.({
        tokens: outputs.reduce((sum, { tokens }) => sum + tokens, 0),
        estimated: false,
        truncated: outputs.flatMap(({ isTruncated }, at) => (isTruncated ? [at] : [])),
      });
      return outputs.map(({ vector }) => vector);
    },
  };
}

async function embedAll(
  model: LocalModel,
  compute: Pick<Compute, "run">,
  texts: readonly string[],
  { tenant, signal, purpose = "document" }: EmbedOptions,
): Promise<LocalOutput[]> {
  if (signal?.aborted) throw new RuntimeError("CANCELLED", "The embedding was cancelled.");
  calls += 1;
  const key = String(calls);
  const prompt = model.prompts[purpose];
  // Texts of like length meet in a batch.
  const order = [...texts.keys()].sort((a, b) => lengthOf(texts, b) - lengthOf(texts, a));
  const outputs = new Array<LocalOutput>(texts.length);
  // When one fails the others are not wanted any more.
  const failed = new AbortController();
  const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  // Each text that waits listens to it.
  setMaxListeners(localLimits.underWayMax + 1, stop);
  const { timeoutMs } = localLimits;
  const work = async (): Promise<void> => {
    for (let at = order.shift(); at !== undefined; at = order.shift()) {
      const input: LocalInput = { model, text: prompt + (texts[at] ?? "") };
      const options = { tenant, key, signal: stop, timeoutMs };
      outputs[at] = (await compute.run(localTaskName, input, options)) as LocalOutput;
    }
  };
  const workers = Math.min(localLimits.underWayMax, texts.length);
  try {
    await Promise.all(Array.from({ length: workers }, work));
  } catch (error) {
    order.length = 0;
    failed.abort();
    throw error;
  }
  return outputs;
}

function lengthOf(texts: readonly string[], at: number): number {
  return texts[at]?.length ?? 0;
}
